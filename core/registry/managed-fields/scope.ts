/**
 * Fields that nobody owns, or not through this way: what the server itself sets, and what a subresource or the object
 * itself would ignore.
 */
import type { Kind } from "../../api/kinds.ts";
import { isCustom } from "../../api/kinds.ts";
import type { FieldSet } from "./field-set.ts";
import { difference, leaf } from "./field-set.ts";

const SERVER: FieldSet = {
  "f:apiVersion": leaf,
  "f:kind": leaf,
  "f:metadata": {
    ".": leaf,
    "f:name": leaf,
    "f:namespace": leaf,
    "f:creationTimestamp": leaf,
    "f:selfLink": leaf,
    "f:uid": leaf,
    "f:clusterName": leaf,
    "f:generation": leaf,
    "f:managedFields": leaf,
    "f:resourceVersion": leaf,
  },
};

/** The part of a set that can be owned by a write through `subresource`. */
export function ownable(kind: Kind, subresource: string | undefined, set: FieldSet): FieldSet {
  return difference(reachable(kind, subresource, set), SERVER);
}

/** A field is dropped with all below it. */
export function reachable(kind: Kind, subresource: string | undefined, set: FieldSet): FieldSet {
  if (subresource === undefined) return kind.subresources.some(({ name }) => name === "status") ? drop(set, "f:status") : set;
  if (subresource === "status") return drop(!isCustom(kind) ? set : drop(set, "f:metadata"), "f:spec");
  return set;
}

function drop(set: FieldSet, element: string): FieldSet {
  if (!(element in set)) return set;
  const kept: { [element: string]: FieldSet } = {};
  for (const each in set) if (each !== element) kept[each] = set[each] as FieldSet;
  return kept;
}
