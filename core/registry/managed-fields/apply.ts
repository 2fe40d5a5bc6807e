/**
 * Server-side apply as a pure function (KEP-555): the live object, the owners of its fields and a configuration give the
 * next object and the next owners, or the conflicts. What the manager applied before and no longer names is removed,
 * unless somebody else owns it, too.
 */
import type { ManagedFieldsEntry } from "../../api/meta.ts";
import type { ObjectType } from "../../api/schema/schema.ts";
import { compare, isUnchanged } from "./compare.ts";
import type { FieldSet } from "./field-set.ts";
import { difference, intersection, isEmpty, nothing, union } from "./field-set.ts";
import { fieldsOf, withNamedFields } from "./fields-of.ts";
import type { Owner } from "./managers.ts";
import { identify, othersOwning, without } from "./managers.ts";
import { mergeApplied } from "./merge.ts";
import { removeFields } from "./remove.ts";
import type { Type } from "./shape.ts";
import { rootType } from "./shape.ts";

export interface Application {
  readonly schema: ObjectType;
  /** without managedFields */
  readonly live: unknown;
  readonly applied: unknown;
  readonly owners: Map<string, Owner>;
  /** of the applying manager, without time and fields */
  readonly entry: ManagedFieldsEntry;
  readonly time: string;
  readonly force: boolean;
  /** drops paths that cannot be owned this way */
  readonly ownable: (set: FieldSet) => FieldSet;
}

export type Applied =
  | { readonly conflicts: readonly Owner[] }
  | { readonly conflicts: undefined; readonly object: unknown; readonly owners: Map<string, Owner>; readonly changed: boolean };

export function applyConfiguration({ schema, live, applied, owners, entry, time, force, ownable }: Application): Applied {
  const type = rootType(schema);
  const id = identify(entry);
  const last = owners.get(id);
  const named = fieldsOf(type, applied);
  const set = ownable(named);
  const merged = mergeApplied(type, live, applied);
  const others = new Map(owners);
  others.set(id, { entry: last === undefined ? entry : { ...last.entry, ...entry }, set });
  // what the configuration names stays, also what nobody can own: its name, and the metadata around it
  const kept = [named, ...Array.from(owners.entries(), ([other, owner]) => (other === id ? nothing : owner.set))];
  const object = last === undefined || isEmpty(last.set) ? merged : pruned(type, merged, last.set, kept);
  const comparison = compare(type, live, object);
  const changed = !isUnchanged(comparison);
  const touched = ownable(union(comparison.modified, comparison.added));
  const conflicts = othersOwning(others, id, touched);
  if (conflicts.length > 0 && !force) return { conflicts };
  without(others, id, union(touched, ownable(comparison.removed)));
  if (changed) others.set(id, { entry: { ...entry, time }, set });
  return { conflicts: undefined, object, owners: others, changed };
}

/** Removes what was applied last time and is in none of the sets to keep. */
function pruned(type: Type, merged: unknown, last: FieldSet, claimed: readonly FieldSet[]): unknown {
  const named = (set: FieldSet) => withNamedFields(type, merged, set);
  const before = named(last);
  const owned = claimed.reduce(union, nothing);
  const all = named(fieldsOf(type, merged));
  const kept = named(fieldsOf(type, removeFields(type, merged, before)));
  // What others own comes back with all that leads to it …
  const back = removeFields(type, merged, difference(all, union(kept, named(owned))));
  // … and only what this manager owned may go.
  const gone = intersection(difference(all, named(fieldsOf(type, back))), before);
  return removeFields(type, merged, gone);
}
