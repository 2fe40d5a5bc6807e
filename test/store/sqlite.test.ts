import test from "ava";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteDriver } from "../../core/store/drivers/sqlite.ts";
import { openStore } from "../../core/store/open.ts";
import { StoreError } from "../../core/store/store.ts";
import { storeSuite } from "../suites/store.ts";

const directory = mkdtempSync(join(tmpdir(), "lichen-test-store-"));
test.after.always(() => rmSync(directory, { recursive: true }));
let files = 0;

storeSuite(test, { open: (options) => openStore(sqliteDriver(join(directory, `${(files += 1)}.db`)), options) });

const fresh = () => join(directory, `${(files += 1)}.db`);
const value = new TextEncoder().encode("precious value");

test("what was stored is there after closing and opening, and so is what was compacted", async (t) => {
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

test("the last revision is remembered when compaction left no row", async (t) => {
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

test("a second server on the same file is refused by name", async (t) => {
  const path = fresh();
  const store = await openStore(sqliteDriver(path));
  await t.throwsAsync(openStore(sqliteDriver(path)), { instanceOf: StoreError, message: /in use by another server/ });
  await store.close();
});

test("a flipped bit in a stored value is found at open, never served", async (t) => {
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

test("a truncated file and a file of something else are refused", async (t) => {
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

test("recovery opens the file again and keeps what was committed", async (t) => {
  const path = fresh();
  const driver = sqliteDriver(path);
  await driver.load();
  await driver.append([{ type: "put", entry: { key: "/a", value, revision: 1, created: 1 }, previous: undefined }]);
  t.is(await driver.recover(), 1);
  await driver.append([{ type: "put", entry: { key: "/b", value, revision: 2, created: 2 }, previous: undefined }]);
  t.deepEqual((await driver.history("/", 0, 2)).events.map((event) => event.entry.key), ["/a", "/b"]);
  await driver.close();
});
