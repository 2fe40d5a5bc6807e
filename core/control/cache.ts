/**
 * The indexed copy of one resource, without any I/O. It is fed from two sides: by the watch (`replace`, `apply`), which
 * is complete and ordered, and by this process' own writes (`observe`, `forget`), which are early. Resource versions
 * are revisions of one log (architecture decision 4; KEP-5504 makes them comparable), so the newer of two states is
 * known, and a reader is never behind a write that this process has been answered.
 */
import type { KubeObject } from "../api/meta.ts";
import type { Key } from "./control.ts";

export type Listener<T> = (now: T | undefined, old: T | undefined) => void;

export interface Cache<T extends KubeObject> {
  get(key: Key): T | undefined;
  values(): readonly T[];
  by(index: string, value: string): readonly T[];
  addIndex(index: string, values: (object: T) => readonly string[]): void;
  subscribe(listener: Listener<T>): () => void;
  /** the state at `revision`, as a list gave it: what is missing is deleted */
  replace(objects: readonly T[], revision: number): void;
  apply(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void;
  /** the watch has told everything up to `revision` (a bookmark) */
  reached(revision: number): void;
  /** the answer to an own write */
  observe(object: T): void;
  /** an own deletion that finished at once */
  forget(key: Key, uid: string): void;
  revision(): number;
}

export const keyOf = ({ metadata }: KubeObject): Key =>
  metadata.namespace === undefined || metadata.namespace === "" ? (metadata.name ?? "") : `${metadata.namespace}/${metadata.name ?? ""}`;

export const revisionOf = (object: KubeObject): number => Number(object.metadata.resourceVersion ?? 0);

interface Index<T> {
  readonly values: (object: T) => readonly string[];
  readonly buckets: Map<string, Map<Key, T>>;
}

/** The index that `list(namespace)` reads. */
export const NAMESPACE = "namespace";

const sameValues = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((value, at) => value === b[at]);

export function cache<T extends KubeObject>(onListenerError: (error: unknown) => void): Cache<T> {
  const objects = new Map<Key, T>();
  const indexes = new Map<string, Index<T>>();
  const listeners = new Set<Listener<T>>();
  /** uids of own deletions whose event is still to come */
  const forgotten = new Set<string>();
  let revision = 0;

  const put = (index: Index<T>, key: Key, object: T) => {
    for (const value of index.values(object)) {
      const bucket = index.buckets.get(value);
      if (bucket === undefined) index.buckets.set(value, new Map([[key, object]]));
      else bucket.set(key, object);
    }
  };
  const drop = (index: Index<T>, key: Key, object: T) => {
    for (const value of index.values(object)) {
      const bucket = index.buckets.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) index.buckets.delete(value);
    }
  };
  const tell = (now: T | undefined, old: T | undefined) => {
    for (const listener of listeners) {
      try {
        listener(now, old);
      } catch (error) {
        onListenerError(error);
      }
    }
  };
  const remove = (key: Key) => {
    const old = objects.get(key);
    if (old === undefined) return;
    objects.delete(key);
    for (const index of indexes.values()) drop(index, key, old);
    tell(undefined, old);
  };
  const set = (key: Key, now: T) => {
    // another object of the same name: readers see a deletion and a creation, never one object that became another
    if (objects.has(key) && objects.get(key)?.metadata.uid !== now.metadata.uid) remove(key);
    const old = objects.get(key);
    objects.set(key, now);
    for (const index of indexes.values()) {
      if (old !== undefined && !sameValues(index.values(old), index.values(now))) drop(index, key, old);
      put(index, key, now);
    }
    tell(now, old);
  };
  const addIndex = (name: string, values: (object: T) => readonly string[]) => {
    if (indexes.has(name)) return;
    const index: Index<T> = { values, buckets: new Map() };
    indexes.set(name, index);
    for (const [key, object] of objects) put(index, key, object);
  };
  addIndex(NAMESPACE, (object) => [object.metadata.namespace ?? ""]);

  return {
    get: (key) => objects.get(key),
    values: () => [...objects.values()],
    by(name, value) {
      const index = indexes.get(name);
      if (index === undefined) throw new Error(`no index named "${name}": call addIndex first`);
      return [...(index.buckets.get(value)?.values() ?? [])];
    },
    addIndex,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(list, at) {
      revision = Math.max(revision, at);
      const listed = new Map(list.map((object) => [keyOf(object), object]));
      for (const [key, object] of objects) {
        // own writes made after the list was read are not in it
        if (!listed.has(key) && revisionOf(object) <= at) remove(key);
      }
      const uids = new Set(list.map((object) => object.metadata.uid));
      for (const uid of forgotten) if (!uids.has(uid)) forgotten.delete(uid);
      for (const [key, object] of listed) {
        const old = objects.get(key);
        if (object.metadata.uid !== undefined && forgotten.has(object.metadata.uid)) continue;
        if (old === undefined || revisionOf(old) < revisionOf(object)) set(key, object);
      }
    },
    apply(type, object) {
      revision = Math.max(revision, revisionOf(object));
      const key = keyOf(object);
      const uid = object.metadata.uid ?? "";
      const old = objects.get(key);
      if (type === "DELETED") {
        forgotten.delete(uid);
        if (old?.metadata.uid === object.metadata.uid) remove(key);
      } else if (!forgotten.has(uid) && (old === undefined || revisionOf(old) < revisionOf(object))) set(key, object);
    },
    reached(at) {
      revision = Math.max(revision, at);
    },
    observe(object) {
      // what the watch has passed already is in the copy, or gone since
      if (revisionOf(object) <= revision) return;
      const old = objects.get(keyOf(object));
      if (old === undefined || revisionOf(old) < revisionOf(object)) set(keyOf(object), object);
    },
    forget(key, uid) {
      if (objects.get(key)?.metadata.uid !== uid) return;
      forgotten.add(uid);
      remove(key);
    },
    revision: () => revision,
  };
}
