/**
 * clientFor(user): the verbs with a user put in. Everything that a Client can do goes through one of the verb files, and
 * there through authorization, admission and validation.
 */
import type {
  Client,
  DeleteOptions,
  GetOptions,
  ListOptions,
  Patch,
  Resource,
  Target,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject, KubeList } from "../api/meta.ts";
import type { Status } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { kindOf } from "./context.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { removeCollection } from "./delete-collection.ts";
import { checkSubresource, get } from "./get.ts";
import { list } from "./list.ts";
import { patch } from "./patch.ts";
import { asObject } from "./schema.ts";
import { update } from "./update.ts";
import type { CreateHandlers } from "./virtual.ts";
import { createVirtual, handlerPath, unsupportedCreate } from "./virtual.ts";
import { watch } from "./watch.ts";

export type Served = Context & { readonly handlers: CreateHandlers };

/** A POST stores an object, or asks a handler. The namespace may stand in the object alone. */
async function createAny(context: Served, user: User, kind: Kind, object: unknown, options: CreateOptions): Promise<AnyObject> {
  const { subresource, name } = options;
  const namespace = kind.namespaced ? (options.namespace ?? (object as Partial<AnyObject> | undefined)?.metadata?.namespace) : undefined;
  checkSubresource(kind, subresource);
  const handler = context.handlers[handlerPath(kind, subresource)];
  if (handler === undefined) {
    if (subresource !== undefined || !kind.verbs.includes("get")) throw unsupportedCreate();
    return create(context, { user, kind, namespace, object, options });
  }
  const body = subresource === undefined ? kind : (kind.subresources.find((each) => each.name === subresource)?.kind ?? kind);
  const creation = { context, user, kind, namespace, name, subresource, object: asObject(body, object), options };
  return (await createVirtual(handler, creation)) as AnyObject;
}

/** The verbs speak of AnyObject; that a resource's objects look like its type parameter is what its kind row says. */
export function clientFor(context: Served, user: User): Client {
  const kind = (resource: Resource<never>) => kindOf(context, resource);
  const untyped: Untyped = {
    get: (resource, target, options) => get(context, user, kind(resource), target, options),
    list: (resource, options = {}) => list(context, user, kind(resource), options),
    watch: (resource, options) => watch(context, user, kind(resource), options),
    create: (resource, object, options = {}) => createAny(context, user, kind(resource), object, options),
    update: (resource, target, object, options = {}) => update(context, { user, kind: kind(resource), target, object, options }),
    patch: (resource, target, change, options = {}) => patch(context, { user, kind: kind(resource), target, patch: change, options }),
    delete: (resource, target, options = {}) => remove(context, { user, kind: kind(resource), target, options }),
    deleteCollection: (resource, options) => removeCollection(context, user, kind(resource), options),
    connect: (resource, target, object, options = {}) => connect(context, { user, kind: kind(resource), target, object, options }),
  };
  return untyped as unknown as Client;
}

/** The client as it is before its type parameters. */
interface Untyped {
  get(resource: Resource<never>, target: Target, options?: GetOptions): Promise<AnyObject>;
  list(resource: Resource<never>, options?: ListOptions): Promise<KubeList<AnyObject>>;
  watch(resource: Resource<never>, options: WatchOptions): Promise<AsyncIterable<readonly WatchEvent<AnyObject>[]>>;
  create(resource: Resource<never>, object: unknown, options?: CreateOptions): Promise<AnyObject>;
  update(resource: Resource<never>, target: Target, object: unknown, options?: WriteOptions): Promise<AnyObject>;
  patch(
    resource: Resource<never>,
    target: Target,
    change: Patch,
    options?: WriteOptions,
  ): Promise<{ readonly object: AnyObject; readonly created: boolean }>;
  delete(resource: Resource<never>, target: Target, options?: DeleteOptions): Promise<AnyObject | Status>;
  deleteCollection(resource: Resource<never>, options: ListOptions & DeleteOptions): Promise<KubeList<AnyObject>>;
  connect(resource: Resource<never>, target: Target, object: AnyObject, options?: Pick<WriteOptions, "warn">): Promise<void>;
}

type CreateOptions = WriteOptions & { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string | undefined };
