/**
 * Time that only moves when a test says so. Timers run in the order of their moments, and after each one everything
 * that became runnable is drained, so a story that spans an hour takes milliseconds and always runs the same way.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../core/api/clock.ts";

export interface VirtualClock extends Clock {
  /** lets what is runnable at this moment run, without moving time */
  settle(): Promise<void>;
  /** moves time forward by `ms`, running each timer that falls due at its own moment */
  advance(ms: number): Promise<void>;
  /** moves from timer to timer until `condition` holds; throws after `limitMs` of virtual time */
  until(condition: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
  /** timers that wait */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Turns of the event loop that a drain takes: a chain of watch, reconcile and commit needs a few per hop. */
const TURNS = 30;
/** Moments without a due timer between two looks of `until`. */
const STEP_MS = 10;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}

export function virtualClock(start = Date.UTC(2030, 0, 1)): VirtualClock {
  let time = start;
  let order = 0;
  const timers = new Set<Timer>();

  const nextDue = (limit: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > limit) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  };
  const advance = async (ms: number) => {
    const end = time + ms;
    await settle();
    for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
      timers.delete(timer);
      time = Math.max(time, timer.at);
      timer.callback();
      await settle();
    }
    time = end;
  };

  return {
    now: () => time,
    monotonic: () => time - start,
    after(ms, callback) {
      const timer = { at: time + Math.max(0, ms), order: order++, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    settle,
    advance,
    async until(condition, limitMs = 3_600_000) {
      const end = time + limitMs;
      await settle();
      while (!(await condition())) {
        if (time >= end) throw new Error(`the condition did not hold within ${limitMs} ms of virtual time`);
        const due = nextDue(end)?.at ?? time + STEP_MS;
        await advance(Math.min(Math.max(due - time, 0), end - time));
      }
    },
    pending: () => timers.size,
  };
}
