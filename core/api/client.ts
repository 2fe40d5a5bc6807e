/**
 * What every caller of the API sees, in process or behind HTTP: one verb per method, on any resource. The registry gives
 * one to each user (`clientFor(user)`); nothing that goes through it skips authorization, admission or validation.
 *
 * Objects that come out are shared and readonly. Encoded bytes of an object are kept beside it (registry `encodedOf`),
 * so HTTP never serializes what the store already holds.
 */
import type { AnyObject, KubeList, KubeObject } from "./meta.ts";
import type { Status } from "./status.ts";

/** Names a resource; the type parameter says what its objects look like. `PODS`, `NODES`, … are in resources.gen.ts. */
export interface Resource<T extends KubeObject = AnyObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** never set: carries T for the compiler */
  readonly object?: T;
}

export interface Target {
  /** undefined for cluster-scoped resources, and for a list over all namespaces */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly subresource?: string | undefined;
}

export interface Selection {
  readonly namespace?: string | undefined;
  /** Kubernetes syntax: "app=web,tier in (a,b),!x" */
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface GetOptions {
  readonly resourceVersion?: string | undefined;
}

export interface ListOptions extends Selection {
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan" | undefined;
  /** of a watch; refused */
  readonly sendInitialEvents?: boolean | undefined;
}

export interface WatchOptions extends Selection {
  readonly resourceVersion?: string | undefined;
  /** of a list; means nothing here, and is refused beside a match */
  readonly continue?: string | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan" | undefined;
  /** ends the watch; it does not throw then */
  readonly signal: AbortSignal;
}

export interface WriteOptions {
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  /** the client named the field manager itself: admission sees it among the options */
  readonly fieldManagerGiven?: boolean;
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore" | undefined;
  /** collects the texts of `Warning` headers */
  readonly warn?: ((text: string) => void) | undefined;
  /** called when an update made the object, which some kinds allow */
  readonly created?: (() => void) | undefined;
}

export interface DeleteOptions extends WriteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground" | undefined;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
}

export type Patch =
  | { readonly type: "json"; readonly operations: readonly unknown[]; readonly problems?: PatchProblems }
  | { readonly type: "merge"; readonly patch: unknown; readonly problems?: PatchProblems }
  | { readonly type: "strategic"; readonly patch: unknown; readonly problems?: PatchProblems }
  /** bytes that are no patch: said only to who may patch an object that exists */
  | { readonly type: "unreadable"; readonly error: Error }
  | { readonly type: "apply"; readonly object: AnyObject; readonly force: boolean };

/** duplicate and unknown members of the patch itself, told as those of objects are */
type PatchProblems = readonly string[];

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: AnyObject }
  | { readonly type: "ERROR"; readonly object: Status };

/** Events come in batches: all that happened since the consumer last asked. */
export type Watch<T extends KubeObject = KubeObject> = AsyncIterable<readonly WatchEvent<T>[]>;

export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, target: Target, options?: GetOptions): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): Promise<Watch<T>>;
  /** `target.name` only for subresources (binding, eviction, token …), whose object may be of another kind than T */
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: unknown,
    options?: WriteOptions & { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string | undefined },
  ): Promise<T>;
  update<T extends KubeObject>(resource: Resource<T>, target: Target, object: unknown, options?: WriteOptions): Promise<T>;
  /** `created` is true when a server-side apply made the object */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    target: Target,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<{ readonly object: T; readonly created: boolean }>;
  /** the object as it stays (finalizers, grace period), or the Status of a finished deletion */
  delete<T extends KubeObject>(resource: Resource<T>, target: Target, options?: DeleteOptions): Promise<T | Status>;
  deleteCollection<T extends KubeObject>(resource: Resource<T>, options: ListOptions & DeleteOptions): Promise<KubeList<T>>;
  /** asks admission whether a connection may be opened through a subresource; `object` says what of it (PodExecOptions) */
  connect<T extends KubeObject>(resource: Resource<T>, target: Target, object: AnyObject, options?: Pick<WriteOptions, "warn">): Promise<void>;
}
