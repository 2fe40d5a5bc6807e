/**
 * Strategic merge patch: a merge patch that knows which lists are sets or maps, from the patchStrategy and patchMergeKey
 * of the schema (Kubernetes community documentation, "Strategic Merge Patch"). Directives in the patch: $patch (replace,
 * delete, merge), $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.
 *
 * Neither the object nor the patch is changed, unchanged parts are shared.
 */
import { isObject } from "../../api/json.ts";
import type { ObjectType } from "../../api/schema/schema.ts";
import { badDirective, badRetainKeys, badType, DELETE_FROM, DIRECTIVE, discardNulls, listNamed, ORDER, RETAIN, takeOver, withoutDirectives } from "./directives.ts";
import type { FieldInfo, Schema } from "./field-info.ts";
import { below, known, schemaOf } from "./field-info.ts";
import type { Json, Mutable } from "./json.ts";
import { define, goType } from "./json.ts";
import type { Items } from "./lists.ts";
import { areMaps, checkOrder, deleteFrom, mergeLists, ordered } from "./lists.ts";

export interface Merged {
  readonly object: Json;
  /** the patch without the directives that were followed, as Kubernetes shows it when the object is not usable */
  readonly rest: Json;
}

/** @throws ApiError */
export function strategicMerge(type: ObjectType, original: Json, patch: Json): Merged {
  const rest = structuredClone(patch) as Mutable;
  return { object: mergeMap(original, rest, schemaOf(type)), rest };
}

/** Takes out of the patch what it has done. */
function mergeMap(original: Json, patch: Mutable, schema: Schema): Json {
  if (Object.hasOwn(patch, DIRECTIVE)) return replaced(patch);
  const merged = retained(original, patch);
  for (const key of Object.keys(patch)) if (key.startsWith(ORDER)) mergeOrdered(merged, patch, key, schema);
  for (const [key, value] of Object.entries(patch)) {
    const deletes = key.startsWith(DELETE_FROM);
    mergeField(merged, { name: deletes ? listNamed(key, DELETE_FROM) : key, value, deletes }, schema);
  }
  return merged;
}

function replaced(patch: Mutable): Json {
  const directive = patch[DIRECTIVE];
  if (directive === "delete") return {};
  if (directive !== "replace") return badDirective(directive, patch);
  delete patch[DIRECTIVE];
  return patch;
}

/** $retainKeys: fields of the original that the list does not name go. */
function retained(original: Json, patch: Mutable): Mutable {
  if (!Object.hasOwn(patch, RETAIN)) return { ...original };
  const keys = patch[RETAIN];
  delete patch[RETAIN];
  if (!Array.isArray(keys)) return badRetainKeys();
  const named = new Set<unknown>(keys);
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null && !key.startsWith(DELETE_FROM) && !key.startsWith(ORDER) && !named.has(key)) badRetainKeys();
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => named.has(key)));
}

/** A list with $setElementOrder, merged and brought into that order. */
function mergeOrdered(merged: Mutable, patch: Mutable, key: string, schema: Schema): void {
  const order = patch[key];
  delete patch[key];
  if (!Array.isArray(order)) return badType("[]interface {}", order);
  const name = listNamed(key, ORDER);
  const old = Object.hasOwn(merged, name) ? merged[name] : undefined;
  const change = Object.hasOwn(patch, name) ? patch[name] : undefined;
  if (old !== undefined && !Array.isArray(old)) return badType("[]interface {}", old);
  if (change !== undefined && !Array.isArray(change)) return badType("[]interface {}", change);
  const info = known(schema, name);
  checkOrder(change ?? [], order, info.mergeKey);
  if (old === undefined && change === undefined) return;
  let list: readonly unknown[] = old ?? [];
  if (change !== undefined) list = old === undefined ? (withoutDirectives(change) as readonly unknown[]) : merge(old, change, info);
  const inOrder = ordered(list, order, old ?? [], info.mergeKey);
  areMaps(old ?? [], change ?? []);
  define(merged, name, inOrder);
  delete patch[name];
}

interface Asked {
  readonly name: string;
  readonly value: unknown;
  /** by $deleteFromPrimitiveList */
  readonly deletes: boolean;
}

function mergeField(merged: Mutable, { name, value, deletes }: Asked, schema: Schema): void {
  if (value === null) {
    delete merged[name];
    return;
  }
  const old = Object.hasOwn(merged, name) ? merged[name] : undefined;
  if (old === undefined || goType(old) !== goType(value)) {
    if (deletes) return;
    discardNulls(value);
    takeOver(merged, name, value);
  } else if (isObject(old)) {
    const info = known(schema, name);
    define(merged, name, info.strategy === "replace" ? value : mergeMap(old, value as Mutable, below(info.type)));
  } else if (Array.isArray(old)) {
    const info = known(schema, name);
    define(merged, name, deletes ? deleteFrom(old, value as readonly unknown[], items(info)) : merge(old, value as readonly unknown[], info));
  } else takeOver(merged, name, value);
}

function merge(old: readonly unknown[], change: readonly unknown[], info: FieldInfo): readonly unknown[] {
  return info.strategy === "merge" ? mergeLists(old, change, items(info)) : change;
}

function items({ mergeKey, type }: FieldInfo): Items {
  const schema = below(type);
  return { mergeKey, typeName: schema.name, merge: (old, change) => mergeMap(old, change, schema) };
}
