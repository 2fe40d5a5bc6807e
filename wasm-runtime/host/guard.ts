/**
 * A bound in time for guest code that runs on the host's only thread, in two ways. V8 can end running code from another
 * thread; `node:vm` offers that as a time limit of a script, and the guest is run inside such a script. Arming it costs 0.1 ms
 * (a thread of the system), which a busy service does not have: beyond some armings per second the process writes into its
 * title since when it is in the guest instead, and the agent ends a process that is there for too long.
 */
import { Script } from "node:vm";
import { busyTitle } from "./spec.ts";

/** The guest did not return in time and was ended where it was: its instance must not be used again. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

const slot = Symbol.for("lichen.guarded");
const script = new Script('globalThis[Symbol.for("lichen.guarded")]()', { filename: "guard" });
const global = globalThis as { [slot]?: () => void };

/** Few: on a busy machine the thread that an arming makes waits milliseconds for its turn, and the guest with it. */
const ARMINGS_PER_SECOND = 5;
const IDLE_TITLE = "lichen-wasi";

export type Guard = (milliseconds: number, run: () => void) => void;

/** Bounds what runs in it: ends it in time while there are few calls, and has it ended from outside when there are many. */
export function guard(): Guard {
  let left = ARMINGS_PER_SECOND;
  let refilled = performance.now();
  return (milliseconds, run) => {
    const now = performance.now();
    left = Math.min(ARMINGS_PER_SECOND, left + ((now - refilled) / 1000) * ARMINGS_PER_SECOND);
    refilled = now;
    if (left >= 1) {
      left--;
      return within(milliseconds, run);
    }
    process.title = busyTitle(Date.now());
    try {
      run();
    } finally {
      process.title = IDLE_TITLE;
    }
  };
}

/** @throws TimeoutError, or what `run` throws */
export function within(milliseconds: number, run: () => void): void {
  global[slot] = run;
  try {
    script.runInThisContext({ timeout: milliseconds });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new TimeoutError(`it ran for longer than ${milliseconds} ms`);
  } finally {
    delete global[slot];
  }
}
