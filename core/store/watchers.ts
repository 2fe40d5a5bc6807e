/**
 * Watch = catch up + tail. A watcher first subscribes (from here on its buffer collects what is committed), noting the
 * revision S at that moment; then it reads history up to S; then it drains the buffer, which holds only what came after
 * S. Nothing is missing and nothing comes twice, without comparing events.
 *
 * A reader that lets its buffer overflow is dropped with "slow": it has to list again, nobody waits for it.
 */
import type { Past } from "./driver.ts";
import { closedError, compactedError } from "./errors.ts";
import type { StoreEvent } from "./store.ts";
import { StoreError } from "./store.ts";

/**
 * Events that a watcher may be behind. Large enough for a burst that one event-loop turn of a reader cannot take (ten
 * thousand pods created at once), small enough that a stuck reader holds little more than what is current anyway.
 */
export const WATCH_BUFFER = 16_384;

export interface Watchers {
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]>;
  publish(events: readonly StoreEvent[]): void;
  close(): void;
}

export interface WatchersOptions {
  readonly past: Past;
  readonly revision: () => number;
  readonly compacted: () => number;
  readonly buffer?: number | undefined;
}

interface Watcher {
  batches: (readonly StoreEvent[])[];
  buffered: number;
  failure: StoreError | undefined;
  wake: () => void;
}

export function openWatchers({ past, revision, compacted, buffer = WATCH_BUFFER }: WatchersOptions): Watchers {
  // By prefix, so that an event finds who watches its key by the parts of the key, however many watch others.
  const subscribed = new Map<string, Set<Watcher>>();
  let closed = false;

  function subscribe(prefix: string, watcher: Watcher): () => void {
    const group = subscribed.get(prefix) ?? new Set();
    subscribed.set(prefix, group.add(watcher));
    return () => {
      group.delete(watcher);
      if (group.size === 0 && subscribed.get(prefix) === group) subscribed.delete(prefix);
    };
  }

  function offer(watcher: Watcher, events: readonly StoreEvent[]): void {
    if (watcher.failure !== undefined) return;
    watcher.buffered += events.length;
    if (watcher.buffered > buffer) fail(watcher, new StoreError("slow", `the watcher fell more than ${buffer} events behind`));
    else watcher.batches.push(events);
    watcher.wake();
  }

  async function* watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[]> {
    if (closed) throw closedError();
    if (after < compacted()) throw compactedError(after, compacted());
    const watcher: Watcher = { batches: [], buffered: 0, failure: undefined, wake: () => {} };
    const unsubscribe = subscribe(prefix, watcher);
    const onAbort = () => watcher.wake();
    signal.addEventListener("abort", onAbort);
    try {
      const start = revision();
      let seen = after;
      while (seen < start && !signal.aborted) {
        if (seen < compacted()) throw compactedError(seen, compacted());
        const { events, through } = await past.history(prefix, seen, start);
        seen = through;
        if (events.length > 0 && !signal.aborted) yield events;
      }
      while (!signal.aborted) {
        if (watcher.failure !== undefined) throw watcher.failure;
        if (watcher.batches.length === 0) {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
          continue;
        }
        const { batches } = watcher;
        watcher.batches = [];
        watcher.buffered = 0;
        // `after` may lie in the future: a client may name a revision that this store has yet to reach.
        const events = (batches.length === 1 ? batches[0] : batches.flat())?.filter((event) => event.entry.revision > after) ?? [];
        if (events.length > 0) yield events;
      }
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    watch,
    publish(events) {
      const theirs = new Map<string, StoreEvent[]>();
      for (const event of events) {
        for (const prefix of prefixesOf(event.entry.key)) {
          const before = theirs.get(prefix);
          if (before !== undefined) before.push(event);
          else if (subscribed.has(prefix)) theirs.set(prefix, [event]);
        }
      }
      for (const [prefix, batch] of theirs) for (const watcher of subscribed.get(prefix) ?? []) offer(watcher, batch);
    },
    close() {
      closed = true;
      for (const group of subscribed.values()) {
        for (const watcher of group) {
          fail(watcher, closedError());
          watcher.wake();
        }
      }
    },
  };
}

/** "", "/", "/registry/", "/registry/pods/", …: what the ranges that are watched begin with ends at a slash. */
function prefixesOf(key: string): readonly string[] {
  const prefixes = [""];
  for (let end = key.indexOf("/"); end >= 0; end = key.indexOf("/", end + 1)) prefixes.push(key.slice(0, end + 1));
  return prefixes;
}

function fail(watcher: Watcher, failure: StoreError): void {
  watcher.failure ??= failure;
  watcher.batches = [];
}
