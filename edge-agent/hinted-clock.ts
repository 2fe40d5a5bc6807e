/**
 * Boards without a battery clock wake up in the past. The server's time, which comes with every desired set, moves the
 * agent's clock forward when it is far behind; the system clock is left to the system.
 */
import type { Clock } from "../core/api/clock.ts";

export interface HintedClock extends Clock {
  /** returns whether the system's clock is far behind, which it was not found to be before */
  hint(serverNow: number): boolean;
  /** milliseconds from the system's clock, which runtimes have, to this one */
  ahead(): number;
}

/** Less than this may be the network's or the server's fault. */
const FAR_BEHIND_MS = 3_600_000;

export function hintedClock(clock: Clock): HintedClock {
  let ahead = 0;
  return {
    now: () => clock.now() + ahead,
    monotonic: () => clock.monotonic(),
    after: (ms, callback) => clock.after(ms, callback),
    hint(serverNow) {
      const behind = serverNow - clock.now();
      const news = behind > FAR_BEHIND_MS && ahead === 0;
      ahead = behind > FAR_BEHIND_MS ? behind : 0;
      return news;
    },
    ahead: () => ahead,
  };
}
