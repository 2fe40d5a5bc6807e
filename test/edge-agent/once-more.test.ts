import test from "ava";
import { onceMore } from "../../edge-agent/once-more.ts";

test("who asks during a run gets the next one, which all who asked meanwhile share", async (t) => {
  const runs: PromiseWithResolvers<void>[] = [];
  const ask = onceMore(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  });
  const first = ask();
  const [second, third] = [ask(), ask()];
  t.is(runs.length, 1);
  runs[0]?.resolve();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  t.is(runs.length, 2);
  const fourth = ask();
  runs[1]?.resolve();
  await Promise.all([second, third]);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(runs.length, 3);
  runs[2]?.resolve();
  await fourth;
});

test("a run that fails tells those who asked for it, and the next goes on", async (t) => {
  let count = 0;
  const ask = onceMore(async () => {
    if (++count === 1) throw new Error("first");
  });
  const [first, second] = [ask(), ask()];
  await t.throwsAsync(first, { message: "first" });
  await t.notThrowsAsync(second);
  t.is(count, 2);
});
