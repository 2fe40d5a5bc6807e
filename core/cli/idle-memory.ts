/**
 * Gives memory back that a start or a burst of work needed and a quiet process does not. V8 keeps the space for young
 * objects as large as it ever was (32 MB) and collects what is old only under pressure, which an idle process never
 * feels. So after each busy stretch, one thorough collection runs in the first quiet one.
 */
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How often the event loop is asked how busy it was. */
const LOOK_MS = 2_000;
/** Share of that time above which the process is at work: a collection (50 to 200 ms) would be in the way. */
const BUSY = 0.1;
/** Share above which it does more than an idle process does for itself: what heartbeats add up to is no reason to collect. */
const AWAKE = 0.01;
/** Time at work after which a collection pays, ms. */
const WORTH_MS = 500;

type Collect = (how: { readonly type: "major"; readonly flavor: "last-resort"; readonly execution: "sync" }) => void;

/** Runs for as long as the process does, without keeping it alive. */
export function giveBackIdleMemory(): void {
  const collect = collector();
  let last = performance.eventLoopUtilization();
  // the start itself was work
  let worked = WORTH_MS;
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization, active } = performance.eventLoopUtilization(now, last);
    last = now;
    if (utilization > AWAKE) worked += active;
    if (worked < WORTH_MS || utilization > BUSY) return;
    collect({ type: "major", flavor: "last-resort", execution: "sync" });
    worked = 0;
    last = performance.eventLoopUtilization();
  }, LOOK_MS).unref();
}

/** The flag goes off again: the compile cache is made for the flags of a plain start. */
function collector(): Collect {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
