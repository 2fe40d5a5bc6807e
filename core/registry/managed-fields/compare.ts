/** What changed between two values, as three sets of paths. Parts that are the same object are not looked at. */
import { isObject, sameJson } from "../../api/json.ts";
import type { FieldSet } from "./field-set.ts";
import { isEmpty, leaf, nodeOf, nothing } from "./field-set.ts";
import type { Type } from "./shape.ts";
import { shapeOf } from "./shape.ts";

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

type Tree = { [element: string]: FieldSet };

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
  const children = new Children();
  if (shape.kind === "parts") {
    const before = isObject(old) ? old : {};
    const after = isObject(next) ? next : {};
    for (const key in after) {
      const part = shape.part(key);
      const child = nodes(part.type, Object.hasOwn(before, key) ? before[key] : undefined, after[key]);
      if (child !== undefined) children.add(part.element ?? `f:${key}`, child);
    }
    for (const key in before) if (!Object.hasOwn(after, key)) children.add(`f:${key}`, nodes(shape.part(key).type, before[key], undefined));
  } else {
    const before = indexed(shape.element, old);
    const after = indexed(shape.element, next);
    for (const [element, item] of after) children.add(element, nodes(shape.items, before.get(element), item));
    for (const [element, item] of before) if (!after.has(element)) children.add(element, nodes(shape.items, item, undefined));
  }
  return children.nodes(old === undefined, next === undefined);
}

/** Three trees that grow together; made only where something changed, most of an object did not. */
class Children {
  #added: Tree | undefined;
  #modified: Tree | undefined;
  #removed: Tree | undefined;

  add(element: string, child: Nodes | undefined): void {
    if (child === undefined) return;
    if (child.added !== undefined) (this.#added ??= {})[element] = child.added;
    if (child.modified !== undefined) (this.#modified ??= {})[element] = child.modified;
    if (child.removed !== undefined) (this.#removed ??= {})[element] = child.removed;
  }

  nodes(added: boolean, removed: boolean): Nodes {
    return {
      added: nodeOf(added, this.#added ?? nothing),
      modified: this.#modified,
      removed: nodeOf(removed, this.#removed ?? nothing),
    };
  }
}

function leaves(old: unknown, next: unknown): Nodes | undefined {
  if (old === undefined) return { added: leaf };
  if (next === undefined) return { removed: leaf };
  return sameJson(old, next) ? undefined : { modified: leaf };
}

function hasNone(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) ? Object.keys(value).length === 0 : value === undefined || value === null;
}

function indexed(element: (item: unknown) => string, list: unknown): ReadonlyMap<string, unknown> {
  const items = new Map<string, unknown>();
  if (Array.isArray(list)) for (const item of list) items.set(element(item), item);
  return items;
}
