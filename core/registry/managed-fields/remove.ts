/** A value without the parts at some paths. What loses all its parts becomes null: decoding drops it. */
import { isObject } from "../../api/json.ts";
import type { FieldSet } from "./field-set.ts";
import { childrenOf, isEmpty, isMember } from "./field-set.ts";
import type { Type } from "./shape.ts";
import { shapeOf } from "./shape.ts";

export function removeFields(type: Type, value: unknown, set: FieldSet): unknown {
  if (isEmpty(set)) return value;
  const shape = shapeOf(type, value);
  if (shape.kind === "leaf") return value;
  if (shape.kind === "items") {
    if (!Array.isArray(value) || value.length === 0) return value;
    const kept: unknown[] = [];
    for (const item of value) {
      const node = set[shape.element(item)];
      if (node === undefined) kept.push(item);
      else if (!isMember(node)) kept.push(removeFields(shape.items, item, node));
    }
    return kept.length === 0 ? null : kept;
  }
  if (!isObject(value) || Object.keys(value).length === 0) return value;
  const kept: { [key: string]: unknown } = {};
  for (const [key, part] of Object.entries(value)) {
    const node = set[`f:${key}`];
    if (node === undefined) kept[key] = part;
    else if (!isMember(node)) kept[key] = removeFields(shape.part(key).type, part, childrenOf(node));
  }
  return isEmpty(kept as FieldSet) ? null : kept;
}
