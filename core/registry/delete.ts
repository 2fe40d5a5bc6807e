/**
 * DELETE. An object goes at once unless somebody has to be waited for: finalizers, a node that stops a pod within its
 * grace period, the contents of a namespace. Then it is marked, and the last one who lets go of it removes it (change.ts).
 */
import { deleteOptionsShown } from "./admission-options.ts";
import type { DeleteOptions, Target } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { timestamp } from "../api/clock.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject, ObjectMeta } from "../api/meta.ts";
import type { FieldError, Status } from "../api/status.ts";
import { conflict, invalid, notFound } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Entry } from "../store/store.ts";
import { allocatorOf } from "./allocators/allocator.ts";
import { authorize } from "./authorize.ts";
import { namespaceFinalizers } from "./change.ts";
import type { Context } from "./context.ts";
import { current } from "./get.ts";
import { withVersion } from "./codec.ts";
import { isConflict, modified, rethrow } from "./store-errors.ts";
import { omit } from "./omit.ts";

/** Rounds against writers of the same object; see TRIES in change.ts. */
const TRIES = 64;
const ORPHAN = "orphan";
const FOREGROUND = "foregroundDeletion";

/** Kinds that answer a finished deletion with the object instead of a Status. */
const ANSWER_OBJECT = new Set([
  "/persistentvolumeclaims",
  "/persistentvolumes",
  "/pods",
  "/podtemplates",
  "/resourcequotas",
  "/serviceaccounts",
  "/services",
  "resource.k8s.io/deviceclasses",
  "resource.k8s.io/resourceclaims",
  "resource.k8s.io/resourceclaimtemplates",
  "resource.k8s.io/resourceslices",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/csistoragecapacities",
  "storage.k8s.io/storageclasses",
  "storage.k8s.io/volumeattachments",
  "storage.k8s.io/volumeattributesclasses",
]);

/** Kinds that orphan their dependents when nobody says otherwise, as their first versions did. */
const ORPHANING = new Set(["/replicationcontrollers", "batch/jobs"]);
const JOB_WARNING =
  "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

export interface DeleteRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly options: DeleteOptions;
  /** how admission hears of it: a collection names no object, an eviction has been judged as such */
  readonly admission?: "unnamed" | "none";
}

export async function remove(context: Context, request: DeleteRequest): Promise<AnyObject | Status> {
  const { user, kind, target } = request;
  await authorize(context, { user, verb: "delete", kind, namespace: target.namespace, name: target.name });
  checkDeleteOptions(request.options);
  return removeAuthorized(context, request);
}

