/**
 * The store of one server over a driver.
 *
 * A write is decided when it is called: against the newest value of its key, also one that is still on its way to the
 * disk, so of two writers in one tick only one wins. It gets its revision at once, joins the batch that the next turn of
 * the event loop appends as one durable commit, and is acknowledged, and visible to get, range and watch, after that.
 *
 * - No reader ever sees a write that a crash could take back.
 * - A writer that loses against a write still on its way is told so once that write is durable: "conflict" names a value
 *   that the loser can read.
 * - When a commit fails, every write that waits fails with "unavailable", because each may build on a value that was
 *   lost. The outcome of those writes is open: if the disk kept them after all, they become visible on recovery. Reads
 *   and watches go on from memory, writes are refused until the driver has proved that the disk works.
 */
import type { Clock } from "../api/clock.ts";
import { systemClock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { silentLog } from "../api/log.ts";
import type { Driver } from "./driver.ts";
import { closedError, conflict, futureError } from "./errors.ts";
import { owned } from "./owned.ts";
import { openReplica } from "./replica.ts";
import type { Entry, Store, StoreEvent } from "./store.ts";
import { StoreError } from "./store.ts";

/** Writes of one commit. Bounds how long one commit may hold the disk (about 20 µs a write) and what it costs to redo. */
const MAX_BATCH = 512;
/** Writes that may wait for the disk: far above what callers that wait for answers can have open, far below memory. */
const MAX_WAITING = 65_536;
/** Delays between attempts to use a failed disk again, ms: soon at first, then often enough to go unnoticed. */
const RECOVERY_DELAYS = [50, 200, 1_000, 5_000];

export interface StoreOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** events a watcher may fall behind, see WATCH_BUFFER */
  readonly watchBuffer?: number;
}

interface Batch {
  readonly events: StoreEvent[];
  readonly settled: PromiseWithResolvers<void>;
}

export async function openStore(driver: Driver, options: StoreOptions = {}): Promise<Store> {
  const { clock = systemClock, log = silentLog } = options;
  const loaded = await driver.load();
  const replica = openReplica({ ...loaded, past: driver, watchBuffer: options.watchBuffer });
  /** the newest write of each key that is not committed yet */
  const pending = new Map<string, { readonly event: StoreEvent; readonly batch: Batch }>();
  let batches: Batch[] = [];
  let waiting = 0;
  let assigned = loaded.revision;
  let state: "open" | "failed" | "closed" = "open";
  let committing: Promise<void> | undefined;
  let cancelRecovery: (() => void) | undefined;
  let compacting: Promise<void> = Promise.resolve();

  async function write(key: string, value: Uint8Array | undefined, expected: number): Promise<Entry> {
    refuseUnlessOpen();
    const newest = pending.get(key);
    const current = newest === undefined ? replica.get(key) : newest.event.type === "put" ? newest.event.entry : undefined;
    if ((current?.revision ?? 0) !== expected || (value === undefined && current === undefined)) {
      if (newest !== undefined) await newest.batch.settled.promise;
      throw conflict(key, expected, current);
    }
    if (waiting >= MAX_WAITING) throw new StoreError("unavailable", `${waiting} writes already wait for the disk; try again later`);
    assigned += 1;
    const event = eventOf(key, value, assigned, current);
    const batch = joinBatch();
    batch.events.push(event);
    waiting += 1;
    pending.set(key, { event, batch });
    await batch.settled.promise;
    return event.entry;
  }

  function refuseUnlessOpen(): void {
    if (state === "closed") throw closedError();
    if (state === "failed") throw new StoreError("unavailable", "the disk of the store fails; writes are refused until it works again");
  }

  function joinBatch(): Batch {
    const last = batches.at(-1);
    if (last !== undefined && last.events.length < MAX_BATCH) return last;
    const batch: Batch = { events: [], settled: Promise.withResolvers() };
    batch.settled.promise.catch(() => {}); // each writer handles its own copy
    batches.push(batch);
    committing ??= commitAll();
    return batch;
  }

  /** One commit after another for as long as there are writes; the turns between let writers join the next batch. */
  async function commitAll(): Promise<void> {
    while (batches.length > 0) {
      await new Promise(setImmediate);
      const batch = batches.shift();
      if (batch === undefined) break;
      try {
        await driver.append(batch.events);
      } catch (cause) {
        batches.unshift(batch);
        failAll(cause);
        break;
      }
      committed(batch);
    }
    committing = undefined;
  }

  function committed(batch: Batch): void {
    for (const event of batch.events) if (pending.get(event.entry.key)?.event === event) pending.delete(event.entry.key);
    waiting -= batch.events.length;
    replica.apply(batch.events, batch.events.at(-1)?.entry.revision ?? replica.revision());
    batch.settled.resolve();
  }

  function failAll(cause: unknown): void {
    log.error({ error: String(cause), writes: waiting }, "the store cannot write; refusing writes until the disk works again");
    state = "failed";
    const error = new StoreError("unavailable", "the write could not be made durable; it may or may not be stored", { cause });
    const failed = batches;
    batches = [];
    pending.clear();
    waiting = 0;
    for (const batch of failed) batch.settled.reject(error);
    recoverAfter(0);
  }

  function recoverAfter(attempt: number): void {
    cancelRecovery = clock.after(RECOVERY_DELAYS[Math.min(attempt, RECOVERY_DELAYS.length - 1)] ?? 0, () => {
      recover().catch((error: unknown) => {
        if (state !== "failed") return;
        log.warn({ error: String(error), attempt }, "the store still cannot write");
        recoverAfter(attempt + 1);
      });
    });
  }

  async function recover(): Promise<void> {
    const stored = await driver.recover();
    while (replica.revision() < stored) {
      const { events, through } = await driver.history("", replica.revision(), stored);
      if (state !== "failed") return;
      replica.apply(events, through);
    }
    if (state !== "failed") return;
    assigned = Math.max(assigned, stored);
    state = "open";
    log.info({ revision: stored }, "the store can write again");
  }

  async function compact(revision: number): Promise<void> {
    if (revision > replica.revision()) throw futureError(revision, replica.revision());
    refuseUnlessOpen();
    replica.forgot(revision);
    while ((await driver.forget(revision)) === "more") {
      await new Promise(setImmediate);
      if (state !== "open") refuseUnlessOpen();
    }
  }

  return {
    revision: replica.revision,
    compacted: replica.compacted,
    get: replica.get,
    range: replica.range,
    watch: replica.watch,
    caughtUp: replica.caughtUp,
    put: (key, value, expected) => write(key, value, expected),
    delete: (key, expected) => write(key, undefined, expected),
    compact(revision) {
      const next = compacting.then(() => compact(revision));
      compacting = next.catch(() => {});
      return next;
    },
    async close() {
      if (state === "closed") return;
      state = "closed";
      cancelRecovery?.();
      await committing;
      await compacting;
      replica.close();
      await driver.close();
    },
  };
}

function eventOf(key: string, value: Uint8Array | undefined, revision: number, current: Entry | undefined): StoreEvent {
  if (value !== undefined) {
    return { type: "put", entry: { key, value: owned(value), revision, created: current?.created ?? revision }, previous: current };
  }
  if (current === undefined) throw conflict(key, 0, current);
  return { type: "delete", entry: { ...current, revision }, previous: current };
}
