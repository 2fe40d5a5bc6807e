/**
 * Entries by key and in key order. A sorted array of short sorted arrays: binary search finds a place in O(log n), an
 * insert moves at most one short array, a scan walks memory in order. An entry that is replaced keeps its slot, so an
 * update costs one hash lookup and no search.
 */
import type { Entry } from "./store.ts";

/** A run is split when it grows past this: long enough to keep the outer array short, short enough to splice cheaply. */
const RUN_LENGTH = 512;

/**
 * Ranges that are asked for on every write are short: the limits and quotas of a namespace, the priority classes. Those of
 * at most so many entries are remembered, for some hundred namespaces; anyone may ask for others.
 */
const SHORT = 16;
const SHORT_LIMIT = 1_000;

interface Slot {
  entry: Entry;
}

export interface SortedEntries {
  readonly size: number;
  get(key: string): Entry | undefined;
  set(entry: Entry): void;
  delete(key: string): void;
  scan(prefix: string, after?: string, limit?: number): { readonly entries: readonly Entry[]; readonly remaining: number };
}

export function sortedEntries(): SortedEntries {
  const slots = new Map<string, Slot>();
  const runs: Slot[][] = [];
  /** by prefix, what was asked for; an entry that is replaced stays in its slot */
  const short = new Map<string, readonly Slot[]>();

  /** A key comes or goes. */
  function forgetAround(key: string): void {
    if (short.size > 0) for (let end = key.indexOf("/"); end >= 0; end = key.indexOf("/", end + 1)) short.delete(key.slice(0, end + 1));
  }

  function remember(prefix: string, found: readonly Slot[]): void {
    if (short.size >= SHORT_LIMIT) short.clear();
    short.set(prefix, found);
  }

  return {
    get size() {
      return slots.size;
    },
    get: (key) => slots.get(key)?.entry,
    set(entry) {
      const slot = slots.get(entry.key);
      if (slot !== undefined) {
        slot.entry = entry;
        return;
      }
      const added: Slot = { entry };
      slots.set(entry.key, added);
      forgetAround(entry.key);
      insert(runs, added);
    },
    delete(key) {
      if (!slots.delete(key)) return;
      forgetAround(key);
      const at = seek(runs, (other) => other < key);
      const run = runs[at.run];
      run?.splice(at.index, 1);
      if (run?.length === 0) runs.splice(at.run, 1);
    },
    scan(prefix, after = "", limit = Infinity) {
      const known = after === "" ? short.get(prefix) : undefined;
      if (known !== undefined) return pageOf(known, limit, known.length);
      const from = seek(runs, (key) => key < prefix || key <= after);
      const to = slotAt(runs, from)?.entry.key.startsWith(prefix) === true ? seek(runs, (key) => key < prefix || key.startsWith(prefix)) : from;
      const total = distance(runs, from, to);
      const whole = after === "" && total <= SHORT && prefix.endsWith("/");
      const found = take(runs, from, whole ? total : Math.min(limit, total));
      if (whole) remember(prefix, found);
      return pageOf(found, limit, total);
    },
  };
}

function pageOf(slots: readonly Slot[], limit: number, total: number): { readonly entries: readonly Entry[]; readonly remaining: number } {
  const entries = (slots.length <= limit ? slots : slots.slice(0, limit)).map(({ entry }) => entry);
  return { entries, remaining: total - entries.length };
}

function take(runs: readonly Slot[][], from: Place, count: number): readonly Slot[] {
  const found: Slot[] = [];
  let { run, index } = from;
  while (found.length < count) {
    const slot = runs[run]?.[index];
    if (slot === undefined) {
      run += 1;
      index = 0;
      continue;
    }
    found.push(slot);
    index += 1;
  }
  return found;
}

interface Place {
  readonly run: number;
  readonly index: number;
}

function slotAt(runs: readonly Slot[][], { run, index }: Place): Slot | undefined {
  return index < (runs[run]?.length ?? 0) ? runs[run]?.[index] : runs[run + 1]?.[0];
}

/** The first place whose key is not `before`; `before` is true for a beginning of the order and false for the rest. */
function seek(runs: readonly Slot[][], before: (key: string) => boolean): Place {
  const run = partition(runs.length, (at) => {
    const last = runs[at]?.at(-1);
    return last !== undefined && before(last.entry.key);
  });
  const slots = runs[run] ?? [];
  const index = partition(slots.length, (at) => {
    const slot = slots[at];
    return slot !== undefined && before(slot.entry.key);
  });
  return { run, index };
}

/** The first index in [0, length) for which `before` is false. */
function partition(length: number, before: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function distance(runs: readonly Slot[][], from: Place, to: Place): number {
  let count = to.index - from.index;
  for (let run = from.run; run < to.run; run += 1) count += runs[run]?.length ?? 0;
  return Math.max(0, count);
}

function insert(runs: Slot[][], slot: Slot): void {
  const key = slot.entry.key;
  const place = seek(runs, (other) => other < key);
  // A key after all others extends the last run, so that keys that arrive in order fill runs instead of making new ones.
  const at = place.run === runs.length && runs.length > 0 ? place.run - 1 : place.run;
  const run = runs[at];
  if (run === undefined) {
    runs.push([slot]);
    return;
  }
  run.splice(at === place.run ? place.index : run.length, 0, slot);
  if (run.length > RUN_LENGTH) runs.splice(at + 1, 0, run.splice(RUN_LENGTH / 2));
}
