/**
 * A bound in time for guest code that runs on the host's only thread. V8 can end running code from another thread; `node:vm`
 * offers that as a time limit of a script, and the guest is run inside such a script. Arming it costs 0.1 ms (a thread of the
 * system), so that several requests share one arming; see serve.ts.
 */
import { Script } from "node:vm";

/** The guest did not return in time and was ended where it was: its instance must not be used again. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

const slot = Symbol.for("lichen.guarded");
const script = new Script('globalThis[Symbol.for("lichen.guarded")]()', { filename: "guard" });
const global = globalThis as { [slot]?: () => void };

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