/** @throws ApiError "Invalid" */
export function checkDeleteOptions({ propagationPolicy }: DeleteOptions): void {
  if (propagationPolicy === undefined || ["Orphan", "Background", "Foreground"].includes(propagationPolicy)) return;
  const error: FieldError = {
    type: "FieldValueNotSupported",
    field: "propagationPolicy",
    message: `Unsupported value: ${JSON.stringify(propagationPolicy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
  };
  throw invalid({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", [error]);
}

export async function removeAuthorized(context: Context, request: DeleteRequest): Promise<AnyObject | Status> {
  const { kind, target, options } = request;
  if (kind.group === "batch" && kind.plural === "jobs" && options.propagationPolicy === undefined) options.warn?.(JOB_WARNING);
  for (let left = TRIES; ; left--) {
    const entry = current(context, kind, target);
    try {
      return await attempt(context, request, entry);
    } catch (error) {
      if (!isConflict(error)) return rethrow(error);
      if (left <= 1 || options.preconditions?.resourceVersion !== undefined) throw modified(kind, target.name);
      if (error.current === undefined) throw notFound(kind, target.name);
    }
  }
}

async function admit(context: Context, { user, kind, target, options, admission }: DeleteRequest, old: AnyObject): Promise<void> {
  if (admission === "none") return;
  await context.admission.validate({
    operation: "DELETE",
    user,
    kind,
    namespace: target.namespace,
    name: admission === "unnamed" ? "" : target.name,
    subresource: undefined,
    object: undefined,
    old,
    options: deleteOptionsShown(options),
    dryRun: options.dryRun === true,
    warn: options.warn ?? (() => {}),
  });
}

async function attempt(context: Context, request: DeleteRequest, entry: Entry): Promise<AnyObject | Status> {
  const { kind, options } = request;
  const { store, clock } = context;
  const codec = context.codec(kind);
  await codec.prepare([entry]);
  const old = codec.decode(entry);
  checkPreconditions(kind, options, old);
  await admit(context, request, old);
  const step = nextStep(kind, old, options, clock);
  if (step.type === "wait") return old;
  if (step.type === "remove") {
    if (options.dryRun === true) return finished(kind, old);
    const gone = await store.delete(entry.key, entry.revision);
    await allocatorOf(context.allocators, kind)?.released(old);
    return finished(kind, withVersion(old, gone.revision));
  }
  if (options.dryRun === true) return step.thenRemove ? finished(kind, step.object) : step.object;
  await codec.prepareWrite(step.object);
  const marked = await store.put(entry.key, codec.encode(step.object), entry.revision);
  const object = codec.adopt(marked, step.object);
  if (!step.thenRemove) return object;
  // what is marked and goes at once is two writes, and admission hears of both
  await admit(context, request, object);
  try {
    await store.delete(entry.key, marked.revision);
    await allocatorOf(context.allocators, kind)?.released(old);
  } catch (error) {
    // Somebody else finished the deletion, or changed the object again: then it is theirs to finish.
    if (!isConflict(error)) throw error;
  }
  return finished(kind, object);
}

function checkPreconditions(kind: Kind, { preconditions }: DeleteOptions, { metadata }: AnyObject): void {
  if (preconditions === undefined) return;
  // Kubernetes names the kind here where all other conflicts name the resource.
  const of = { group: kind.group, plural: kind.kind };
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(of, metadata.name ?? "", why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(of, metadata.name ?? "", why);
  }
}

type Step =
  | { readonly type: "remove" }
  /** deletion is under way already and this request changes nothing about it */
  | { readonly type: "wait" }
  | { readonly type: "mark"; readonly object: AnyObject; readonly thenRemove: boolean };

/** What a deletion does to an object now: pure. */
export function nextStep(kind: Kind, old: AnyObject, options: DeleteOptions, clock: Pick<Clock, "now">): Step {
  const asked = options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  const deleting = old.metadata.deletionTimestamp !== undefined;
  if (namespaceFinalizers(kind, old).length > 0) return deleting ? { type: "wait" } : markNamespace(kind, old, options, clock);
  const grace = kind.hooks.gracePeriod?.(old, asked);
  const finalizers = withDeletionFinalizers(kind, finalizersFor(kind, old, options), deleting);
  if (deleting && grace !== undefined && old.metadata.deletionGracePeriodSeconds !== undefined) {
    const pending = old.metadata.deletionGracePeriodSeconds;
    if (asked === undefined || asked >= pending) {
      if (pending > 0 || (old.metadata.finalizers?.length ?? 0) > 0) return { type: "wait" };
    } else {
      const start = Date.parse(old.metadata.deletionTimestamp ?? "") - pending * 1000;
      return mark(old, finalizers, { deletionTimestamp: timestamp(start + asked * 1000), deletionGracePeriodSeconds: asked });
    }
  }
  if (grace !== undefined && !deleting) {
    return mark(old, finalizers, { deletionTimestamp: timestamp(clock.now() + grace * 1000), deletionGracePeriodSeconds: grace });
  }
  if (finalizers.length === 0) return { type: "remove" };
  if (deleting && (old.metadata.deletionGracePeriodSeconds ?? 0) === 0 && sameSet(finalizers, old.metadata.finalizers ?? [])) return { type: "wait" };
  return mark(old, finalizers, {
    deletionTimestamp: old.metadata.deletionTimestamp ?? timestamp(clock.now()),
    deletionGracePeriodSeconds: 0,
  });
}

function mark(old: AnyObject, finalizers: readonly string[], by: Pick<ObjectMeta, "deletionTimestamp" | "deletionGracePeriodSeconds">): Step {
  const kept = omit(old.metadata, "finalizers");
  const first = old.metadata.deletionTimestamp === undefined;
  const generation = first && (kept.generation ?? 0) > 0 ? { generation: (kept.generation ?? 0) + 1 } : {};
  const metadata: ObjectMeta = { ...kept, ...generation, ...(finalizers.length === 0 ? {} : { finalizers }), ...by };
  return { type: "mark", object: { ...old, metadata }, thenRemove: finalizers.length === 0 && by.deletionGracePeriodSeconds === 0 };
}

function markNamespace(kind: Kind, old: AnyObject, options: DeleteOptions, clock: Pick<Clock, "now">): Step {
  const finalizers = finalizersFor(kind, old, options);
  const metadata: ObjectMeta = {
    ...omit(old.metadata, "finalizers"),
    ...(finalizers.length === 0 ? {} : { finalizers }),
    deletionTimestamp: timestamp(clock.now()),
  };
  const status = { ...(old.status as object | undefined), phase: "Terminating" };
  return { type: "mark", object: { ...old, metadata, status }, thenRemove: false };
}

/**
 * The finalizers of the garbage collector follow the asked policy, without one the first of them that the object has;
 * others stay. Where that changes nothing, they keep their order.
 */
function finalizersFor(kind: Kind, { metadata }: AnyObject, { propagationPolicy }: DeleteOptions): readonly string[] {
  const { finalizers = [] } = metadata;
  const first = finalizers.find((finalizer) => finalizer === ORPHAN || finalizer === FOREGROUND);
  const given = propagationPolicy ?? (first === ORPHAN ? "Orphan" : first === FOREGROUND ? "Foreground" : undefined);
  const policy = given ?? (ORPHANING.has(`${kind.group}/${kind.plural}`) ? "Orphan" : "Background");
  const others = finalizers.filter((finalizer) => finalizer !== ORPHAN && finalizer !== FOREGROUND);
  const wanted = policy === "Orphan" ? [...others, ORPHAN] : policy === "Foreground" ? [...others, FOREGROUND] : others;
  return sameSet(wanted, finalizers) ? finalizers : wanted;
}

function withDeletionFinalizers({ hooks }: Kind, finalizers: readonly string[], deleting: boolean): readonly string[] {
  const own = deleting ? [] : (hooks.deletionFinalizers ?? []);
  return own.length === 0 ? finalizers : [...new Set([...finalizers, ...own])];
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((item) => b.includes(item)) && b.every((item) => a.includes(item));
}

function finished(kind: Kind, object: AnyObject): AnyObject | Status {
  const { group, plural } = kind;
  if (ANSWER_OBJECT.has(`${group}/${plural}`)) return object;
  const { name = "", uid = "" } = object.metadata;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group === "" ? {} : { group }), kind: plural, uid },
  };
}
