/** POST: authorize, default, let plugins change, prepare, validate, let plugins refuse, store. */
import { writeOptionsShown } from "./admission-options.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { WriteOptions } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { alreadyExists, ApiError, badRequest, invalid } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { allocating, allocatorOf } from "./allocators/allocator.ts";
import { authorize } from "./authorize.ts";
import type { Context } from "./context.ts";
import { withDistinctOwners } from "./distinct-owners.ts";
import { keyOf } from "./keys.ts";
import { ownWrite } from "./managed-fields/own.ts";
import { zeroOf } from "./managed-fields/zero.ts";
import { bornMetadata, generatedName, inNamespace } from "./metadata.ts";
import { omit } from "./omit.ts";
import { isVersion } from "./resource-version.ts";
import { withDefaults, asObject } from "./schema.ts";
import { storedForm } from "./stored-form.ts";
import { isConflict, rethrow } from "./store-errors.ts";
import { birthErrors } from "./validate-metadata.ts";
import { checkWriteOptions } from "./write-options.ts";

/** Names tried for one generateName: with 27^5 suffixes a second clash means a crowded prefix, an eighth a broken one. */
const NAME_TRIES = 8;

export interface CreateRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly object: unknown;
  readonly options: WriteOptions;
}

export async function create(context: Context, { user, kind, namespace, object, options }: CreateRequest): Promise<AnyObject> {
  const { name } = (object as AnyObject | undefined)?.metadata ?? {};
  await authorize(context, { user, verb: "create", kind, namespace });
  checkWriteOptions("CreateOptions", options);
  if (kind.namespaced && (namespace === undefined || namespace === "")) throw badRequest("an empty namespace may not be set during creation");
  const given = withDefaults(kind, inNamespace(kind, asObject(kind, object), namespace));
  if (options.dryRun !== true && isVersion(given.metadata.resourceVersion ?? "") && Number(given.metadata.resourceVersion) > 0) {
    throw new ApiError("InternalError", "resourceVersion should not be set on objects to be created", { unnamed: true });
  }
  return store(context, { user, kind, namespace, name: name ?? "", object: given, options });
}

interface Newborn {
  readonly user: User;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly object: AnyObject;
  readonly options: WriteOptions;
  /** managedFields are already decided (server-side apply) */
  readonly owned?: boolean;
}

/** The steps after decoding; also those of an update or an apply that creates. */
export async function store(context: Context, newborn: Newborn): Promise<AnyObject> {
  const { user, kind, namespace, name, options } = newborn;
  const warn = options.warn ?? (() => {});
  const given = withDistinctOwners(newborn.object, warn);
  // Ownership is of what the user wrote, not of what plugins add.
  const object =
    newborn.owned === true
      ? given
      : ownWrite({ kind, user, options, object: given, old: undefined, subresource: undefined, now: context.clock.now() });
  const request: AdmissionRequest & { readonly object: AnyObject } = {
    operation: "CREATE",
    user,
    kind,
    namespace,
    name,
    subresource: undefined,
    object,
    old: undefined,
    options: writeOptionsShown("CreateOptions", options),
    dryRun: options.dryRun === true,
    warn,
  };
  const admitted = await context.admission.mutate(request);
  const generates = (admitted.metadata.name ?? "") === "" && (admitted.metadata.generateName ?? "") !== "";
  for (let left = generates ? NAME_TRIES : 1; ; left--) {
    const named = withBirth(context, kind, admitted, generates);
    const write = async (allocated: AnyObject) => {
      const born = prepare(context, newborn, allocated);
      validate(kind, born);
      for (const text of kind.hooks.warnings?.(born) ?? []) request.warn(text);
      await context.admission.validate({ ...request, name: born.metadata.name ?? "", object: born });
      return put(context, kind, born, request.dryRun);
    };
    try {
      return await allocating(allocatorOf(context.allocators, kind), { object: named, old: undefined, dryRun: request.dryRun }, write);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists" || !generates) throw error;
      if (left <= 1) throw noUniqueName(error);
    }
  }
}

function withBirth({ entropy, clock }: Context, kind: Kind, admitted: AnyObject, generates: boolean): AnyObject {
  const metadata = bornMetadata(kind, admitted.metadata, {
    name: generates ? generatedName(admitted.metadata.generateName ?? "", entropy.suffix) : undefined,
    uid: entropy.uid(),
    creationTimestamp: timestamp(clock.now()),
  });
  return { ...admitted, metadata };
}

function prepare({ clock }: Context, { kind, user }: Pick<Newborn, "kind" | "user">, object: AnyObject): AnyObject {
  return kind.hooks.prepareForCreate?.(object, { user, now: clock.now() }) ?? withoutStatus(kind, object);
}

/** Where a status has its own subresource it starts empty; a device registers its node with one. */
function withoutStatus(kind: Kind, object: AnyObject): AnyObject {
  const { group, plural, subresources, schema, hooks } = kind;
  if (object.status === undefined || (group === "" && plural === "nodes") || !subresources.some(({ name }) => name === "status")) return object;
  const { status } = hooks.setDefaults?.(zeroOf(schema)) ?? zeroOf(schema);
  return status === undefined ? (omit(object, "status") as AnyObject) : { ...object, status };
}

function validate(kind: Kind, object: AnyObject): void {
  const errors = birthErrors(kind, object.metadata, kind.hooks.validate?.(object) ?? []);
  if (errors.length > 0) throw invalid({ group: kind.storageGroup ?? kind.group, kind: kind.kind }, object.metadata.name ?? "", errors);
}

async function put(context: Context, kind: Kind, object: AnyObject, dryRun: boolean): Promise<AnyObject> {
  const { name = "", namespace } = object.metadata;
  const key = keyOf(kind, namespace, name);
  if (dryRun) {
    if (context.store.get(key) !== undefined) throw alreadyExists(kind, name);
    return storedForm(kind, object);
  }
  const codec = context.codec(kind);
  const stored = storedForm(kind, { ...object, metadata: omit(object.metadata, "resourceVersion") });
  await codec.prepareWrite(stored);
  try {
    const entry = await context.store.put(key, codec.encode(stored), 0);
    return codec.adopt(entry, stored);
  } catch (error) {
    if (isConflict(error)) throw alreadyExists(kind, name);
    return rethrow(error);
  }
}

function noUniqueName(error: ApiError): ApiError {
  return new ApiError("AlreadyExists", `${error.message}, the server was not able to generate a unique name for the object`, {
    details: { ...error.details, retryAfterSeconds: 1 },
  });
}
