import test from "ava";
import type { TestFn } from "ava";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteLog } from "../../core/store/drivers/sqlite-log.ts";
import { sqliteDriver } from "../../core/store/drivers/sqlite.ts";
import { openStore } from "../../core/store/open.ts";
import { StoreError } from "../../core/store/store.ts";
import { storeSuite } from "../suites/store.ts";

const directory = mkdtempSync(join(tmpdir(), "lichen-test-store-"));
test.after.always(() => rmSync(directory, { recursive: true }));
let files = 0;

// One after the other: every open store has a thread.
storeSuite(test.serial as TestFn, { runs: 10, open: (options) => openStore(sqliteDriver(join(directory, `${(files += 1)}.db`)), options) });

const fresh = () => join(directory, `${(files += 1)}.db`);
const value = new TextEncoder().encode("precious value");

test.serial("what was stored is there after closing and opening, and so is what was compacted", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  const one = await store.put("/a", value, 0);
  await store.put("/gone", value, 0);
  const last = await store.delete("/gone", store.revision());
  await store.compact(last.revision);
  await store.close();
  const again = await openStore(sqliteDriver(path));
  t.is(again.revision(), last.revision);
  t.is(again.compacted(), last.revision);
  t.deepEqual(again.get("/a"), one);
  t.is((await again.put("/gone", value, 0)).revision, last.revision + 1);
  await again.close();
});

test.serial("the last revision is remembered when compaction left no row", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  const { revision } = await store.put("/a", value, 0);
  const deleted = await store.delete("/a", revision);
  await store.compact(deleted.revision);
  await store.close();
  const again = await openStore(sqliteDriver(path));
  t.is((await again.put("/a", value, 0)).revision, deleted.revision + 1);
  await again.close();
});

test.serial("a second server on the same file is refused by name", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  await t.throwsAsync(openStore(sqliteDriver(path)), { instanceOf: StoreError, message: /in use by another server/ });
  await store.close();
});

test.serial("a flipped bit in a stored value is found at open, never served", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  await store.put("/a", value, 0);
  await store.close();
  const file = readFileSync(path);
  const at = file.indexOf("precious value");
  t.true(at > 0);
  file[at] = (file[at] ?? 0) ^ 1;
  writeFileSync(path, file);
  await t.throwsAsync(openStore(sqliteDriver(path)), { instanceOf: StoreError, message: /is damaged: the checksum of revision 1 is wrong/ });
});

test.serial("a truncated file and a file of something else are refused", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  for (let index = 0; index < 20; index += 1) await store.put(`/${index}`, new Uint8Array(3_000).fill(index), 0);
  await store.close();
  truncateSync(path, 12_000);
  await t.throwsAsync(openStore(sqliteDriver(path)), { instanceOf: StoreError, message: /is damaged/ });

  const text = fresh();
  writeFileSync(text, "not a database, but long enough to look at. ".repeat(200));
  await t.throwsAsync(openStore(sqliteDriver(text)), { instanceOf: StoreError, message: /is damaged/ });

  const other = fresh();
  const db = new DatabaseSync(other);
  db.exec("CREATE TABLE t (x); PRAGMA user_version = 9");
  db.close();
  await t.throwsAsync(openStore(sqliteDriver(other)), { instanceOf: StoreError, message: /not a store of format 1/ });
});

test.serial("recovery opens the file again and keeps what was committed", async (t) => {
  const path = fresh();
  const driver = sqliteDriver(path);
  await driver.load();
  await driver.append([{ type: "put", entry: { key: "/a", value, revision: 1, created: 1 }, previous: undefined }]);
  t.is(await driver.recover(), 1);
  await driver.append([{ type: "put", entry: { key: "/b", value, revision: 2, created: 2 }, previous: undefined }]);
  t.deepEqual((await driver.history("/", 0, 2)).events.map((event) => event.entry.key), ["/a", "/b"]);
  await driver.close();
});

/** The files of a store that was not closed: a copy made while it was open, as a crash leaves them. */
async function crashed(writes: number): Promise<string> {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  for (let index = 0; index < writes; index += 1) await store.put(`/k/${index}`, new Uint8Array(500).fill(index), 0);
  const copy = fresh();
  for (const end of ["", "-wal"]) copyFileSync(path + end, copy + end);
  await store.close();
  return copy;
}

test.serial("a flipped bit anywhere in the write-ahead log of a crash undoes no acknowledged commit unnoticed", async (t) => {
  const writes = 30;
  const path = await crashed(writes);
  const [main, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  let noticed = 0;
  for (let step = 0; step < 40; step += 1) {
    const at = Math.floor((step * wal.length) / 40) + (step % 7);
    const flipped = Buffer.from(wal);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (step % 8));
    const copy = fresh();
    writeFileSync(copy, main);
    writeFileSync(`${copy}-wal`, flipped);
    try {
      const log = openSqliteLog(copy);
      const { revision } = log.load();
      log.close();
      // Only the last commit looks like the torn end of a crash.
      t.true(revision >= writes - 1, `byte ${at}: revision ${revision}`);
    } catch (error) {
      noticed += 1;
      t.regex(String(error), /is damaged/, `byte ${at}`);
    }
  }
  t.true(noticed > 20);
});

test.serial("the torn end of a crash is no damage", async (t) => {
  const path = await crashed(10);
  const [main, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  for (let cut = 1; cut <= 4_121; cut += 515) {
    const copy = fresh();
    writeFileSync(copy, main);
    writeFileSync(`${copy}-wal`, wal.subarray(0, wal.length - cut));
    const log = openSqliteLog(copy);
    t.true(log.load().revision >= 8);
    log.close();
  }
});

test.serial("a flipped bit anywhere in the database is found, or harmless", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  for (let index = 0; index < 40; index += 1) await store.put(`/k/${index % 20}`, new Uint8Array(300).fill(index), store.get(`/k/${index % 20}`)?.revision ?? 0);
  const expected = (await store.range("/")).entries;
  await store.close();
  const main = readFileSync(path);
  let noticed = 0;
  for (let step = 0; step < 200; step += 1) {
    const at = Math.floor((step * main.length) / 200) + (step % 11);
    const flipped = Buffer.from(main);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (step % 8));
    const copy = fresh();
    writeFileSync(copy, flipped);
    try {
      const log = openSqliteLog(copy);
      const { entries } = log.load();
      log.close();
      t.deepEqual(entries.toSorted((a, b) => (a.key < b.key ? -1 : 1)), expected, `byte ${at}`);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      noticed += 1;
    }
  }
  t.true(noticed > 40, `noticed ${noticed}`);
});
