import test from "ava";
import { queue, RETRY_CAP_MS, RETRY_FIRST_MS } from "../../core/control/queue.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const make = () => {
  const clock = virtualClock();
  return { clock, keys: queue({ clock, entropy: { fraction: () => 1 } }) };
};

test("a burst for one key is one piece of work", async (t) => {
  const { keys } = make();
  keys.add("a");
  keys.add("a");
  keys.add("b");
  t.is(await keys.next(), "a");
  t.is(await keys.next(), "b");
  t.is(keys.busy(), 2);
});

test("a key that changes while it is worked on waits until it is done", async (t) => {
  const { clock, keys } = make();
  keys.add("a");
  await keys.next();
  keys.add("a");
  let second: string | undefined;
  void keys.next().then((key) => (second = key));
  await clock.settle();
  t.is(second, undefined);
  keys.done("a");
  await clock.settle();
  t.is(second, "a");
});

test("of two delays the earlier one counts, and work that comes first cancels it", async (t) => {
  const { clock, keys } = make();
  keys.addAfter("a", 5_000);
  keys.addAfter("a", 1_000);
  keys.addAfter("a", 9_000);
  await clock.advance(999);
  t.is(keys.busy(), 0);
  await clock.advance(1);
  t.is(keys.busy(), 1);
  keys.addAfter("a", 50);
  t.is(await keys.next(), "a");
  keys.done("a");
  await clock.advance(60_000);
  t.is(keys.busy(), 0);
});

test("back-off doubles to its cap and starts again after a success", (t) => {
  const { keys } = make();
  const delays = Array.from({ length: 14 }, () => keys.retry("a"));
  t.deepEqual(delays.slice(0, 3), [RETRY_FIRST_MS, RETRY_FIRST_MS * 2, RETRY_FIRST_MS * 4]);
  t.is(delays.at(-1), RETRY_CAP_MS);
  keys.forget("a");
  t.is(keys.retry("a"), RETRY_FIRST_MS);
});

test("closing lets those who wait go", async (t) => {
  const { keys } = make();
  const next = keys.next();
  keys.close();
  t.is(await next, undefined);
  keys.add("a");
  t.is(await keys.next(), undefined);
});
