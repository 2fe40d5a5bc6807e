/** wasi:clocks 0.3: waiting is a function that other tasks of the guest go on beside. */
import { monotonicClock, wallClock } from "./clocks.ts";

/** setTimeout takes 31 bits of milliseconds; longer waits are waits in parts. */
const MAX_WAIT_NS = (2n ** 31n - 1n) * 1_000_000n;
const NS_PER_MS = 1_000_000n;
/** of the system's clock */
const RESOLUTION_NS = 1_000_000n;

async function waitUntil(when: bigint): Promise<void> {
  for (let left = when - monotonicClock.now(); left > 0n; left = when - monotonicClock.now()) {
    const part = left < MAX_WAIT_NS ? left : MAX_WAIT_NS;
    await new Promise((resolve) => setTimeout(resolve, Number((part + NS_PER_MS - 1n) / NS_PER_MS)));
  }
}

export const asyncClocks = {
  "p3:clocks/types": {},
  "p3:clocks/monotonic-clock": {
    now: monotonicClock.now,
    getResolution: monotonicClock.resolution,
    waitUntil,
    waitFor: (duration: bigint) => waitUntil(monotonicClock.now() + duration),
  },
  "p3:clocks/system-clock": { now: wallClock.now, getResolution: () => RESOLUTION_NS },
};
