/**
 * What every controller is made of. An informer is a shared, indexed, always current copy of one resource; a loop calls
 * `reconcile(key)` for keys that a watch or a timer marked dirty, never twice at once for the same key, with per-key
 * back-off on error. A reconciler gets a key and nothing else: it reads state from informers and writes through a Client.
 */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";

/** "namespace/name", or "name" for cluster-scoped objects */
export type Key = string;

export interface Informer<T extends KubeObject> {
  readonly resource: Resource<T>;
  get(key: Key): T | undefined;
  /** all, or those of one namespace */
  list(namespace?: string): readonly T[];
  /** those whose index function, registered under `index`, gave `value` */
  by(index: string, value: string): readonly T[];
  addIndex(index: string, values: (object: T) => readonly string[]): void;
  /** called for each change after it is visible through get; `old` and `now` undefined on create and delete */
  subscribe(listener: (now: T | undefined, old: T | undefined) => void): () => void;
  /** resolves when the first list is in */
  synced(): Promise<void>;
}

/** One informer per resource, made on first use, shared by all parts of one process. */
export interface Informers {
  of<T extends KubeObject>(resource: Resource<T>): Informer<T>;
}

/** undefined: done until the next event. */
export type Outcome = { readonly afterMs: number } | undefined;

export interface Controller {
  readonly name: string;
  /** the informer changes that make a key dirty */
  readonly watches: readonly WatchRule[];
  readonly reconcile: (key: Key) => Promise<Outcome>;
  /** keys at once; default 4 */
  readonly workers?: number;
}

export interface WatchRule<T extends KubeObject = KubeObject> {
  readonly informer: Informer<T>;
  /** which keys of this controller a change concerns */
  readonly keys: (object: T) => readonly Key[];
}
