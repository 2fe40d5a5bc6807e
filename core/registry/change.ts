/**
 * The way of every write to an object that exists: read, let the caller say what it shall become, admit, prepare,
 * validate, compare-and-swap, and once more from the start when another writer was faster. PUT, the patches, apply and
 * the subresources differ only in `next`.
 */
import { writeOptionsShown } from "./admission-options.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { Target, WriteOptions } from "../api/client.ts";
import { sameJson } from "../api/json.ts";
import type { Kind, Writer } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { FieldError } from "../api/status.ts";
import { conflict, invalid, notFound } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Entry } from "../store/store.ts";
import { allocating, allocatorOf } from "./allocators/allocator.ts";
import type { Context } from "./context.ts";
import { withDistinctOwners } from "./distinct-owners.ts";
import { withGeneration } from "./generation.ts";
import { keyOf } from "./keys.ts";
import { ownWrite, withEntries } from "./managed-fields/own.ts";
import { updatedMetadata } from "./metadata.ts";
import { objectVersion } from "./resource-version.ts";
import type { Merge } from "./subresources/merge.ts";
import { storedForm } from "./stored-form.ts";
import { isConflict, modified, rethrow } from "./store-errors.ts";
import { metadataUpdateErrors } from "./validate-metadata.ts";
import { omit } from "./omit.ts";

/**
 * Tries of one write against others of the same object. Each lost round means that somebody else won, so all get through
 * in time; the bound is for a writer that meets a permanent stream of others.
 */
const TRIES = 64;

/** Kinds whose updates must say which version they build on. Custom resources belong to them, too. */
const CONDITIONAL = new Set([
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings",
  "admissionregistration.k8s.io/mutatingadmissionpolicies",
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings",
  "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/apiservices",
  "coordination.k8s.io/leases",
  "policy/poddisruptionbudgets",
  "node.k8s.io/runtimeclasses",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/csistoragecapacities",
  "storage.k8s.io/volumeattachments",
]);

export interface Change {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly options: WriteOptions;
  /** what the object shall become; asked again, with the newer object, when another writer was faster */
  readonly next: (old: AnyObject) => Promise<AnyObject> | AnyObject;
  /** merges into the stored object what a subresource may change; undefined for the object itself */
  readonly merge?: Merge;
  /** managedFields are already decided (server-side apply) */
  readonly owned?: boolean;
  /** what is written has a form of its own (Scale): admission sees that */
  readonly form?: Form;
}

export interface Form {
  readonly of: (object: AnyObject) => AnyObject;
  readonly into: (object: AnyObject, form: AnyObject) => AnyObject;
}

export async function change(context: Context, request: Change): Promise<AnyObject> {
  const { kind, target } = request;
  const key = keyOf(kind, target.namespace, target.name);
  for (let left = TRIES; ; left--) {
    const entry = context.store.get(key);
    if (entry === undefined) throw notFound(kind, target.name);
    try {
      return await attempt(context, request, entry);
    } catch (error) {
      if (!isConflict(error)) return rethrow(error);
      if (left <= 1) throw modified(kind, target.name);
      if (error.current === undefined && context.store.get(key) === undefined) throw notFound(kind, target.name);
    }
  }
}

async function attempt(context: Context, request: Change, entry: Entry): Promise<AnyObject> {
  const { user, kind, target, options, merge, form } = request;
  const codec = context.codec(kind);
  await codec.prepare([entry]);
  const old = codec.decode(entry);
  const asked = await request.next(old);
  if (asked === old) return old;
  const wanted = withDistinctOwners(asked, options.warn ?? (() => {}));
  checkVersion(kind, target, wanted, entry);
  const { subresource } = target;
  const owned = request.owned === true ? wanted : ownWrite({ kind, user, options, object: wanted, old, subresource, now: context.clock.now() });
  const admission: AdmissionRequest & { readonly object: AnyObject } = {
    operation: "UPDATE",
    user,
    kind,
    namespace: target.namespace,
    name: target.name,
    subresource: target.subresource,
    object: form?.of(owned) ?? owned,
    old: form?.of(old) ?? old,
    options: writeOptionsShown("UpdateOptions", options),
    dryRun: options.dryRun === true,
    warn: options.warn ?? (() => {}),
  };
  const mutated = await context.admission.mutate(admission);
  const admitted = form === undefined ? mutated : mutated === admission.object ? owned : form.into(owned, mutated);
  const allocator = merge === undefined ? allocatorOf(context.allocators, kind) : undefined;
  return allocating(allocator, { object: admitted, old, dryRun: admission.dryRun }, async (allocated) => {
    const next = prepare(kind, allocated, old, { user, now: context.clock.now() }, merge);
    validate(kind, next, old, target.subresource);
    if (merge === undefined) for (const text of kind.hooks.warnings?.(next, old) ?? []) admission.warn(text);
    await context.admission.validate({ ...admission, object: form?.of(next) ?? next });
    if (isFinished(kind, next)) {
      if (!admission.dryRun) {
        await context.store.delete(entry.key, entry.revision);
        await allocatorOf(context.allocators, kind)?.released(old);
      }
      return next;
    }
    const stored = storedForm(kind, next);
    if (sameJson(stored, old)) return old;
    if (admission.dryRun) return stored;
    await codec.prepareWrite(stored);
    const written = await context.store.put(entry.key, codec.encode(stored), entry.revision);
    return codec.adopt(written, stored);
  });
}

