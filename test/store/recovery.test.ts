/** A disk that fails: nothing unproven is acknowledged or seen, and the store goes on by itself when the disk does. */
import test from "ava";
import type { Driver } from "../../core/store/driver.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import type { StoreEvent } from "../../core/store/store.ts";
import { StoreError } from "../../core/store/store.ts";
import { virtualClock } from "../support/virtual-clock.ts";

type Disk = "works" | "refuses" | "keeps but says it failed";

/** A log in memory on a disk that can be told to fail. */
function unreliable(): Driver & { disk: Disk } {
  const log = memoryDriver();
  const driver = {
    ...log,
    disk: "works" as Disk,
    async append(batch: readonly StoreEvent[]) {
      if (driver.disk !== "refuses") await log.append(batch);
      if (driver.disk !== "works") throw new Error("EIO");
    },
    async recover() {
      if (driver.disk !== "works") throw new Error("EIO");
      return log.recover();
    },
  };
  return driver;
}

/** Longer than any pause between two attempts to recover. */
const A_WHILE = 6_000;

const value = new Uint8Array([1]);
const unavailable = { instanceOf: StoreError, message: /may or may not|refused until/ };

test("writes fail while the disk does, reads go on, and writes work again without a restart", async (t) => {
  const driver = unreliable();
  const clock = virtualClock();
  const store = await openStore(driver, { clock });
  const kept = await store.put("/kept", value, 0);
  const ending = new AbortController();
  const seen: string[] = [];
  const { promise: sawLater, resolve } = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const batch of store.watch("/", kept.revision, ending.signal)) {
      seen.push(...batch.map((event) => event.entry.key));
      if (seen.includes("/later")) resolve();
    }
  })();

  driver.disk = "refuses";
  const results = await Promise.allSettled([store.put("/lost", value, 0), store.put("/kept", value, kept.revision)]);
  for (const result of results) t.is(result.status === "rejected" && result.reason.reason, "unavailable");
  await t.throwsAsync(store.put("/x", value, 0), unavailable);
  await t.throwsAsync(store.compact(kept.revision), unavailable);
  t.is(store.get("/kept")?.revision, kept.revision);
  t.is(store.get("/lost"), undefined);
  t.is((await store.range("/")).revision, kept.revision);

  await clock.advance(A_WHILE);
  await t.throwsAsync(store.put("/x", value, 0), unavailable);

  driver.disk = "works";
  await clock.advance(A_WHILE);
  const later = await store.put("/later", value, 0);
  t.true(later.revision > kept.revision + 2, "a revision that a failed write had is not given again");
  await sawLater;
  t.deepEqual(seen, ["/later"]);
  ending.abort();
  await watching;
  await store.close();
});

test("a commit that failed and is stored all the same becomes visible on recovery, once", async (t) => {
  const driver = unreliable();
  const clock = virtualClock();
  const store = await openStore(driver, { clock });
  const start = store.revision();
  driver.disk = "keeps but says it failed";
  await t.throwsAsync(store.put("/a", value, 0), unavailable);
  t.is(store.get("/a"), undefined);
  driver.disk = "works";
  await clock.advance(A_WHILE);
  const there = store.get("/a");
  t.is(there?.revision, start + 1);
  const conflict = await t.throwsAsync<StoreError>(store.put("/a", value, 0), { instanceOf: StoreError });
  t.is(conflict.reason, "conflict");
  const ending = new AbortController();
  for await (const batch of store.watch("/", start, ending.signal)) {
    t.is(batch.length, 1);
    ending.abort();
  }
  await store.close();
});

test("a writer that waits behind a lost write is not told of a conflict with it", async (t) => {
  const driver = unreliable();
  const store = await openStore(driver, { clock: virtualClock() });
  driver.disk = "refuses";
  const [first, second] = await Promise.allSettled([store.put("/a", value, 0), store.put("/a", value, 0)]);
  t.is(first.status === "rejected" && first.reason.reason, "unavailable");
  t.is(second.status === "rejected" && second.reason.reason, "unavailable");
  await store.close();
});
