/**
 * Time as an argument. Everything that waits or asks for the time gets a Clock, so that the simulation can run server,
 * link and agents under one virtual clock.
 */
export interface Clock {
  /** milliseconds since 1970, may jump */
  now(): number;
  /** milliseconds since some fixed moment, never goes back: for durations and timeouts */
  monotonic(): number;
  /** Calls back once, after `ms`; the returned function cancels. Never keeps the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const wait = (left: number) => {
      timer = setTimeout(() => (left > TIMER_MS_MAX ? wait(left - TIMER_MS_MAX) : callback()), Math.min(left, TIMER_MS_MAX));
      timer.unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};

/** Timers of Node longer than this, 24.8 days, end at once: a CronJob of next year would spin. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Resolves after `ms`, or at once when `signal` aborts (it does not reject: the caller looks at the signal). */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** The Kubernetes timestamp of a moment: RFC 3339 in UTC with whole seconds (metav1.Time). */
export function timestamp(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second !== latest.second) latest = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  return latest.text;
}

/** Every write asks for the time, thousands within one second. */
let latest = { second: Number.NaN, text: "" };

/** metav1.MicroTime: RFC 3339 in UTC with six decimals (Lease, events.k8s.io). */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
