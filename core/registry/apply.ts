/** PATCH with an apply configuration: creates the object, or brings the fields that the manager claims to its values. */
import type { Target, WriteOptions } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject, ManagedFieldsEntry } from "../api/meta.ts";
import { apiVersionOf, parseApiVersion } from "../api/meta.ts";
import { decodeValue } from "../api/schema/decode.ts";
import type { StatusCause } from "../api/status.ts";
import { ApiError, badRequest, conflict, invalid, isReason, notFound } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { authorize } from "./authorize.ts";
import { change } from "./change.ts";
import type { Context } from "./context.ts";
import { store } from "./create.ts";
import { keyOf } from "./keys.ts";
import { applyConfiguration } from "./managed-fields/apply.ts";
import { compare } from "./managed-fields/compare.ts";
import { fieldsOf } from "./managed-fields/fields-of.ts";
import { pathsOf, union } from "./managed-fields/field-set.ts";
import type { Owner } from "./managed-fields/managers.ts";
import { entriesOf, identify, ownersOf } from "./managed-fields/managers.ts";
import { untracked, withEntries } from "./managed-fields/own.ts";
import { ownable } from "./managed-fields/scope.ts";
import { KeyError, rootType } from "./managed-fields/shape.ts";
import { joined, typedErrors } from "./managed-fields/typed-errors.ts";
import { zeroOf } from "./managed-fields/zero.ts";
import { inNamespace } from "./metadata.ts";
import { withDefaults } from "./schema.ts";
import { changeScale, scaleKind } from "./subresources/change-scale.ts";
import { mergeOf } from "./subresources/merge.ts";
import { named } from "./update.ts";

/** Who owns what was there before anybody applied to an object whose fields were not tracked. */
const BEFORE = "before-first-apply";

export interface ApplyRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly options: WriteOptions;
  readonly applied: AnyObject;
  readonly force: boolean;
}

export async function apply(context: Context, request: ApplyRequest): Promise<{ readonly object: AnyObject; readonly created: boolean }> {
  const { kind, target, options, user } = request;
  if (target.subresource === "scale") return { object: await applyScale(context, request), created: false };
  const applied = checked(request);
  const merge = target.subresource === undefined ? {} : { merge: mergeOf(kind, target.subresource) };
  const next = (old: AnyObject) => fitting(() => applyTo(context, request, applied, old), request, old);
  const exists = () => context.store.get(keyOf(kind, target.namespace, target.name)) !== undefined;
  if (!exists()) {
    if (target.subresource !== undefined) throw notFound(kind, target.name);
    try {
      return { object: await createApplied(context, request, applied), created: true };
    } catch (error) {
      if (!isReason(error, "AlreadyExists") || !exists()) throw error;
    }
  }
  return { object: await change(context, { user, kind, target, options, next, owned: true, ...merge }), created: false };
}

