/**
 * When to connect again: exponential with full jitter (any moment up to the bound), so that ten thousand devices that
 * lost one broker in the same second do not come back in the same second. TLS handshakes are what a broker is short of.
 */
import type { Entropy } from "../api/entropy.ts";

const FIRST_MS = 1_000;
/** An embedded broker does some 700 handshakes a second: a minute spreads 40,000 devices. */
export const RECONNECT_MAX_MS = 60_000;

export interface Backoff {
  /** milliseconds to wait before the next attempt */
  next(): number;
  /** a connection held: the next failure starts small again */
  reset(): void;
}

export function backoff(entropy: Entropy, firstMs = FIRST_MS, maxMs = RECONNECT_MAX_MS): Backoff {
  let bound = firstMs;
  return {
    next() {
      const wait = entropy.fraction() * bound;
      bound = Math.min(bound * 2, maxMs);
      return wait;
    },
    reset() {
      bound = firstMs;
    },
  };
}
