/** How much somebody may do: a burst, refilled at a rate (token bucket). Two numbers of memory, no timer. */
import type { Clock } from "../api/clock.ts";

export interface Budget {
  /** false: not now; nothing is taken then */
  take(amount: number): boolean;
}

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export function budget(clock: Clock, { burst, perSecond }: Rate): Budget {
  let left = burst;
  let at = clock.monotonic();
  return {
    take(amount) {
      const now = clock.monotonic();
      left = Math.min(burst, left + ((now - at) / 1000) * perSecond);
      at = now;
      if (amount > left) return false;
      left -= amount;
      return true;
    },
  };
}
