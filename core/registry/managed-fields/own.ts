/**
 * Ownership of the fields that a plain write (create, update, patch) changes: the writer owns them from now on, all
 * others lose them; what vanished nobody owns.
 */
import type { WriteOptions } from "../../api/client.ts";
import { timestamp } from "../../api/clock.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject, ManagedFieldsEntry } from "../../api/meta.ts";
import { apiVersionOf } from "../../api/meta.ts";
import type { User } from "../../api/user.ts";
import { omit } from "../omit.ts";
import { compare, isUnchanged } from "./compare.ts";
import { isEmpty, union } from "./field-set.ts";
import type { Owner } from "./managers.ts";
import { entriesOf, identify, ownersOf, without } from "./managers.ts";
import { ownable, reachable } from "./scope.ts";
import { KeyError, rootType } from "./shape.ts";
import { sharedFields } from "./shared-fields.ts";
import { zeroOf } from "./zero.ts";

export interface Write {
  readonly kind: Kind;
  readonly user: User;
  readonly options: WriteOptions;
  readonly object: AnyObject;
  /** undefined on create */
  readonly old: AnyObject | undefined;
  readonly subresource: string | undefined;
  /** milliseconds */
  readonly now: number;
}

/** The object with its managedFields brought up to date. */
export function ownWrite(write: Write): AnyObject {
  const { object, old, subresource } = write;
  const entries = entriesFor(object, old, subresource);
  try {
    return owned(write, entries);
  } catch (error) {
    // items without a key have no name to be owned by; validation, which comes later, refuses them
    if (error instanceof KeyError) return withEntries(object, entries);
    throw error;
  }
}

function owned({ kind, user, options, object, old, subresource, now }: Write, entries: readonly ManagedFieldsEntry[]): AnyObject {
  // Objects whose tracking was switched off stay without until somebody applies.
  if (old !== undefined && entries.length === 0) return withEntries(object, undefined);
  const comparison = compare(rootType(kind.schema), old === undefined ? zeroOf(kind.schema) : untracked(old), untracked(object));
  if (isUnchanged(comparison)) return withEntries(object, entries);
  const added = reachable(kind, subresource, comparison.added);
  const modified = reachable(kind, subresource, comparison.modified);
  const changed = union(modified, added);
  const owners = ownersOf(entries);
  without(owners, undefined, union(changed, reachable(kind, subresource, comparison.removed)));
  const mine = ownable(kind, subresource, changed);
  if (!isEmpty(mine)) claim(owners, entryOf({ kind, user, options, subresource, now }), mine);
  return withEntries(object, sharedFields(entriesOf(owners) ?? []));
}

function claim(owners: Map<string, Owner>, entry: ManagedFieldsEntry, mine: Owner["set"]): void {
  const id = identify(entry);
  const before = owners.get(id);
  owners.set(id, { entry, set: before === undefined ? mine : union(before.set, mine) });
}

/**
 * Clients may write managedFields, to move ownership; nonsense is taken for a client that does not know them, an empty
 * list or one empty entry switches tracking off. Not through a subresource.
 */
function entriesFor(object: AnyObject, old: AnyObject | undefined, subresource: string | undefined): readonly ManagedFieldsEntry[] {
  const given = object.metadata.managedFields;
  const stored = old?.metadata.managedFields ?? [];
  if (subresource !== undefined || given === undefined) return stored;
  const [only] = given;
  if (only === undefined || (given.length === 1 && Object.keys(only).length === 0)) return [];
  return given.every(isReadable) ? given : stored;
}

function isReadable({ operation, apiVersion = "", fieldsType }: ManagedFieldsEntry): boolean {
  return (operation === "Apply" || operation === "Update") && apiVersion !== "" && fieldsType === "FieldsV1";
}

export function untracked(object: AnyObject): AnyObject {
  return object.metadata.managedFields === undefined ? object : { ...object, metadata: omit(object.metadata, "managedFields") };
}

export function withEntries(object: AnyObject, managedFields: readonly ManagedFieldsEntry[] | undefined): AnyObject {
  if (object.metadata.managedFields === managedFields) return object;
  if (managedFields === undefined || managedFields.length === 0) return untracked(object);
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

function entryOf({ kind, user, options, subresource, now }: Pick<Write, "kind" | "user" | "options" | "subresource" | "now">): ManagedFieldsEntry {
  return {
    manager: managerOf(user, options),
    operation: "Update",
    apiVersion: apiVersionOf(kind),
    time: timestamp(now),
    fieldsType: "FieldsV1",
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** Over HTTP the name of the client program; in this process that of the program which Kubernetes has for the part. */
export function managerOf({ name }: User, { fieldManager = "" }: WriteOptions): string {
  if (fieldManager !== "") return fieldManager;
  if (name.startsWith("system:node:")) return "kubelet";
  return name.startsWith("system:serviceaccount:kube-system:") ? "kube-controller-manager" : (name.split(":").at(-1) ?? "unknown");
}
