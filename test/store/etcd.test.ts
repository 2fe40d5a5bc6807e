/** The store suite over a real etcd, where one is installed; what several servers over one etcd see of each other. */
import test from "ava";
import type { TestFn } from "ava";
import { openEtcdStore } from "../../core/store/drivers/etcd.ts";
import { decode, encode } from "../../core/store/drivers/etcd/protobuf.ts";
import { afterAll } from "../support/after-all.ts";
import { etcd, etcdInstalled } from "../support/etcd.ts";
import type { Etcd } from "../support/etcd.ts";
import { freePort, temporaryDirectory } from "../support/lichen.ts";
import type { Store } from "../../core/store/store.ts";
import { StoreError } from "../../core/store/store.ts";
import { storeSuite } from "../suites/store.ts";

// One etcd for all, and compaction is for all of it: one test at a time.
const withEtcd = (etcdInstalled ? test.serial : test.serial.skip) as TestFn;
const later = afterAll();
const value = new TextEncoder().encode("v");
let prefixes = 0;
const freshPrefix = () => `/test-${(prefixes += 1)}`;
let server: Etcd;

test.before(async () => {
  server = await etcd(temporaryDirectory(later));
  later.teardown(server.kill);
  if (etcdInstalled) await server.start();
});

const open = (prefix = freshPrefix(), watchBuffer?: number) => openEtcdStore({ endpoints: [server.endpoint], prefix, watchBuffer });

storeSuite(withEtcd, { open: (options) => open(undefined, options?.watchBuffer) });

async function both(run: (one: Store, other: Store) => Promise<void>): Promise<void> {
  const prefix = freshPrefix();
  const one = await open(prefix);
  const other = await open(prefix);
  try {
    await run(one, other);
  } finally {
    await one.close();
    await other.close();
  }
}

withEtcd("two servers see each other's writes, and of two writers one wins", async (t) => {
  await both(async (one, other) => {
    const made = await one.put("/a", value, 0);
    await other.caughtUp(made.revision);
    t.deepEqual(other.get("/a")?.revision, made.revision);
    const results = await Promise.allSettled([one.put("/a", value, made.revision), other.put("/a", value, made.revision)]);
    const won = results.filter((result) => result.status === "fulfilled");
    t.is(won.length, 1);
    for (const result of results) if (result.status === "rejected") t.is(result.reason.reason, "conflict");
    const last = Math.max(one.revision(), other.revision());
    await Promise.all([one.caughtUp(last), other.caughtUp(last)]);
    t.is(one.get("/a")?.revision, other.get("/a")?.revision);
    const deleted = await other.delete("/a", one.get("/a")?.revision ?? 0);
    await one.caughtUp(deleted.revision);
    t.is(one.get("/a"), undefined);
  });
});

withEtcd("a loser that was behind is told after it sees what beat it", async (t) => {
  await both(async (one, other) => {
    const made = await one.put("/a", value, 0);
    const error = await t.throwsAsync<StoreError>(other.put("/a", value, 0), { instanceOf: StoreError });
    t.is(error.reason, "conflict");
    t.is(other.get("/a")?.revision, made.revision);
    await one.delete("/a", made.revision);
    const late = await t.throwsAsync<StoreError>(other.put("/a", value, made.revision), { instanceOf: StoreError });
    t.is(late.current, undefined);
    t.is(other.get("/a"), undefined);
  });
});

withEtcd("what is written behind a fence is refused once another server takes the next one", async (t) => {
  await both(async (one, other) => {
    const lease = await one.put("/lease", value, 0);
    const first = await one.fence?.("/lease", lease.revision);
    t.truthy(first);
    const made = await one.put("/a", value, 0, first);
    const again = await one.put("/a", value, made.revision, first);
    await other.caughtUp(again.revision);
    const taken = await other.put("/lease", value, lease.revision);
    await t.throwsAsync(async () => one.fence?.("/lease", lease.revision), { message: /taken over/ });
    const second = await other.fence?.("/lease", taken.revision);
    for (const late of [one.put("/a", value, again.revision, first), one.put("/b", value, 0, first), one.delete("/a", again.revision, first)]) {
      t.is((await t.throwsAsync<StoreError>(late, { instanceOf: StoreError })).reason, "fenced");
    }
    await other.put("/a", value, again.revision, second);
    await one.put("/c", value, 0);
  });
});

