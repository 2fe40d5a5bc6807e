/**
 * The last events, for watchers that catch up over a log that cannot be read from the middle to a known end (etcd's watch
 * says nothing when there is nothing). Who asks for more than is kept has to list again, as with kube-apiserver's cache.
 */
import { compactedError } from "./errors.ts";
import type { StoreEvent } from "./store.ts";

/** Events kept: a watcher of a busy cluster may be away for some seconds; values are shared with the current state. */
const KEPT = 16_384;

export interface Recent {
  add(events: readonly StoreEvent[]): void;
  /** @throws StoreError "compacted" when events after `after` are no longer kept */
  between(prefix: string, after: number, upTo: number): readonly StoreEvent[];
}

/** @param start the revision from which on all events will be added */
export function recentEvents(start: number): Recent {
  let events: StoreEvent[] = [];
  let oldest = start;
  return {
    add(more) {
      for (const event of more) events.push(event);
      // Cut rarely and by half, so that adding stays cheap.
      if (events.length < 2 * KEPT) return;
      oldest = events[events.length - KEPT - 1]?.entry.revision ?? oldest;
      events = events.slice(-KEPT);
    },
    between(prefix, after, upTo) {
      if (after < oldest) throw compactedError(after, oldest);
      return events.filter(({ entry }) => entry.revision > after && entry.revision <= upTo && entry.key.startsWith(prefix));
    },
  };
}
