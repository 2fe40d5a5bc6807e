/** The live object with an applied configuration over it: parts that the configuration does not name stay. */
import { isObject } from "../../api/json.ts";
import type { Shape, Type } from "./shape.ts";
import { shapeOf } from "./shape.ts";

export function mergeApplied(type: Type, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  if (live === undefined || live === null || applied === null) return applied;
  const shape = shapeOf(type, applied);
  if (shape.kind === "leaf") return applied;
  if (shape.kind === "items") return Array.isArray(live) && Array.isArray(applied) ? mergeItems(shape, live, applied) : applied;
  if (!isObject(live) || !isObject(applied)) return applied;
  const merged: { [key: string]: unknown } = { ...live };
  for (const [key, value] of Object.entries(applied)) {
    merged[key] = mergeApplied(shape.part(key).type, Object.hasOwn(live, key) ? live[key] : undefined, value);
  }
  return merged;
}

/**
 * Items of both lists stand in the order of the configuration; items that only the live list has keep their place before
 * the next common one.
 */
function mergeItems(shape: Extract<Shape, { kind: "items" }>, live: readonly unknown[], applied: readonly unknown[]): readonly unknown[] {
  const liveElements = live.map(shape.element);
  const appliedElements = applied.map(shape.element);
  const isLive = new Set(liveElements);
  const isApplied = new Set(appliedElements);
  const shared = appliedElements.filter((element) => isLive.has(element));
  const taken = new Set<string>();
  const result: unknown[] = [];
  let l = 0;
  let a = 0;
  let next = 0;
  const take = (element: string) => {
    taken.add(element);
    const before = live[liveElements.indexOf(element)];
    result.push(mergeApplied(shape.items, before, applied[appliedElements.indexOf(element)]));
    if (shared[next] === element) next++;
  };
  while (l < live.length || a < applied.length) {
    const left = liveElements[l];
    const right = appliedElements[a];
    if (left !== undefined && right !== undefined) {
      if (left === right) {
        take(left);
        l++;
        a++;
        continue;
      }
      // A common item whose turn has not come.
      if (isApplied.has(left) && shared[next] !== undefined && shared[next] !== left) {
        l++;
        continue;
      }
    }
    if (left !== undefined) {
      if (!isApplied.has(left)) {
        result.push(live[l]);
        l++;
        continue;
      }
      if (taken.has(left)) l++;
    }
    if (right !== undefined) {
      if (!taken.has(right)) take(right);
      a++;
    }
  }
  return result;
}
