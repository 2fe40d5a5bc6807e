/** wasi:clocks 0.2. Time zones are not told: a guest sees UTC. */
import { Pollable } from "./io.ts";
import { NEVER } from "./waiting.ts";

const NANOSECONDS = 1_000_000_000n;

const datetime = (nanoseconds: bigint) => ({ seconds: nanoseconds / NANOSECONDS, nanoseconds: Number(nanoseconds % NANOSECONDS) });

export const monotonicClock = {
  now: () => process.hrtime.bigint(),
  resolution: () => 1n,
  subscribeInstant: (when: bigint) => new Pollable(when < NEVER ? when : NEVER),
  subscribeDuration: (duration: bigint) => new Pollable(process.hrtime.bigint() + (duration < NEVER ? duration : NEVER)),
};

export const wallClock = {
  now: () => datetime(BigInt(Date.now()) * 1_000_000n),
  resolution: () => datetime(1_000_000n),
};

export const timezone = {
  display: () => ({ utcOffset: 0, name: "UTC", inDaylightSavingTime: false }),
  utcOffset: () => 0,
};
