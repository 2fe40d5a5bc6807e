/** The paths that an applied configuration claims: its leaves, the items of its lists, the entries of its maps. */
import { isObject } from "../../api/json.ts";
import type { FieldSet } from "./field-set.ts";
import { childrenOf, leaf, nodeOf, nothing } from "./field-set.ts";
import type { Type } from "./shape.ts";
import { shapeOf } from "./shape.ts";

export function fieldsOf(type: Type, value: unknown): FieldSet {
  return node(type, value) ?? nothing;
}

function node(type: Type, value: unknown): FieldSet | undefined {
  const shape = shapeOf(type, value);
  if (shape.kind === "leaf") return leaf;
  const children: { [element: string]: FieldSet } = {};
  if (shape.kind === "items") {
    if (!Array.isArray(value)) return undefined;
    for (const item of value) children[shape.element(item)] = nodeOf(true, childrenOf(node(shape.items, item) ?? nothing)) ?? leaf;
    return nodeOf(false, children);
  }
  if (!isObject(value)) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const { type: below, declared } = shape.part(key);
    const inside = node(below, part);
    const claimed = inside === leaf || !declared || part === null || (isObject(part) && Object.keys(part).length === 0);
    const child = nodeOf(claimed, inside === undefined || inside === leaf ? nothing : childrenOf(inside));
    if (child !== undefined) children[`f:${key}`] = child;
  }
  return nodeOf(false, children);
}

/**
 * With the fields of structures as members wherever something below them is: removing all that is below a field of a
 * structure removes the field, too. Entries of maps stay as they are.
 */
export function withNamedFields(type: Type, value: unknown, set: FieldSet): FieldSet {
  const shape = shapeOf(type, value);
  if (shape.kind === "leaf") return set;
  const result: { [element: string]: FieldSet } = {};
  for (const [element, child] of Object.entries(set)) {
    if (element === ".") continue;
    const { below, declared } = shape.kind === "items" ? { below: shape.items, declared: false } : partOf(shape.part(element.slice(2)));
    const inside = withNamedFields(below, undefined, childrenOf(child));
    const member = Object.keys(child).length === 0 || "." in child || declared;
    result[element] = nodeOf(member, inside) ?? leaf;
  }
  return result;
}

const partOf = ({ type, declared }: { readonly type: Type; readonly declared: boolean }) => ({ below: type, declared });
