/**
 * The store on SQLite: durable writes per second at 64 writers (budget P15), what compaction of a million revisions makes
 * others wait, and the time to open.
 *
 *   node bench/store.ts [writes=60000] [revisions=1000000]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { sqliteDriver } from "../core/store/drivers/sqlite.ts";
import { openStore } from "../core/store/open.ts";
import type { Store } from "../core/store/store.ts";
import { line, median, numberArgument, printLoad, quantile } from "./support/print.ts";

const WRITERS = 64;
const WRITES = numberArgument("writes", 60_000);
const REVISIONS = numberArgument("revisions", 1_000_000);
const ROUNDS = 5;
/** How long a writer is watched without compaction, for comparison, ms. */
const IDLE_MS = 2_000;
const KEYS = 11_000;
const value = Buffer.alloc(1_600, "x");

async function write(store: Store, count: number): Promise<void> {
  let next = 0;
  const writer = async () => {
    while (next < count) {
      const key = `/registry/pods/default/pod-${next++ % KEYS}`;
      await store.put(key, value, store.get(key)?.revision ?? 0);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

/** The longest time that the event loop was away while `work` ran, ms. */
async function longestPause(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let before = performance.now();
  let running = true;
  const tick = () => {
    const at = performance.now();
    longest = Math.max(longest, at - before);
    before = at;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  running = false;
  return longest;
}

/** Milliseconds that each of the writes of one client took, one after another, while `work` ran. */
async function waits(store: Store, work: () => Promise<void>): Promise<readonly number[]> {
  const took: number[] = [];
  const ended = new AbortController();
  const writer = async () => {
    const key = "/registry/pods/default/pod-watched";
    while (!ended.signal.aborted) {
      const started = performance.now();
      await store.put(key, value, store.get(key)?.revision ?? 0);
      took.push(performance.now() - started);
    }
  };
  const writing = writer();
  await work();
  ended.abort();
  await writing;
  return took;
}

function printWaits(name: string, took: readonly number[], anchor: string): void {
  line(`store/${name}/write-p50`, median(took), "ms", anchor);
  line(`store/${name}/write-p99`, quantile(took, 0.99), "ms", anchor);
  line(`store/${name}/write-longest`, quantile(took, 1), "ms", anchor);
}

printLoad("at start");
const directory = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "lichen-store-"));
const path = join(directory, "store.db");
try {
  let store = await openStore(sqliteDriver(path));
  await write(store, KEYS);
  const rates: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    const used = process.cpuUsage();
    await write(store, WRITES / ROUNDS);
    rates.push((WRITES / ROUNDS / (performance.now() - start)) * 1_000);
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / (WRITES / ROUNDS));
  }
  line("store/durable-writes-64", median(rates), "writes/s", "etcd 3.5: 4,800-5,400; budget 15,000");
  line("store/durable-writes-64/cpu", median(cpu), "us/write", "both threads");
  await write(store, Math.max(0, REVISIONS - store.revision()));
  printWaits("without-compaction", await waits(store, () => new Promise((resolve) => setTimeout(resolve, IDLE_MS))), "one writer, the disk and the noise of this machine");
  const revision = store.revision();
  const started = performance.now();
  let took: readonly number[] = [];
  const pause = await longestPause(async () => {
    took = await waits(store, () => store.compact(revision));
  });
  line(`store/compaction-${revision}`, (performance.now() - started) / 1_000, "s", "none");
  line("store/compaction/event-loop-pause", pause, "ms", "kine 600-5,000; budget 5");
  printWaits("compaction", took, "kine holds its lock for 600-5,000; budget 5");
  await store.close();

  const before = performance.now();
  store = await openStore(sqliteDriver(path));
  line("store/open-11000", performance.now() - before, "ms", "budget for the whole start 1,500");
  await store.close();
} finally {
  rmSync(directory, { recursive: true });
}
printLoad("at end");