function checkVersion(kind: Kind, target: Target, wanted: AnyObject, entry: Entry): void {
  const { resourceVersion } = wanted.metadata;
  const version = objectVersion(resourceVersion);
  if (version === undefined) {
    if (!isUnconditional(kind)) {
      throw invalid({ group: kind.group, kind: kind.plural }, target.name, [
        { type: "FieldValueInvalid", field: "metadata.resourceVersion", message: "Invalid value: 0: must be specified for an update" },
      ]);
    }
  } else if (version !== entry.revision) {
    throw modified(kind, target.name);
  }
}

export function isUnconditional(kind: Kind): boolean {
  return !isCustom(kind) && !CONDITIONAL.has(`${kind.group}/${kind.plural}`);
}

/** Kinds whose keys in Kubernetes' store have another name; clients see them in this error only. */
const SHOWN_KEYS: { readonly [resource: string]: string } = {
  "/endpoints": "services/endpoints",
  "/nodes": "minions",
  "/replicationcontrollers": "controllers",
  "/services": "services/specs",
  "networking.k8s.io/ingresses": "ingress",
  "apiextensions.k8s.io/customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/apiservices": "apiregistration.k8s.io/apiservices",
};

/** A write that names another object of this name; `stored` is empty when there is none. */
export function uidMismatch(kind: Kind, { namespace, name }: Target, uid: { readonly asked: string; readonly stored: string }, dryRun: boolean): Error {
  const { asked, stored } = uid;
  const key = `${dryRun ? "" : "/registry"}/${SHOWN_KEYS[`${kind.group}/${kind.plural}`] ?? kind.plural}/${kind.namespaced ? `${namespace}/` : ""}${name}`;
  return conflict(
    kind,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${asked}, UID in object meta: ${stored}`,
  );
}

function prepare(kind: Kind, admitted: AnyObject, old: AnyObject, by: Writer, merge: Change["merge"]): AnyObject {
  const metadata = updatedMetadata(admitted.metadata, old.metadata);
  const versioned = { ...metadata, ...(old.metadata.resourceVersion === undefined ? {} : { resourceVersion: old.metadata.resourceVersion }) };
  const update: AnyObject = { ...admitted, metadata: versioned };
  const prepared = merge === undefined ? (kind.hooks.prepareForUpdate?.(update, old, by) ?? keepStatus(kind, update, old)) : merged(update, old, by, merge);
  return withGeneration(kind, prepared, old);
}

/** Whatever a subresource takes over, who owns it goes with it. */
function merged(update: AnyObject, old: AnyObject, by: Writer, merge: Merge): AnyObject {
  return withEntries(merge(update, old, by), update.metadata.managedFields);
}

/** Kinds with a status subresource change their status only there. */
function keepStatus(kind: Kind, update: AnyObject, old: AnyObject): AnyObject {
  if (!kind.subresources.some(({ name }) => name === "status")) return update;
  return (old.status === undefined ? omit(update, "status") : { ...update, status: old.status }) as AnyObject;
}

function validate(kind: Kind, next: AnyObject, old: AnyObject, subresource: string | undefined): void {
  const errors = [...metadataUpdateErrors(kind, next.metadata, old.metadata, subresource), ...kindErrors(kind, next, old, subresource)];
  if (errors.length > 0) throw invalid({ group: kind.storageGroup ?? kind.group, kind: kind.kind }, next.metadata.name ?? "", errors);
}

/** A status is checked by its own rules only: it must be possible to report on an object that newer rules would refuse. */
function kindErrors({ hooks }: Kind, next: AnyObject, old: AnyObject, subresource: string | undefined): readonly FieldError[] {
  const own = subresource === undefined ? undefined : hooks.validateSubresource?.[subresource];
  if (own !== undefined) return own(next, old);
  if (subresource === "status") return [];
  return hooks.validateUpdate?.(next, old) ?? hooks.validate?.(next) ?? [];
}

/** A deletion that waited for this: no finalizer is left and no node has to answer any more. */
export function isFinished(kind: Kind, object: AnyObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  return namespaceFinalizers(kind, object).length === 0;
}

/** Namespaces have finalizers of their own in spec: their contents go first. */
export function namespaceFinalizers(kind: Kind, object: AnyObject): readonly string[] {
  if (kind.group !== "" || kind.plural !== "namespaces") return [];
  return (object as { spec?: { finalizers?: readonly string[] } }).spec?.finalizers ?? [];
}
