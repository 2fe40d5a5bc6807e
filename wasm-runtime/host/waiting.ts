/**
 * Where the host's only thread sleeps. A guest runs synchronously, so waiting means that the whole thread waits: for a moment
 * in time, or for word from the network's thread, which rings the bell after each message.
 */

/** Rung by other threads: its value changes with every message. */
export const bell = new Int32Array(new SharedArrayBuffer(4));
/** Atomics.wait takes milliseconds as a double; a day at a time keeps it exact and costs nothing. */
const MAX_SLEEP_MS = 86_400_000;
/** 2^63 ns are 292 years */
export const NEVER = 1n << 63n;

let takeIn = () => {};

/** @param drain takes in what other threads have sent; called before each look */
export function listenToBell(drain: () => void): void {
  takeIn = drain;
}

/** Takes in what has arrived, without waiting. */
export const lookAround = (): void => takeIn();

/** Returns when `ready` says so or the moment (nanoseconds, monotonic) has come. */
export function waitFor(ready: () => boolean, due = NEVER): void {
  for (;;) {
    const seen = Atomics.load(bell, 0);
    takeIn();
    if (ready()) return;
    const left = due - process.hrtime.bigint();
    if (left <= 0n) return;
    Atomics.wait(bell, 0, seen, Math.min(Number(left) / 1e6, MAX_SLEEP_MS));
  }
}

const never = () => false;

export const sleepUntil = (due: bigint): void => waitFor(never, due);
