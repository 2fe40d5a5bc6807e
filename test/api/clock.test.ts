import test from "ava";
import { systemClock } from "../../core/api/clock.ts";

test.serial("a wait longer than Node's longest timer does not end at once", (t) => {
  const waits: number[] = [];
  const pending: (() => void)[] = [];
  const original = globalThis.setTimeout;
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    waits.push(ms);
    pending.push(callback);
    return { unref() {} };
  }) as unknown as typeof setTimeout;
  try {
    let called = 0;
    systemClock.after(2 ** 31 + 5, () => called++);
    pending[0]?.();
    t.is(called, 0);
    pending[1]?.();
    t.is(called, 1);
  } finally {
    globalThis.setTimeout = original;
  }
  t.deepEqual(waits, [2 ** 31 - 1, 6]);
});
