import test from "ava";
import { silentLog } from "../../core/api/log.ts";
import { compactionTarget, runCompaction } from "../../core/store/compaction.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const MINUTE = 60_000;
const value = new Uint8Array([1]);

test("history of the last five minutes is kept, older history is not", async (t) => {
  const clock = virtualClock();
  const store = await openStore(memoryDriver(), { clock });
  const ending = new AbortController();
  const running = runCompaction({ store, clock, log: silentLog, signal: ending.signal });
  const old = await store.put("/a", value, 0);
  await clock.advance(MINUTE);
  const later = await store.put("/a", value, old.revision);
  await clock.advance(4 * MINUTE);
  t.is(store.compacted(), 0);
  await clock.advance(MINUTE);
  t.is(store.compacted(), old.revision);
  await clock.advance(MINUTE);
  t.is(store.compacted(), later.revision);
  t.is(store.get("/a")?.revision, later.revision);
  ending.abort();
  await running;
  await store.close();
  t.is(clock.pending(), 0);
});

test("a burst shortens what is kept", (t) => {
  t.is(compactionTarget([], 0), 0);
  t.is(compactionTarget([{ at: 0, revision: 10 }], 1_000), 0);
  t.is(compactionTarget([{ at: 0, revision: 10 }, { at: 30_000, revision: 300_000 }], 30_000), 100_000);
  t.is(compactionTarget([{ at: 0, revision: 250_000 }, { at: 300_000, revision: 300_000 }], 300_000), 250_000);
});

test("a compaction that fails is tried again", async (t) => {
  const clock = virtualClock();
  const store = await openStore(memoryDriver(), { clock });
  await store.put("/a", value, 0);
  let failures = 2;
  const tried: number[] = [];
  const flaky = {
    revision: store.revision,
    compacted: store.compacted,
    async compact(revision: number) {
      tried.push(revision);
      if (failures-- > 0) throw new Error("EIO");
      await store.compact(revision);
    },
  };
  const ending = new AbortController();
  const running = runCompaction({ store: flaky, clock, log: silentLog, signal: ending.signal });
  await clock.advance(7 * MINUTE);
  t.deepEqual(tried, [1, 1, 1]);
  t.is(store.compacted(), 1);
  ending.abort();
  await running;
  await store.close();
});
