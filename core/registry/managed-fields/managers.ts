/**
 * metadata.managedFields as a map from manager to what it owns. One manager has one entry per operation and subresource,
 * and for updates per version.
 */
import type { ManagedFieldsEntry } from "../../api/meta.ts";
import type { FieldSet } from "./field-set.ts";
import { difference, intersection, isEmpty, union } from "./field-set.ts";

export interface Owner {
  readonly entry: ManagedFieldsEntry;
  readonly set: FieldSet;
}

export type Owners = ReadonlyMap<string, Owner>;

/** Update entries of one object; the oldest beyond become one, "ancient-changes". As in Kubernetes. */
const MAX_UPDATERS = 10;
const ANCIENT = "ancient-changes";

export function identify({ manager = "", operation = "Update", apiVersion = "", subresource = "" }: ManagedFieldsEntry): string {
  return JSON.stringify([manager, operation, operation === "Apply" ? "" : apiVersion, subresource]);
}

export function ownersOf(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const entry of entries ?? []) {
    const id = identify(entry);
    const set = (entry.fieldsV1 ?? {}) as FieldSet;
    const before = owners.get(id);
    owners.set(id, before === undefined ? { entry, set } : { entry, set: union(before.set, set) });
  }
  return owners;
}

/** Undefined when nobody owns anything. */
export function entriesOf(owners: Owners): readonly ManagedFieldsEntry[] | undefined {
  const entries: ManagedFieldsEntry[] = [];
  for (const { entry, set } of owners.values()) {
    if (isEmpty(set)) continue;
    entries.push(entry.fieldsV1 === set ? entry : { ...entry, fieldsType: "FieldsV1", fieldsV1: set });
  }
  return entries.length === 0 ? undefined : capped(entries.toSorted(byOrder));
}

function byOrder(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    order(a.operation, b.operation) || order(a.time, b.time) || order(a.manager, b.manager) || order(a.apiVersion, b.apiVersion) || order(a.subresource, b.subresource)
  );
}

function order(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function capped(entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  const updates = entries.filter(({ operation }) => operation === "Update");
  if (updates.length <= MAX_UPDATERS) return entries;
  const oldest = new Set(updates.slice(0, updates.length - MAX_UPDATERS + 1));
  const ancient = new Map<string, Owner>();
  for (const entry of oldest) {
    const merged = { ...entry, manager: ANCIENT };
    const id = identify(merged);
    const before = ancient.get(id);
    const set = (entry.fieldsV1 ?? {}) as FieldSet;
    ancient.set(id, { entry: merged, set: before === undefined ? set : union(before.set, set) });
  }
  return [...entries.filter((entry) => !oldest.has(entry)), ...[...ancient.values()].map(({ entry, set }) => ({ ...entry, fieldsV1: set }))].toSorted(byOrder);
}

/** Takes paths away from everybody but one. Owners that lose nothing stay the same objects. */
export function without(owners: Map<string, Owner>, except: string | undefined, paths: FieldSet): void {
  if (isEmpty(paths)) return;
  for (const [id, { entry, set }] of owners) {
    if (id !== except) owners.set(id, { entry, set: difference(set, paths) });
  }
}

/** Who else owns some of these paths, and which. */
export function othersOwning(owners: Owners, except: string, paths: FieldSet): readonly Owner[] {
  const found: Owner[] = [];
  for (const [id, { entry, set }] of owners) {
    const owned = id === except ? {} : intersection(set, paths);
    if (!isEmpty(owned)) found.push({ entry, set: owned });
  }
  return found;
}