withEtcd("a revision that another cluster in the same etcd made is caught up with", async (t) => {
  const mine = await open();
  const theirs = await open();
  const { revision } = await theirs.put("/x", value, 0);
  t.true(mine.revision() < revision);
  await mine.caughtUp(revision);
  t.true(mine.revision() >= revision);
  t.is((await mine.range("/")).entries.length, 0);
  await mine.close();
  await theirs.close();
});

withEtcd("more keys than a page are read at start, in order", async (t) => {
  const prefix = freshPrefix();
  const first = await open(prefix);
  const keys = Array.from({ length: 2_500 }, (_, index) => `/k/${index}`);
  await Promise.all(keys.map((key) => first.put(key, value, 0)));
  await first.close();
  const second = await open(prefix);
  t.deepEqual((await second.range("/k/")).entries.map(({ key }) => key), keys.toSorted());
  await second.close();
});

withEtcd("when etcd goes away writes say so; when it comes back everything goes on, also what was compacted", async (t) => {
  const prefix = freshPrefix();
  const store = await open(prefix);
  const made = await store.put("/a", value, 0);
  const gone = await store.put("/gone", value, 0);
  const ending = new AbortController();
  const watching = store.watch("/", gone.revision, ending.signal)[Symbol.asyncIterator]();
  const first = watching.next();
  await server.kill();
  const error = await t.throwsAsync<StoreError>(store.put("/b", value, 0), { instanceOf: StoreError });
  t.is(error.reason, "unavailable");
  t.is(store.get("/a")?.revision, made.revision);
  await server.start();
  // Another server changes everything and compacts it, before the first one's watch is back or after: either is fine.
  const other = await open(prefix);
  await other.delete("/gone", gone.revision);
  const changed = await other.put("/a", value, made.revision);
  await other.compact(changed.revision);
  await store.caughtUp(changed.revision);
  t.is(store.get("/a")?.revision, changed.revision);
  t.is(store.get("/gone"), undefined);
  t.true(((await first).value?.length ?? 0) > 0);
  ending.abort();
  await store.put("/b", value, 0);
  await other.close();
  await store.close();
});

test("no etcd at the endpoint is said by name", async (t) => {
  const port = await freePort();
  const error = await t.throwsAsync<StoreError>(openEtcdStore({ endpoints: [`http://127.0.0.1:${port}`] }), { instanceOf: StoreError });
  t.is(error.reason, "unavailable");
  t.true(error.message.includes(`127.0.0.1:${port}`));
});

test("protobuf numbers and bytes come back, negative and beyond 32 bits too; cut messages are refused", (t) => {
  const numbers = [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1, -1, -(2 ** 40)];
  for (const number of numbers) t.is(decode(encode([[3, number]])).integer(3), number);
  const message = decode(encode([[1, "text"], [2, true], [15, Buffer.from([0, 255])], [16, undefined], [900, encode([[1, 7]])]]));
  t.is(message.text(1), "text");
  t.is(message.integer(2), 1);
  t.deepEqual(message.bytes(15), Buffer.from([0, 255]));
  t.false(message.has(16));
  t.is(message.message(900).integer(1), 7);
  t.throws(() => decode(encode([[1, "text"]]).subarray(0, 3)), { message: /cut short/ });
  t.throws(() => decode(Buffer.from([0x08, 0x80])), { message: /cut short/ });
  t.throws(() => decode(Buffer.from([0x0d, 0, 0, 0, 0])), { message: /wire type 5/ });
});
