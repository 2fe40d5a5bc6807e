/**
 * How ownership sees a value: a leaf, owned as a whole, or something with parts of their own. The schema says it (atomic,
 * list type and keys); where there is no schema, objects have parts and lists do not.
 */
import { isObject } from "../../api/json.ts";
import type { Field, FieldType, ObjectType } from "../../api/schema/schema.ts";

export type Type = FieldType | undefined;

/** `declared`: a field of a structure, not an entry of a map */
export interface Part {
  readonly type: Type;
  readonly declared: boolean;
  /** of a declared field: its path element, made once */
  readonly element?: string;
}

export type Shape =
  | { readonly kind: "leaf" }
  | { readonly kind: "parts"; readonly part: (name: string) => Part }
  | { readonly kind: "items"; readonly items: Type; readonly element: (item: unknown) => string };

const leaf: Shape = { kind: "leaf" };
const unknown: Part = { type: undefined, declared: false };
const untyped: Shape = { kind: "parts", part: () => unknown };
const shapes = new WeakMap<object, Shape>();
const roots = new WeakMap<ObjectType, FieldType>();

/** One for each kind: shapes are remembered by it. */
export function rootType(type: ObjectType): FieldType {
  let root = roots.get(type);
  if (root === undefined) roots.set(type, (root = { kind: "object", type }));
  return root;
}

/** `value` decides only where there is no schema. */
export function shapeOf(type: Type, value: unknown): Shape {
  if (type === undefined) return isObject(value) ? untyped : leaf;
  if (type.kind === "scalar") return leaf;
  if (type.kind === "special") return type.special === "JSON" && isObject(value) ? untyped : leaf;
  let shape = shapes.get(type);
  if (shape === undefined) shapes.set(type, (shape = make(type)));
  return shape;
}

function make(type: FieldType): Shape {
  switch (type.kind) {
    case "object": {
      if (type.type.atomic) return leaf;
      const parts = new Map<string, Part>();
      for (const field of type.type.fields.values()) parts.set(field.name, { type: field.type, declared: true, element: `f:${field.name}` });
      return { kind: "parts", part: (name) => parts.get(name) ?? unknown };
    }
    case "map": {
      const entry: Part = { type: type.values, declared: false };
      return type.atomic ? leaf : { kind: "parts", part: () => entry };
    }
    case "list":
      if (type.list.type === "atomic") return leaf;
      if (type.list.type === "set") return { kind: "items", items: type.items, element: (item) => `v:${JSON.stringify(item)}` };
      return { kind: "items", items: type.items, element: keyed(type.list.keys, type.items) };
    default:
      return leaf;
  }
}

/**
 * Items of a list map are named by their keys, in order; a key that is left out has its default (ports: protocol TCP), or
 * is no part of the name. One key at least there must be.
 */
function keyed(keys: readonly string[], items: FieldType): (item: unknown) => string {
  const sorted = keys.toSorted();
  const fieldOf = (key: string): Field | undefined => (items.kind === "object" ? items.type.fields.get(key) : undefined);
  return (item) => {
    const named: { [key: string]: unknown } = {};
    for (const key of sorted) {
      const value = (isObject(item) ? item[key] : undefined) ?? fieldOf(key)?.default;
      if (value !== undefined) named[key] = value;
    }
    if (Object.keys(named).length === 0) {
      const all = keys.map((key) => JSON.stringify(key)).join(" ");
      throw new KeyError(`associative list with keys has an element that omits all key fields [${all}] (and doesn't have default values for any key fields)`);
    }
    return `k:${JSON.stringify(named)}`;
  };
}

/** An item of a list map without its key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}
