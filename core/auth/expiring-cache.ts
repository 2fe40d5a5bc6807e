/** Answers of slow questions, for a while: bounded in number and in age, and a question under way is asked once. */
import type { Clock } from "../api/clock.ts";

interface Kept<T> {
  readonly answer: Promise<T>;
  until: number;
}

export interface ExpiringCache<T> {
  get(key: string, ask: () => Promise<T>): Promise<T>;
}

/** @param ttlMs how long an answer may be given again; a failed question is never kept */
export function expiringCache<T>(options: { readonly clock: Clock; readonly size: number; readonly ttlMs: (answer: T) => number }): ExpiringCache<T> {
  const { clock, size, ttlMs } = options;
  const kept = new Map<string, Kept<T>>();
  return {
    get(key, ask) {
      const known = kept.get(key);
      if (known !== undefined && clock.monotonic() < known.until) return known.answer;
      const answer = ask();
      const entry: Kept<T> = { answer, until: Infinity };
      kept.delete(key);
      kept.set(key, entry);
      const oldest = kept.size > size ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      settle(entry, ttlMs, clock).catch(() => {
        if (kept.get(key) === entry) kept.delete(key);
      });
      return answer;
    },
  };
}

async function settle<T>(entry: Kept<T>, ttlMs: (answer: T) => number, clock: Clock): Promise<void> {
  entry.until = clock.monotonic() + ttlMs(await entry.answer);
}
