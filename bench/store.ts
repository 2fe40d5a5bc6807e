/**
 * The store on SQLite: durable writes per second at 64 writers, the longest pause that compaction makes for others, and
 * the time to open. Prints `name value unit (anchor …)`. Arguments: revisions to compact (default 100,000).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { sqliteDriver } from "../core/store/drivers/sqlite.ts";
import { openStore } from "../core/store/open.ts";
import type { Store } from "../core/store/store.ts";

const WRITERS = 64;
const WRITES = 60_000;
const KEYS = 11_000;
const value = Buffer.alloc(1_600, "x");
const revisions = Number(process.argv[2] ?? 100_000);

const line = (name: string, measured: number, unit: string, anchor: string) =>
  console.log(`${name} ${measured.toPrecision(4)} ${unit} (anchor ${anchor})`);

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

const directory = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "lichen-store-"));
const path = join(directory, "store.db");
try {
  let store = await openStore(sqliteDriver(path));
  await write(store, KEYS);
  const rates: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    const used = process.cpuUsage();
    await write(store, WRITES / 5);
    rates.push((WRITES / 5 / (performance.now() - start)) * 1_000);
    const after = process.cpuUsage(used);
    cpu.push((after.user + after.system) / (WRITES / 5));
  }
  rates.sort((a, b) => a - b);
  cpu.sort((a, b) => a - b);
  line("durable-writes-64", rates[2] ?? 0, "writes/s", "etcd 3.5: 4,800-5,400; budget 15,000");
  line("cpu-per-write", cpu[2] ?? 0, "us", "none");
  await store.close();

  store = await openStore(sqliteDriver(path));
  await write(store, Math.max(0, revisions - store.revision()));
  const idle = await longestPause(() => new Promise((resolve) => setTimeout(resolve, 500)));
  const started = performance.now();
  const pause = await longestPause(() => store.compact(store.revision()));
  line("compaction-pause", pause, "ms", "kine 0.6-5 s; budget 5");
  line("idle-pause", idle, "ms", "noise of this machine");
  line("compaction", (performance.now() - started) / 1_000, "s", "none");
  await store.close();

  const before = performance.now();
  store = await openStore(sqliteDriver(path));
  line("open-11000", performance.now() - before, "ms", "budget for the whole start 1,500");
  await store.close();
} finally {
  rmSync(directory, { recursive: true });
}
