/** What is made once for all tests of a file is taken away after the last one, the newest first. */
import test from "ava";

export function afterAll(): { teardown(end: () => unknown): void } {
  const ends: (() => unknown)[] = [];
  test.after.always("what was started is stopped", async () => {
    for (const end of ends) await end();
  });
  return { teardown: (end) => void ends.unshift(end) };
}
