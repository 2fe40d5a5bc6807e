/**
 * One revisioned log of keys: compare-and-swap writes, ordered range reads, watch from a revision. It knows bytes, not
 * objects. Every write of the store gets the next revision; revisions are never reused, also not after a crash.
 */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** revision of the write that made this value */
  readonly revision: number;
  /** revision of the write that made the key */
  readonly created: number;
}

export type StoreEvent =
  | { readonly type: "put"; readonly entry: Entry; readonly previous: Entry | undefined }
  /** `entry` is the last value with the revision of the deletion */
  | { readonly type: "delete"; readonly entry: Entry; readonly previous: Entry };

export interface Range {
  readonly entries: readonly Entry[];
  /** the revision at which this was read */
  readonly revision: number;
  /** keys of the range after the last entry returned */
  readonly remaining: number;
}

export interface RangeOptions {
  readonly limit?: number | undefined;
  /** only keys greater than this */
  readonly after?: string | undefined;
  /** read the past; throws StoreError "compacted" or "future" */
  readonly revision?: number | undefined;
}

export interface Store {
  /** the revision of the last committed write */
  revision(): number;
  /** current values are read from memory: synchronous, and never behind an acknowledged write */
  get(key: string): Entry | undefined;
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  /**
   * Resolves once durable. `expected` is the revision of the value to replace, 0 if the key must not exist.
   * @throws StoreError "conflict" with the entry that is there, "fenced" when `fence` is no longer the newest
   */
  put(key: string, value: Uint8Array, expected: number, fence?: Fence): Promise<Entry>;
  delete(key: string, expected: number, fence?: Fence): Promise<Entry>;
  /**
   * Of a store that several processes share: a fence that stands until somebody takes the next one, if `key` is still at
   * `revision`. Absent where the process is the only one.
   * @throws StoreError "fenced" if it is not
   */
  fence?(key: string, revision: number): Promise<Fence>;
  /**
   * Every change of keys under `prefix` ("", or parts of a key with the slash after them) after revision `after`, in
   * order, none twice, in batches. Ends when `signal` aborts; throws StoreError "compacted" when the past is gone, "slow" when the reader fell too far behind.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]>;
  /** Resolves once everything up to `revision` has been seen by this process (several servers over one etcd). */
  caughtUp(revision: number): Promise<void>;
  /** forgets history up to and including `revision`; current values stay */
  compact(revision: number): Promise<void>;
  compacted(): number;
  close(): Promise<void>;
}

/** The right to write, which can be taken away; compared with every write that is made by it, in the same transaction. */
export interface Fence {
  readonly revision: number;
}

export type StoreReason = "conflict" | "fenced" | "compacted" | "future" | "slow" | "closed" | "unavailable";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason: StoreReason;
  /** for "conflict": what is stored instead; undefined if nothing is */
  readonly current: Entry | undefined;

  constructor(reason: StoreReason, message: string, more: { current?: Entry | undefined; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.reason = reason;
    this.current = more.current;
  }
}
