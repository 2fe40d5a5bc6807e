/** What changed between two values, as three sets of paths. Parts that are the same object are not looked at. */
import { equal } from "../equal.ts";
import type { FieldSet } from "./field-set.ts";
import { isEmpty, leaf, nodeOf, nothing } from "./field-set.ts";
import type { Shape, Type } from "./shape.ts";
import { isObject, shapeOf } from "./shape.ts";

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export const unchanged: Comparison = { added: nothing, modified: nothing, removed: nothing };

/** Nodes, not sets: undefined where nothing is. */
interface Nodes {
  readonly added?: FieldSet | undefined;
  readonly modified?: FieldSet | undefined;
  readonly removed?: FieldSet | undefined;
}

type Children = { [element: string]: FieldSet };

export function compare(type: Type, old: unknown, next: unknown): Comparison {
  const { added = nothing, modified = nothing, removed = nothing } = nodes(type, old, next) ?? {};
  return { added, modified, removed };
}

export const isUnchanged = ({ added, modified, removed }: Comparison) => isEmpty(added) && isEmpty(modified) && isEmpty(removed);

function nodes(type: Type, old: unknown, next: unknown): Nodes | undefined {
  if (old === next) return undefined;
  const shape = shapeOf(type, next ?? old);
  // What was and stays empty is owned as a whole, so that "empty" and "absent" can differ.
  if (shape.kind === "leaf" || (hasNone(old) && hasNone(next))) return leaves(old, next);
  if (shape.kind === "parts" && (Array.isArray(old) || Array.isArray(next))) return leaves(old, next);
  const added: Children = {};
  const modified: Children = {};
  const removed: Children = {};
  for (const [element, below, before, after] of pairs(shape, old, next)) {
    const child = nodes(below, before, after);
    if (child === undefined) continue;
    if (child.added !== undefined) added[element] = child.added;
    if (child.modified !== undefined) modified[element] = child.modified;
    if (child.removed !== undefined) removed[element] = child.removed;
  }
  return { added: nodeOf(old === undefined, added), modified: nodeOf(false, modified), removed: nodeOf(next === undefined, removed) };
}

function leaves(old: unknown, next: unknown): Nodes | undefined {
  if (old === undefined) return { added: leaf };
  if (next === undefined) return { removed: leaf };
  return equal(old, next) ? undefined : { modified: leaf };
}

function hasNone(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) ? Object.keys(value).length === 0 : value === undefined || value === null;
}

type Pair = readonly [element: string, type: Type, old: unknown, next: unknown];

function* pairs(shape: Exclude<Shape, { kind: "leaf" }>, old: unknown, next: unknown): Generator<Pair> {
  if (shape.kind === "parts") {
    const before = isObject(old) ? old : {};
    const after = isObject(next) ? next : {};
    for (const key in after) yield [`f:${key}`, shape.part(key).type, Object.hasOwn(before, key) ? before[key] : undefined, after[key]];
    for (const key in before) if (!Object.hasOwn(after, key)) yield [`f:${key}`, shape.part(key).type, before[key], undefined];
    return;
  }
  const before = indexed(shape.element, old);
  const after = indexed(shape.element, next);
  for (const [element, item] of after) yield [element, shape.items, before.get(element), item];
  for (const [element, item] of before) if (!after.has(element)) yield [element, shape.items, item, undefined];
}

function indexed(element: (item: unknown) => string, list: unknown): ReadonlyMap<string, unknown> {
  const items = new Map<string, unknown>();
  if (Array.isArray(list)) for (const item of list) items.set(element(item), item);
  return items;
}
