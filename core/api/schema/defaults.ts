/**
 * The defaults that the schema says, for built-in types and custom resources alike. They are only a part of Kubernetes'
 * defaulting: what depends on other fields is in the kinds' hooks. Shares everything that it does not change.
 */
import { isObject } from "../json.ts";
import type { Field, FieldType, ObjectType } from "./schema.ts";
import type { JsonObject } from "../json.ts";

/** `object` itself when nothing was missing. A null is missing where the field has a default. */
export function applyDefaults<T extends JsonObject>(type: ObjectType, object: T): T {
  let changed: { [field: string]: unknown } | undefined;
  for (const field of fieldsWithDefaults(type)) {
    const before = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    const value = (before === undefined || (before === null && field.nullable !== true)) && isFilled(field) ? copyOf(field.default) : before;
    const after = value === undefined || value === null ? value : inside(field.type, value);
    if (after !== before) (changed ??= { ...object })[field.name] = after;
  }
  return changed === undefined ? object : { ...object, ...changed };
}

/** Most are texts and numbers, and structuredClone costs a microsecond also for these. */
const copyOf = (value: unknown): unknown => (typeof value === "object" ? structuredClone(value) : value);

/** A default that is the empty value of a field which leaves empty values out says nothing. */
const isFilled = ({ default: value, empty }: Field): boolean => value !== undefined && !(empty === "omit" && value === "");

function inside(type: FieldType, value: unknown): unknown {
  if (type.kind === "object") return isObject(value) ? applyDefaults(type.type, value) : value;
  if (type.kind === "list" && Array.isArray(value) && hasInside(type.items)) {
    const after = value.map((each: unknown) => inside(type.items, each));
    return after.some((each, index) => each !== value[index]) ? after : value;
  }
  if (type.kind === "map" && isObject(value) && hasInside(type.values)) {
    const after = Object.entries(value).map(([key, each]) => [key, inside(type.values, each)] as const);
    return after.some(([key, each]) => each !== value[key]) ? Object.fromEntries(after) : value;
  }
  return value;
}

const concerned = new WeakMap<ObjectType, readonly Field[]>();

/** Of the hundreds of fields of a type, the few that have a default or lead to one. */
function fieldsWithDefaults(type: ObjectType): readonly Field[] {
  let fields = concerned.get(type);
  if (fields === undefined) concerned.set(type, (fields = [...type.fields.values()].filter((field) => hasDefault(field, new Set()))));
  return fields;
}

/** `seen`: types may contain themselves */
function hasDefault({ default: value, type }: Field, seen: Set<ObjectType>): boolean {
  if (value !== undefined) return true;
  const inner = objectIn(type);
  if (inner === undefined || seen.has(inner)) return false;
  seen.add(inner);
  return [...inner.fields.values()].some((field) => hasDefault(field, seen));
}

function objectIn(type: FieldType): ObjectType | undefined {
  if (type.kind === "list") return objectIn(type.items);
  if (type.kind === "map") return objectIn(type.values);
  return type.kind === "object" ? type.type : undefined;
}

const hasInside = (type: FieldType) => type.kind === "object" || type.kind === "list" || type.kind === "map";
