/**
 * The keys that wait for a reconciler. A key is in at most one place: waiting, or being worked on (then a change that
 * arrives marks it, and it waits again once it is done). So a burst of events costs one reconcile, and no key is ever
 * worked on twice at once. Failing keys come back later and later; delayed keys keep their earliest moment.
 */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Key } from "./control.ts";

export interface Queue {
  add(key: Key): void;
  /** an earlier moment for the same key wins */
  addAfter(key: Key, ms: number): void;
  /** back-off: adds the key after a delay that doubles with each call until `forget`; returns the delay */
  retry(key: Key): number;
  /** the key succeeded: its next failure starts from the shortest delay */
  forget(key: Key): void;
  /** the next key, which the caller owns until `done`; undefined once closed */
  next(): Promise<Key | undefined>;
  done(key: Key): void;
  /** keys that wait or are being worked on; delayed ones not counted */
  busy(): number;
  close(): void;
}

/** First delay and cap of the per-key back-off: quick for a lost race, slow for what a human has to repair. */
export const RETRY_FIRST_MS = 50;
export const RETRY_CAP_MS = 60_000;

export function queue({ clock, entropy }: { readonly clock: Clock; readonly entropy: Pick<Entropy, "fraction"> }): Queue {
  const waiting = new Set<Key>();
  const working = new Set<Key>();
  const dirtyAgain = new Set<Key>();
  const delayed = new Map<Key, { readonly at: number; readonly cancel: () => void }>();
  const failures = new Map<Key, number>();
  const takers: ((key: Key | undefined) => void)[] = [];
  let closed = false;

  /** what a delay was for, this run decides again */
  const take = (key: Key): Key => {
    delayed.get(key)?.cancel();
    delayed.delete(key);
    waiting.delete(key);
    working.add(key);
    return key;
  };
  const add = (key: Key) => {
    if (closed) return;
    if (working.has(key)) {
      dirtyAgain.add(key);
      return;
    }
    const taker = waiting.has(key) ? undefined : takers.shift();
    if (taker === undefined) waiting.add(key);
    else taker(take(key));
  };
  const addAfter = (key: Key, ms: number) => {
    if (closed) return;
    if (ms <= 0) return add(key);
    const at = clock.monotonic() + ms;
    const planned = delayed.get(key);
    if (planned !== undefined) {
      if (planned.at <= at) return;
      planned.cancel();
    }
    const cancel = clock.after(ms, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { at, cancel });
  };

  return {
    add,
    addAfter,
    retry(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      const longest = Math.min(RETRY_CAP_MS, RETRY_FIRST_MS * 2 ** Math.min(count, 30));
      // between half and all of the delay: keys that failed together do not come back together
      const ms = longest * (0.5 + entropy.fraction() / 2);
      addAfter(key, ms);
      return ms;
    },
    forget: (key) => void failures.delete(key),
    next() {
      if (closed) return Promise.resolve(undefined);
      const [key] = waiting;
      if (key === undefined) return new Promise((resolve) => takers.push(resolve));
      return Promise.resolve(take(key));
    },
    done(key) {
      working.delete(key);
      if (dirtyAgain.delete(key)) add(key);
    },
    busy: () => waiting.size + working.size,
    close() {
      closed = true;
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      waiting.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
  };
}