/** A Scale can be nothing else than a Scale, and its owners are not those of the object behind it. */
function applyScale(context: Context, request: ApplyRequest): Promise<AnyObject> {
  const { kind, target, options, user } = request;
  const { apiVersion = "", kind: name = "" } = request.applied;
  const scale = { ...request, kind: scaleKind() };
  if (apiVersion !== apiVersionOf(scale.kind) || name !== scale.kind.kind) {
    const { group, version } = parseApiVersion(apiVersion);
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${name}`);
  }
  if (context.store.get(keyOf(kind, target.namespace, target.name)) === undefined) throw notFound(kind, target.name);
  const applied = checked(scale);
  return changeScale(context, { user, kind, target, options, next: (live) => applyTo(context, scale, applied, live), owned: true });
}

/** The configuration, with what must be right before anything else. @throws ApiError */
function checked({ kind, target, options, applied }: ApplyRequest): AnyObject {
  if ((options.fieldManager ?? "") === "") {
    const error = { type: "FieldValueRequired", field: "fieldManager", message: "Required value: is required for apply patch" } as const;
    throw invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [error]);
  }
  const { group, version } = parseApiVersion(applied.apiVersion ?? "");
  if (version === "" || (applied.kind ?? "") === "") throw badRequest(`invalid object type: ${group}/${version}, Kind=${applied.kind ?? ""}`);
  if (applied.apiVersion !== apiVersionOf(kind)) {
    throw badRequest(`Incorrect version specified in apply patch. Specified patch version: ${applied.apiVersion}, expected: ${apiVersionOf(kind)}`);
  }
  if (applied.kind !== kind.kind) throw badRequest(`${applied.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}`);
  const metadata = applied.metadata ?? {};
  if ((metadata.managedFields ?? null) !== null) throw badRequest("metadata.managedFields must be nil");
  const given = { ...untracked({ ...applied, metadata }) };
  checkTyped(kind, given, options);
  return named(target, inNamespace(kind, { ...given, metadata: { ...given.metadata, name: given.metadata.name ?? target.name } }, target.namespace));
}

/** An apply names fields: one that the schema does not know is a mistake, whatever fieldValidation says. */
function checkTyped(kind: Kind, applied: AnyObject, { fieldValidation }: WriteOptions): void {
  const { name = "", namespace = "" } = applied.metadata;
  const fail = (why: string) => {
    throw notTyped("patch", kind, { namespace, name }, why);
  };
  const errors = typedErrors(kind.schema, applied);
  if (errors.length > 0 && fieldValidation !== "Strict") fail(joined(errors));
  let problems: readonly string[] = [];
  try {
    ({ problems } = decodeValue(kind.schema, applied));
    fieldsOf(rootType(kind.schema), applied);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  if (fieldValidation === "Strict" && problems.length > 0) throw badRequest(`strict decoding error: ${problems.join(", ")}`);
  if (errors.length > 0) fail(joined(errors));
}

/** The field sets of what was applied, or of what is stored, cannot be made: its form does not fit its kind. */
function notTyped(which: "patch" | "live", { group, version, kind }: Kind, { namespace, name }: Pick<Target, "namespace" | "name">, why: string): ApiError {
  return new ApiError("InternalError", `failed to create typed ${which} object (${namespace}/${name}; ${group}/${version}, Kind=${kind}): ${why}`, { unnamed: true });
}

/** Other verbs may have stored a list map in which an item lacks its key. */
function fitting<T>(merge: () => T, { kind, target }: ApplyRequest, live: AnyObject): T {
  try {
    return merge();
  } catch (error) {
    throw error instanceof KeyError ? notTyped("live", kind, target, joined(typedErrors(kind.schema, live))) : error;
  }
}

function applyTo({ clock }: Context, { kind, target, options, force }: ApplyRequest, applied: AnyObject, old: AnyObject): AnyObject {
  const { subresource } = target;
  const owners = ownersOf(old.metadata.managedFields);
  const live = untracked(old);
  if (owners.size === 0) claimBefore(kind, { live, owners, subresource, time: timestamp(clock.now()) });
  const outcome = applyConfiguration({
    schema: kind.schema,
    live,
    applied,
    owners,
    entry: entryOf(kind, subresource, options),
    time: timestamp(clock.now()),
    force,
    ownable: (set) => ownable(kind, subresource, set),
  });
  if (outcome.conflicts !== undefined) throw conflictsWith(outcome.conflicts);
  const object = outcome.changed ? finished(kind, outcome.object) : old;
  return withEntries(object, entriesOf(outcome.owners));
}

function createApplied(context: Context, request: ApplyRequest, applied: AnyObject): Promise<AnyObject> {
  const { user, kind, target, options, force } = request;
  const { namespace, name } = target;
  return authorize(context, { user, verb: "create", kind, namespace, name }).then(() => {
    const { uid } = applied.metadata;
    if (uid !== undefined) {
      throw conflict(kind, name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`);
    }
    const outcome = applyConfiguration({
      schema: kind.schema,
      live: zeroOf(kind.schema),
      applied,
      owners: new Map(),
      entry: entryOf(kind, undefined, options),
      time: timestamp(context.clock.now()),
      force,
      ownable: (set) => ownable(kind, undefined, set),
    });
    if (outcome.conflicts !== undefined) throw conflictsWith(outcome.conflicts);
    const object = withEntries(finished(kind, outcome.object), entriesOf(outcome.owners));
    return store(context, { user, kind, namespace, name, object, options, owned: true });
  });
}

/** Merging keeps the form that the configuration gave; the stored form is canonical and complete. */
function finished(kind: Kind, merged: unknown): AnyObject {
  const { value } = decodeValue(kind.schema, merged);
  const object = { ...value, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: value["metadata"] ?? {} } as AnyObject;
  return withDefaults(kind, object);
}

function entryOf(kind: Kind, subresource: string | undefined, { fieldManager = "" }: WriteOptions): ManagedFieldsEntry {
  return {
    manager: fieldManager,
    operation: "Apply",
    apiVersion: apiVersionOf(kind),
    fieldsType: "FieldsV1",
    ...(subresource === undefined ? {} : { subresource }),
  };
}

interface Before {
  readonly live: AnyObject;
  readonly owners: Map<string, Owner>;
  readonly subresource: string | undefined;
  readonly time: string;
}

function claimBefore(kind: Kind, { live, owners, subresource, time }: Before): void {
  const entry: ManagedFieldsEntry = { ...entryOf(kind, subresource, { fieldManager: BEFORE }), operation: "Update", time };
  const { added, modified } = compare(rootType(kind.schema), zeroOf(kind.schema), live);
  owners.set(identify(entry), { entry, set: ownable(kind, subresource, union(modified, added)) });
}

function conflictsWith(conflicts: readonly Owner[]): ApiError {
  const byManager = conflicts.map(({ entry, set }) => ({ who: describe(entry), paths: [...pathsOf(set)] }));
  const causes: StatusCause[] = byManager.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${who}`, field })),
  );
  const [first] = byManager;
  const single = causes.length === 1 ? `conflict with ${first?.who}: ${first?.paths[0]}` : undefined;
  const many = byManager
    .toSorted((a, b) => (a.who < b.who ? -1 : 1))
    .map(({ who, paths }) => `conflicts with ${who}:\n${paths.map((path) => `- ${path}`).join("\n")}`)
    .join("\n");
  const message = single === undefined ? `Apply failed with ${causes.length} conflicts: ${many}` : `Apply failed with 1 conflict: ${single}`;
  return new ApiError("Conflict", message, { details: { causes } });
}

function describe({ manager = "", operation, apiVersion = "", subresource }: ManagedFieldsEntry): string {
  const through = subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  if (operation === "Apply") return `${JSON.stringify(manager)}${through}`;
  return `${JSON.stringify(manager)}${through} using ${apiVersion}`;
}
