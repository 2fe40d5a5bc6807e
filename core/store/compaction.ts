/**
 * Forgetting, on a timer: what is older than five minutes, as kube-apiserver does with etcd, so that continue tokens and
 * watches of clients live as long as they are used to. A burst of writes shortens that, because the file and the time to
 * open it grow with the history.
 */
import type { Clock } from "../api/clock.ts";
import { sleep } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { Store } from "./store.ts";
import { StoreError } from "./store.ts";

/** kube-apiserver --etcd-compaction-interval */
const KEEP_MS = 300_000;
/** How often the revision is noted: what is kept is between KEEP_MS and this more. */
const NOTE_MS = 30_000;
/** Revisions kept at most: a few hundred MB of pods, half a second to open. */
const KEEP_REVISIONS = 200_000;

interface Note {
  readonly at: number;
  readonly revision: number;
}

export interface CompactionOptions {
  readonly store: Pick<Store, "revision" | "compacted" | "compact">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Runs until `signal` aborts; a failed compaction is tried again with the next note. */
export async function runCompaction({ store, clock, log, signal }: CompactionOptions): Promise<void> {
  let notes: readonly Note[] = [];
  while (!signal.aborted) {
    notes = [...notes, { at: clock.monotonic(), revision: store.revision() }];
    const target = compactionTarget(notes, clock.monotonic());
    notes = notes.filter((note) => note.revision > target || clock.monotonic() - note.at < KEEP_MS);
    if (target > store.compacted()) {
      try {
        await store.compact(target);
        log.debug({ revision: target }, "history compacted");
      } catch (error) {
        if (error instanceof StoreError && error.reason === "closed") return;
        log.warn({ error: String(error), revision: target }, "history could not be compacted; trying again later");
      }
    }
    await sleep(clock, NOTE_MS, signal);
  }
}

/** The newest revision that is old enough, or that must go because too many came after it; 0 if there is none. */
export function compactionTarget(notes: readonly Note[], now: number): number {
  const newest = notes.at(-1)?.revision ?? 0;
  const old = notes.findLast((note) => now - note.at >= KEEP_MS)?.revision ?? 0;
  return Math.max(old, newest - KEEP_REVISIONS);
}
