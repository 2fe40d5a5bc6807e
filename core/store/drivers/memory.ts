/** A log in memory: for tests, simulations and servers whose state may end with them. */
import type { Driver } from "../driver.ts";
import type { Entry, StoreEvent } from "../store.ts";

/** Events looked at by one call of history, so that a long catch-up gives way to others. */
const HISTORY_WINDOW = 4_096;
/** Events dropped by one step of compaction: dropping is one splice, the bound is for symmetry with a disk. */
const FORGET_STEP = 65_536;

export function memoryDriver(): Driver {
  /** what was current at `compacted`: the beginning from which `log` can be replayed */
  const base = new Map<string, Entry>();
  const log: StoreEvent[] = [];
  let compacted = 0;
  const revision = () => log.at(-1)?.entry.revision ?? compacted;

  /** index of the first event with a revision greater than `after` */
  function indexAfter(after: number): number {
    let low = 0;
    let high = log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((log[middle]?.entry.revision ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    load: async () => ({ entries: replay(base, log), revision: revision(), compacted }),
    async append(batch) {
      for (const event of batch) log.push(event);
    },
    recover: async () => revision(),
    async history(prefix, after, upTo) {
      const from = indexAfter(after);
      const window = log.slice(from, Math.min(indexAfter(upTo), from + HISTORY_WINDOW));
      const whole = from + window.length >= indexAfter(upTo);
      return {
        events: window.filter((event) => event.entry.key.startsWith(prefix)),
        through: whole ? upTo : (window.at(-1)?.entry.revision ?? upTo),
      };
    },
    async rangeAt(prefix, at, { after = "", limit = Infinity }) {
      const entries = replay(base, log.slice(0, indexAfter(at))).filter(({ key }) => key.startsWith(prefix) && key > after);
      entries.sort((a, b) => (a.key < b.key ? -1 : 1));
      return { entries: entries.slice(0, limit), remaining: Math.max(0, entries.length - limit) };
    },
    async forget(upTo) {
      const dropped = log.splice(0, Math.min(indexAfter(upTo), FORGET_STEP));
      for (const event of dropped) step(base, event);
      const more = indexAfter(upTo) > 0;
      compacted = Math.max(compacted, more ? (dropped.at(-1)?.entry.revision ?? upTo) : upTo);
      return more ? "more" : "done";
    },
    async close() {},
  };
}

function step(state: Map<string, Entry>, event: StoreEvent): void {
  if (event.type === "put") state.set(event.entry.key, event.entry);
  else state.delete(event.entry.key);
}

function replay(base: ReadonlyMap<string, Entry>, events: readonly StoreEvent[]): Entry[] {
  const state = new Map(base);
  for (const event of events) step(state, event);
  return [...state.values()];
}
