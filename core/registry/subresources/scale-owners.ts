/**
 * Who owns the replicas of an object, told in the terms of its Scale and back (KEP-555, subresource scale): a Scale is
 * written like any object with owners of its own, and they take the field from the owners of the object.
 */
import type { Kind } from "../../api/kinds.ts";
import type { ManagedFieldsEntry } from "../../api/meta.ts";
import { apiVersionOf } from "../../api/meta.ts";
import type { FieldSet } from "../managed-fields/field-set.ts";
import { difference, isEmpty, isMember, leaf, nothing, union } from "../managed-fields/field-set.ts";
import type { Owner } from "../managed-fields/managers.ts";
import { entriesOf, identify, ownersOf } from "../managed-fields/managers.ts";
import { omit } from "../omit.ts";

type Entries = readonly ManagedFieldsEntry[] | undefined;

const SCALE_REPLICAS = ["spec", "replicas"] as const;
const SCALE_VERSION = "autoscaling/v1";

/** The owners of the replicas, as a Scale shows them. */
export function scaleEntries(kind: Kind, entries: Entries): Entries {
  const replicas = replicasOf(kind);
  const owners = new Map<string, Owner>();
  for (const [id, { entry, set }] of ownersOf(entries)) {
    if (has(set, replicas)) owners.set(id, { entry: { ...entry, apiVersion: SCALE_VERSION }, set: only(SCALE_REPLICAS) });
  }
  return entriesOf(owners);
}

/** The owners of the object once its Scale has been written: those of the replicas are the ones that the Scale has now. */
export function parentEntries(kind: Kind, entries: Entries, scale: Entries): Entries {
  const replicas = replicasOf(kind);
  const before = ownersOf(entries);
  const after = ownersOf(scale);
  const owners = new Map<string, Owner>();
  for (const [id, owner] of before) {
    const kept = !has(owner.set, replicas) || after.delete(id);
    const set = kept ? owner.set : difference(owner.set, only(replicas));
    if (!isEmpty(set)) owners.set(id, { entry: owner.entry, set });
  }
  for (const [id, { entry, set }] of after) {
    if (!has(set, SCALE_REPLICAS)) continue;
    // when a Scale was written is not kept
    const time = before.get(id)?.entry.time;
    const told = { ...omit(entry, "time"), apiVersion: apiVersionOf(kind), ...(time === undefined ? {} : { time }) };
    const same = owners.get(identify(told));
    owners.set(identify(told), { entry: same?.entry ?? told, set: union(same?.set ?? nothing, only(replicas)) });
  }
  return entriesOf(owners);
}

const replicasOf = ({ hooks }: Kind): readonly string[] => hooks.scale?.specReplicas ?? SCALE_REPLICAS;

const only = (path: readonly string[]): FieldSet => path.reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), leaf);

function has(set: FieldSet, path: readonly string[]): boolean {
  let at: FieldSet | undefined = set;
  for (const name of path) {
    at = at[`f:${name}`];
    if (at === undefined) return false;
  }
  return isMember(at);
}
