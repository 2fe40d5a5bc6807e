/**
 * The defaults that the schema says, for built-in types and custom resources alike. They are only a part of Kubernetes'
 * defaulting: what depends on other fields is in the kinds' hooks. Shares everything that it does not change.
 */
import type { FieldType, ObjectType } from "./schema.ts";

type JsonObject = { readonly [field: string]: unknown };

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** `object` itself when nothing was missing. A null is missing where the field has a default. */
export function applyDefaults<T extends JsonObject>(type: ObjectType, object: T): T {
  let changed: { [field: string]: unknown } | undefined;
  for (const field of type.fields.values()) {
    const before = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    const value = (before === undefined || (before === null && field.nullable !== true)) && field.default !== undefined ? structuredClone(field.default) : before;
    const after = value === undefined || value === null ? value : inside(field.type, value);
    if (after !== before) (changed ??= { ...object })[field.name] = after;
  }
  return changed === undefined ? object : { ...object, ...changed };
}

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

const hasInside = (type: FieldType) => type.kind === "object" || type.kind === "list" || type.kind === "map";
