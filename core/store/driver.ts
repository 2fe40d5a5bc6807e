/**
 * What a store needs from a disk, and nothing more: append batches, read the past, forget it. Policy (who wins a
 * compare-and-swap, which revision a write gets, what readers may see) is the front's, see open.ts; a driver never
 * refuses a change for what it says.
 */
import type { Entry, RangeOptions, StoreEvent } from "./store.ts";

/** The past of a log: the part of a driver that readers use. */
export interface Past {
  /**
   * Events of keys under `prefix` with `after` < revision ≤ `through`, in order. The driver bounds the work of one call
   * by choosing `through` ≤ `upTo`; the caller asks again from there.
   */
  history(prefix: string, after: number, upTo: number): Promise<{ readonly events: readonly StoreEvent[]; readonly through: number }>;
  /** what `range` would have answered when `revision` was the last one; `revision` is not compacted */
  rangeAt(prefix: string, revision: number, options: RangeOptions): Promise<{ readonly entries: readonly Entry[]; readonly remaining: number }>;
}

export interface Driver extends Past {
  /** Everything current, and where the log stands. Called once, before anything else. */
  load(): Promise<Loaded>;
  /** All of the batch or nothing, in order; resolves once durable. After a rejection only `recover` is called. */
  append(batch: readonly StoreEvent[]): Promise<void>;
  /**
   * Makes a driver whose `append` failed usable again and proves it by a durable write; rejects while the disk still
   * fails. Resolves with the last revision that is stored: the failed batch may turn out to be durable after all.
   */
  recover(): Promise<number>;
  /** One short step of forgetting what was superseded up to `revision`. The first step makes `revision` durable. */
  forget(revision: number): Promise<"more" | "done">;
  close(): Promise<void>;
}

export interface Loaded {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly compacted: number;
}
