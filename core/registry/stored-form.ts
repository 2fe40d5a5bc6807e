/**
 * What reading gives back of what was written. Kubernetes stores its kinds as protobuf, which knows no empty list: a field
 * that is always shown (no omitempty) and was written as [] is read as null, already in the answer to the write.
 */
import type { Kind } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { FieldType, ObjectType } from "../api/schema/schema.ts";

/** Those are stored as JSON, as custom resources are. */
const AS_JSON = new Set(["apiextensions.k8s.io", "apiregistration.k8s.io"]);

/** The same object when there is nothing to change. */
export function storedForm(kind: Kind, object: AnyObject): AnyObject {
  return isCustom(kind) || AS_JSON.has(kind.group) ? object : (ofObject(kind.schema, object) as AnyObject);
}

type Value = { readonly [field: string]: unknown };

function ofObject(type: ObjectType, value: Value): Value {
  let changed: { [field: string]: unknown } | undefined;
  for (const { name, type: below, always } of listsIn(type)) {
    const before = value[name];
    if (before === undefined || before === null) continue;
    const after = always && Array.isArray(before) && before.length === 0 ? null : ofValue(below, before);
    if (after !== before) (changed ??= { ...value })[name] = after;
  }
  return changed ?? value;
}

function ofValue(type: FieldType, value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (type.kind === "object") return ofObject(type.type, value as Value);
  if (type.kind === "list" && Array.isArray(value)) {
    const items: unknown[] = value.map((item) => ofValue(type.items, item));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  return value;
}

interface Leading {
  readonly name: string;
  readonly type: FieldType;
  /** the field is a list that is shown when it is empty, too */
  readonly always: boolean;
}

const known = new WeakMap<ObjectType, readonly Leading[]>();

/** The fields that are, or lead to, such lists: few, so most of an object is not looked at. */
function listsIn(type: ObjectType): readonly Leading[] {
  let found = known.get(type);
  if (found !== undefined) return found;
  // types that contain themselves lead nowhere new
  known.set(type, []);
  found = [...type.fields.values()].flatMap((field) => {
    const always = field.type.kind === "list" && field.empty === "null";
    return always || leads(field.type) ? [{ name: field.name, type: field.type, always }] : [];
  });
  known.set(type, found);
  return found;
}

function leads(type: FieldType): boolean {
  if (type.kind === "list") return leads(type.items);
  return type.kind === "object" && listsIn(type.type).length > 0;
}
