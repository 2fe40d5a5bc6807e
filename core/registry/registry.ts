/**
 * The one door to the store. Everybody who reads or writes objects, over HTTP or in this process, does it as some user
 * through a Client; each verb authorizes, admits and validates before it touches the store.
 */
import type { AdmissionPlugin } from "../admission/admission.ts";
import { admissionChain } from "../admission/chain.ts";
import type { Lookup } from "../admission/lookup.ts";
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
import type { Clock } from "../api/clock.ts";
import { systemClock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import { systemEntropy } from "../api/entropy.ts";
import type { KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import { silentLog } from "../api/log.ts";
import type { AnyObject, KubeList } from "../api/meta.ts";
import type { Status } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Store } from "../store/store.ts";
import type { Context } from "./context.ts";
import { codecsOf, kindOf } from "./context.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { removeCollection } from "./delete-collection.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { lookupOf } from "./lookup.ts";
import { patch } from "./patch.ts";
import { update } from "./update.ts";
import { watch } from "./watch.ts";

/** Kubernetes sends a bookmark about once a minute: a client that was away that long still resumes. */
const BOOKMARK_MS = 60_000;

export interface OpenRegistry {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly authorizer: Authorizer;
  /** a function gets the reads that plugins need */
  readonly admission: readonly AdmissionPlugin[] | ((lookup: Lookup) => readonly AdmissionPlugin[]);
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  readonly log?: Log;
  /** freeze what is handed out, all the way down (tests) */
  readonly freeze?: boolean;
  readonly bookmarkMs?: number;
}

export interface Registry {
  clientFor(user: User): Client;
  /** reads of the server itself, not on behalf of a user */
  readonly lookup: Lookup;
}

export function openRegistry(options: OpenRegistry): Registry {
  const { clock = systemClock, entropy = systemEntropy, log = silentLog, freeze = false, bookmarkMs = BOOKMARK_MS } = options;
  const codec = codecsOf({ freeze });
  const lookup = lookupOf({ store: options.store, kinds: options.kinds, codec });
  const plugins = typeof options.admission === "function" ? options.admission(lookup) : options.admission;
  const context: Context = { ...options, admission: admissionChain(plugins), clock, entropy, log, bookmarkMs, codec };
  return { clientFor: (user) => clientFor(context, user), lookup };
}

/** The verbs speak of AnyObject; that a resource's objects look like its type parameter is what its kind row says. */
function clientFor(context: Context, user: User): Client {
  const kind = (resource: Resource<never>) => kindOf(context, resource);
  const untyped: Untyped = {
    get: (resource, target, options) => get(context, user, kind(resource), target, options),
    list: (resource, options = {}) => list(context, user, kind(resource), options),
    watch: (resource, options) => watch(context, user, kind(resource), options),
    create: (resource, object, options = {}) =>
      create(context, { user, kind: kind(resource), object, namespace: options.namespace ?? namespaceIn(object), options }),
    update: (resource, target, object, options = {}) => update(context, { user, kind: kind(resource), target, object, options }),
    patch: (resource, target, change, options = {}) => patch(context, { user, kind: kind(resource), target, patch: change, options }),
    delete: (resource, target, options = {}) => remove(context, { user, kind: kind(resource), target, options }),
    deleteCollection: (resource, options) => removeCollection(context, user, kind(resource), options),
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
}

type CreateOptions = WriteOptions & { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string | undefined };

/** In-process callers need not say twice where an object belongs. */
function namespaceIn(object: unknown): string | undefined {
  return (object as { metadata?: { namespace?: string } } | undefined)?.metadata?.namespace;
}
