/** Merging two lists: sets of scalars, or maps told apart by their merge key; and the order of what comes out. */
import { goText } from "../../api/go-text.ts";
import { isObject, sameJson } from "../../api/json.ts";
import { badDirective, badType, DIRECTIVE, fail, listsOfLists, noMergeKey, ORDER } from "./directives.ts";
import type { Json, Mutable } from "./json.ts";
import { goType } from "./json.ts";

type List = readonly unknown[];

export interface Items {
  readonly mergeKey: string;
  /** of the items, for errors */
  readonly typeName: string;
  readonly merge: (old: Json, change: Mutable) => Json;
}

export function mergeLists(old: List, change: List, { mergeKey, typeName, merge }: Items): List {
  if (old.length === 0 && change.length === 0) return old;
  if (!areMaps(old, change)) return ordered(unique([...old, ...change]), change, old, "");
  if (mergeKey === "") return fail(`cannot merge lists without merge key for ${typeName}`);
  const { kept, changes } = special(old, change, mergeKey);
  const merged = [...kept];
  for (const element of changes) {
    if (!Object.hasOwn(element, mergeKey)) noMergeKey(element, mergeKey);
    const place = placeOf(merged, element, mergeKey);
    if (place >= 0) merged[place] = merge(merged[place] as Json, element as Mutable);
    else merged.push(element);
  }
  return ordered(merged, changes, kept, mergeKey);
}

/** What $deleteFromPrimitiveList does; lists of maps are merged with it, for there it means nothing. */
export function deleteFrom(old: List, values: List, items: Items): List {
  if (old.length === 0 && values.length === 0) return old;
  if (areMaps(old, values)) return mergeLists(old, values, items);
  return ordered(old.filter((each) => !values.includes(each)), values, old, "");
}

/** All items must be of one type, which is no list. */
export function areMaps(...lists: readonly List[]): boolean {
  const [first, ...rest] = lists.flat();
  if (first === undefined) return fail("no elements in any of the given slices");
  const type = goType(first);
  if (Array.isArray(first)) listsOfLists();
  if (rest.some((each) => goType(each) !== type)) fail(`list element types are not identical: ${goText(lists)}`);
  return isObject(first);
}

/** Of equal scalars the first stays; the last of the list moves to where another was. */
function unique(list: List): List {
  const items = [...list];
  for (let i = 0; i < items.length - 1; i++) {
    for (let j = i + 1; j < items.length; j++) {
      if (items[i] !== items[j]) continue;
      const last = items.pop();
      if (j < items.length) items[j--] = last;
    }
  }
  return items;
}

/** Elements of the patch that are directives: deletions are done, a replacement drops the original. */
function special(old: List, change: List, mergeKey: string): { readonly kept: List; readonly changes: readonly Json[] } {
  let kept = old;
  let replaced = false;
  const changes: Json[] = [];
  for (const element of change as readonly Json[]) {
    if (!Object.hasOwn(element, DIRECTIVE)) {
      changes.push(element);
      continue;
    }
    const directive = element[DIRECTIVE];
    if (directive === "delete") {
      if (!Object.hasOwn(element, mergeKey)) noMergeKey(element, mergeKey);
      kept = kept.filter((each) => !sameKey(each, element, mergeKey));
    } else if (directive === "replace") replaced = true;
    else if (directive === "merge") fail("merging lists cannot yet be specified in the patch");
    else badDirective(directive, element);
  }
  return replaced ? { kept: changes, changes: [] } : { kept, changes };
}

function sameKey(a: unknown, b: unknown, mergeKey: string): boolean {
  return isObject(a) && isObject(b) && Object.hasOwn(a, mergeKey) && sameJson(a[mergeKey], b[mergeKey]);
}

const placeOf = (list: List, item: unknown, mergeKey: string) =>
  list.findIndex((each) => (mergeKey === "" ? sameJson(each, item) : sameKey(each, item, mergeKey)));

/**
 * Items that the patch names stand in its order, the others in that of the server; where the server knows the order of
 * two items it decides, otherwise those of the patch come first.
 */
export function ordered(merged: List, order: List, server: List, mergeKey: string): List {
  for (const item of merged) needKey(item, mergeKey);
  const isNamed = (item: unknown) => placeOf(order, item, mergeKey) >= 0;
  const named = sorted(merged.filter(isNamed), order, mergeKey);
  const others = sorted(merged.filter((item) => !isNamed(item)), server, mergeKey);
  const result: unknown[] = [];
  let next = 0;
  for (const item of others) {
    while (next < named.length && !isBefore(item, named[next], server, mergeKey)) result.push(named[next++]);
    result.push(item);
  }
  return [...result, ...named.slice(next)];
}

function needKey(item: unknown, mergeKey: string): void {
  if (mergeKey === "") return;
  if (!isObject(item)) badType("map[string]interface {}", item);
  else if (!Object.hasOwn(item, mergeKey)) noMergeKey(item, mergeKey);
}

/** By insertion: an item that the order does not know goes before all that came earlier. */
function sorted(items: List, order: List, mergeKey: string): List {
  for (const item of [...items, ...order]) needKey(item, mergeKey);
  const result: unknown[] = [];
  for (const item of items) {
    const place = placeOf(order, item, mergeKey);
    let at = result.length;
    while (at > 0) {
      const before = placeOf(order, result[at - 1], mergeKey);
      if (place >= 0 && before >= 0 && before <= place) break;
      at--;
    }
    result.splice(at, 0, item);
  }
  return result;
}

function isBefore(a: unknown, b: unknown, server: List, mergeKey: string): boolean {
  const first = placeOf(server, a, mergeKey);
  const second = placeOf(server, b, mergeKey);
  return first >= 0 && second >= 0 && first < second;
}

const isDirective = (item: unknown) => isObject(item) && Object.hasOwn(item, DIRECTIVE);

/** The elements of a list must come in the order that the directive names. */
export function checkOrder(list: List, order: List, mergeKey: string): void {
  if (order.length === 0 || list.length === 0) return;
  if (mergeKey !== "") for (const item of list) if (!isObject(item)) badType("map[string]interface {}", item);
  const wanted = list.filter((item) => !isDirective(item));
  let at = 0;
  for (const item of order) {
    if (at >= wanted.length) return;
    needKey(wanted[at], mergeKey);
    needKey(item, mergeKey);
    if (mergeKey === "" ? wanted[at] === item : sameKey(wanted[at], item, mergeKey)) at++;
  }
  if (at < wanted.length) fail(`The order in patch list:\n${goText(list)}\n doesn't match ${ORDER} list:\n${goText(order)}\n`);
}
