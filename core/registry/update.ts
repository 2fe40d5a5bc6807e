/** PUT of an object or of one of its subresources. */
import type { Target, WriteOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { ApiError, badRequest, notFound } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { authorize } from "./authorize.ts";
import { change, uidMismatch } from "./change.ts";
import type { Context } from "./context.ts";
import { store } from "./create.ts";
import { checkSubresource } from "./get.ts";
import { keyOf } from "./keys.ts";
import { inNamespace } from "./metadata.ts";
import { withDefaults, asObject } from "./schema.ts";
import { mergeOf } from "./subresources/merge.ts";
import { changeScale, scaleKind } from "./subresources/change-scale.ts";
import { checkWriteOptions } from "./write-options.ts";
import { omit } from "./omit.ts";

/** Kinds that a PUT creates when they are missing. */
const CREATED_BY_UPDATE = new Set([
  "/endpoints",
  "/events",
  "/limitranges",
  "/services",
  "coordination.k8s.io/leases",
  "events.k8s.io/events",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/roles",
]);

export interface UpdateRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly object: unknown;
  readonly options: WriteOptions;
}

export async function update(context: Context, { user, kind, target, object, options }: UpdateRequest): Promise<AnyObject> {
  const { namespace, name, subresource } = target;
  await authorize(context, { user, verb: "update", kind, namespace, name, subresource });
  checkSubresource(kind, subresource);
  checkWriteOptions("UpdateOptions", options);
  if (subresource === "scale") {
    const scale = named(target, inNamespace(kind, asObject(scaleKind(), object), namespace));
    return changeScale(context, { user, kind, target, options, next: () => scale });
  }
  const given = named(target, withDefaults(kind, inNamespace(kind, asObject(kind, object), namespace)));
  const { uid } = given.metadata;
  const next = (old: AnyObject) => {
    if (uid !== undefined && uid !== "" && uid !== old.metadata.uid) throw uidMismatch(kind, target, { asked: uid, stored: old.metadata.uid ?? "" }, options.dryRun === true);
    return given;
  };
  if (subresource !== undefined) return change(context, { user, kind, target, options, next, merge: mergeOf(kind, subresource) });
  if (context.store.get(keyOf(kind, namespace, name)) === undefined) return createMissing(context, { user, kind, target, object: given, options });
  return change(context, { user, kind, target, options, next });
}

/** The name in the object must be the one in the request. @throws ApiError "BadRequest" */
export function named(target: Target, object: AnyObject): AnyObject {
  const { name } = object.metadata;
  if (name === undefined || name === "") {
    throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`);
  }
  if (name !== target.name) throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  return object;
}

async function createMissing(context: Context, { user, kind, target, object, options }: UpdateRequest & { readonly object: AnyObject }): Promise<AnyObject> {
  const { namespace, name } = target;
  const { uid } = object.metadata;
  if (uid !== undefined && uid !== "" && CREATED_BY_UPDATE.has(`${kind.group}/${kind.plural}`)) throw uidMismatch(kind, target, { asked: uid, stored: "" }, options.dryRun === true);
  if (!CREATED_BY_UPDATE.has(`${kind.group}/${kind.plural}`)) throw notFound(kind, name);
  await authorize(context, { user, verb: "create", kind, namespace, name });
  const metadata = omit(object.metadata, "resourceVersion");
  try {
    const made = await store(context, { user, kind, namespace, name, object: { ...object, metadata }, options });
    options.created?.();
    return made;
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    return change(context, { user, kind, target, options, next: () => object });
  }
}
