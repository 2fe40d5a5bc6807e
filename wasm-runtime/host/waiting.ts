/**
 * How a guest waits. Its calls are synchronous, so either the host's only thread sleeps (here), or the guest's stack is set
 * aside and others run (`suspending.ts`). Host functions serve both because they keep one rule: what a call waits for, it
 * waits for before it has taken or changed anything, since it may be begun anew; or it waits after all is done.
 */

/** Rung by other threads: its value changes with every message. */
export const bell = new Int32Array(new SharedArrayBuffer(4));
/** Atomics.wait takes milliseconds as a double; a day at a time keeps it exact and costs nothing. */
const MAX_SLEEP_MS = 86_400_000;
/** 2^63 ns are 292 years */
export const NEVER = 1n << 63n;

export interface Waiting {
  /** takes in what has arrived, without waiting */
  lookAround(): void;
  /** returns when `ready` says so or the moment (nanoseconds, monotonic) has come; or throws, and the call is begun anew then */
  before(ready: () => boolean, due: bigint): void;
  /** the same for a call that is done: the guest goes on later */
  after(ready: () => boolean, due: bigint): void;
}

let takeIn = () => {};

/** @param drain takes in what other threads have sent; called before each look */
export function listenToBell(drain: () => void): void {
  takeIn = drain;
}

function sleep(ready: () => boolean, due: bigint): void {
  for (;;) {
    const seen = Atomics.load(bell, 0);
    takeIn();
    if (ready()) return;
    const left = due - process.hrtime.bigint();
    if (left <= 0n) return;
    Atomics.wait(bell, 0, seen, Math.min(Number(left) / 1e6, MAX_SLEEP_MS));
  }
}

let way: Waiting = { lookAround: () => takeIn(), before: sleep, after: sleep };

/** Once, before the first guest: it is the process that is shared or not. */
export function waitBy(other: Waiting): void {
  way = other;
}

export const lookAround = (): void => way.lookAround();

/** To be called before anything else has been done, see above. */
export const waitFor = (ready: () => boolean, due = NEVER): void => way.before(ready, due);

const never = () => false;

export const sleepUntil = (due: bigint): void => way.before(never, due);

/** To be called last. */
export const waitAfter = (ready: () => boolean, due = NEVER): void => way.after(ready, due);
export const restUntil = (due: bigint): void => way.after(never, due);
