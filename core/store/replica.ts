/**
 * The committed state as this process sees it: current entries in memory, the revision they stand at, and everyone who
 * watches. Whoever learns of committed events (the group commit, or etcd's watch) hands them to `apply`; readers see
 * them from then on, all at once. So nothing that is not durable is ever seen.
 */
import type { Past } from "./driver.ts";
import { closedError, compactedError, futureError } from "./errors.ts";
import { sortedEntries } from "./sorted-entries.ts";
import type { Entry, Range, RangeOptions, StoreEvent } from "./store.ts";
import type { Watchers } from "./watchers.ts";
import { openWatchers } from "./watchers.ts";

/** Distinct revisions of the future that callers may wait for at once: each costs one promise, and anyone may name one. */
const MAX_AWAITED = 1_000;

export interface Replica {
  revision(): number;
  compacted(): number;
  get(key: string): Entry | undefined;
  /** all current entries, in key order */
  current(): readonly Entry[];
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]>;
  caughtUp(revision: number): Promise<void>;
  /** events in the order of their revisions, all greater than `revision()`; then moves to `revision` */
  apply(events: readonly StoreEvent[], revision: number): void;
  forgot(revision: number): void;
  close(): void;
}

export interface ReplicaOptions {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly compacted: number;
  readonly past: Past;
  /** events a watcher may fall behind */
  readonly watchBuffer?: number | undefined;
}

export function openReplica(options: ReplicaOptions): Replica {
  const { past } = options;
  const current = sortedEntries();
  for (const entry of options.entries) current.set(entry);
  let revision = options.revision;
  let compacted = options.compacted;
  let closed = false;
  const awaited = new Map<number, PromiseWithResolvers<void>>();
  const watchers: Watchers = openWatchers({ past, revision: () => revision, compacted: () => compacted, buffer: options.watchBuffer });

  return {
    revision: () => revision,
    compacted: () => compacted,
    get: (key) => current.get(key),
    current: () => current.scan("").entries,

    async range(prefix, { limit, after, revision: at } = {}) {
      if (closed) throw closedError();
      if (at === undefined || at === revision) return { ...current.scan(prefix, after, limit), revision };
      if (at > revision) throw futureError(at, revision);
      if (at < compacted) throw compactedError(at, compacted);
      return { ...(await past.rangeAt(prefix, at, { limit, after })), revision: at };
    },

    watch: (prefix, after, signal) => watchers.watch(prefix, after, signal),

    caughtUp(wanted) {
      if (wanted <= revision) return Promise.resolve();
      if (closed) return Promise.reject(closedError());
      let waiting = awaited.get(wanted);
      if (waiting === undefined) {
        if (awaited.size >= MAX_AWAITED) {
          return Promise.reject(futureError(wanted, revision));
        }
        waiting = Promise.withResolvers();
        awaited.set(wanted, waiting);
      }
      return waiting.promise;
    },

    apply(events, to) {
      for (const event of events) {
        if (event.type === "put") current.set(event.entry);
        else current.delete(event.entry.key);
      }
      revision = to;
      for (const [wanted, waiting] of awaited) {
        if (wanted > revision) continue;
        awaited.delete(wanted);
        waiting.resolve();
      }
      watchers.publish(events);
    },

    forgot(upTo) {
      compacted = Math.max(compacted, upTo);
    },

    close() {
      closed = true;
      const error = closedError();
      for (const waiting of awaited.values()) waiting.reject(error);
      awaited.clear();
      watchers.close();
    },
  };
}
