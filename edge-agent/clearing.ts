/**
 * What ended holds addresses and memory: taking it away gives way to what starts, because on a small board the two share its
 * processors and somebody waits for the one that starts. But not for long, and then it goes one by one.
 */
import { sleep, type Clock } from "../core/api/clock.ts";

const WAITS_MS = 1_000;
/** One that is stuck does not hold up the others. */
const QUEUES_MS = 5_000;
const LOOK_MS = 20;

export function clearing(clock: Clock, somethingStarts: () => boolean): <T>(work: () => Promise<T>) => Promise<T> {
  let beingCleared = 0;
  return async (work) => {
    const since = clock.monotonic();
    const limit = () => (beingCleared === 0 ? WAITS_MS : QUEUES_MS);
    while (somethingStarts() && clock.monotonic() - since < limit()) await sleep(clock, LOOK_MS);
    beingCleared++;
    try {
      return await work();
    } finally {
      beingCleared--;
    }
  };
}
