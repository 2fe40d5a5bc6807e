import test from "ava";
import type { Client, WatchEvent, WatchOptions } from "../../core/api/client.ts";
import { CONFIG_MAPS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import { encodedEvent, encodedOf } from "../../core/registry/encoded.ts";
import { setup } from "./setup.ts";

async function fill(client: Client, names: readonly string[], namespace = "n", labels: { readonly [key: string]: string } = {}) {
  for (const name of names) await client.create(CONFIG_MAPS, { metadata: { name, labels }, data: { name } }, { namespace });
}

const names = (list: { readonly items: readonly { readonly metadata: { readonly name?: string } }[] }) => list.items.map(({ metadata }) => metadata.name);

test("a list is ordered, selected, and its bytes are its JSON without the kinds of its items", async (t) => {
  const { client } = await setup();
  await fill(client, ["b", "a"], "n", { x: "1" });
  await fill(client, ["c"], "m", { x: "2" });
  t.deepEqual(names(await client.list(CONFIG_MAPS)), ["c", "a", "b"]);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { labelSelector: "x in (2)" })), ["c"]);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { fieldSelector: "metadata.name=a" })), ["a"]);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { namespace: "n", fieldSelector: "metadata.namespace=m" })), []);
  const list = await client.list(CONFIG_MAPS, { namespace: "n" });
  const sent = JSON.parse(encodedOf(list).toString()) as { kind: string; items: { kind?: string; metadata: unknown; data: unknown }[] };
  t.is(sent.kind, "ConfigMapList");
  t.deepEqual(sent.items.map(({ metadata, data }) => ({ metadata, data })), list.items.map(({ metadata, data }) => ({ metadata, data })) as never);
  t.true(sent.items.every(({ kind }) => kind === undefined));
});

test("chunks are of one revision, also with a selector", async (t) => {
  for (const labelSelector of ["", "x=1"]) {
    const { client } = await setup();
    await fill(client, ["a", "b", "c"], "n", { x: "1" });
    const first = await client.list(CONFIG_MAPS, { namespace: "n", limit: 2, labelSelector });
    t.is(first.metadata.remainingItemCount, labelSelector === "" ? 1 : undefined);
    await client.delete(CONFIG_MAPS, { namespace: "n", name: "c" });
    const second = await client.list(CONFIG_MAPS, { namespace: "n", limit: 2, labelSelector, continue: first.metadata.continue });
    t.deepEqual([...names(first), ...names(second)], ["a", "b", "c"]);
    t.is(second.metadata.continue, undefined);
    t.is(second.metadata.resourceVersion, first.metadata.resourceVersion);
  }
});

test("after a compaction a continuation is offered that is not consistent", async (t) => {
  const { client, store } = await setup();
  await fill(client, ["a", "b", "c"]);
  const first = await client.list(CONFIG_MAPS, { limit: 1 });
  await client.delete(CONFIG_MAPS, { namespace: "n", name: "b" });
  await store.compact(store.revision());
  const error = await t.throwsAsync(client.list(CONFIG_MAPS, { limit: 1, continue: first.metadata.continue }), { instanceOf: ApiError });
  t.is(error?.code, 410);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { continue: error?.continue })), ["c"]);
});

test("versions and their mistakes", async (t) => {
  const { client } = await setup();
  await fill(client, ["a", "b"]);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { resourceVersion: "1", resourceVersionMatch: "Exact" })), ["a"]);
  t.deepEqual(names(await client.list(CONFIG_MAPS, { resourceVersion: "1", resourceVersionMatch: "NotOlderThan" })), ["a", "b"]);
  const cases = [
    [{ resourceVersion: "99" }, "Timeout: Too large resource version: 99, current: 2"],
    [{ resourceVersion: "x" }, 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'],
    [{ continue: "x" }, "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"],
    [{ labelSelector: "a b" }, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    [{ fieldSelector: "data=x" }, '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    // "null" in base64
    [{ continue: "bnVsbA" }, 'invalid continue token: continue key is not valid: server does not recognize this encoded version '],
    [{ continue: "MISSING" }, "invalid continue token: continue key is not valid: invalid character '\\u0084' after top-level value"],
    [{ continue: Buffer.from('{"v":"meta.k8s.io/v1","rv":"1"}').toString("base64url") }, "invalid continue token: continue key is not valid: json: cannot unmarshal string into Go struct field continueToken.rv of type int64"],
    [{ labelSelector: "a==b=c", fieldSelector: "x" }, "found '=', expected: ',' or 'end of string'"],
  ] as const;
  for (const [options, message] of cases) await t.throwsAsync(client.list(CONFIG_MAPS, options), { message });
  await t.throwsAsync(client.list(CONFIG_MAPS, { resourceVersion: "0", resourceVersionMatch: "Exact" }), { message: /is forbidden for resourceVersion "0"/ });
  await t.throwsAsync(client.list(CONFIG_MAPS, { resourceVersionMatch: "Exact" }), { message: /forbidden unless resourceVersion is provided/ });
});

/** Reads events until there are `count`. */
async function take(client: Client, count: number, options: Omit<WatchOptions, "signal">): Promise<WatchEvent[]> {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  for await (const batch of await client.watch(CONFIG_MAPS, { ...options, signal: stop.signal })) {
    events.push(...batch);
    if (events.length >= count) stop.abort();
  }
  return events;
}

const brief = (events: readonly WatchEvent[]) => events.map(({ type, object }) => `${type} ${"name" in object.metadata ? object.metadata.name : ""}`.trim());

test("a watch resumes exactly, and labels that come and go add and delete", async (t) => {
  const { client } = await setup();
  await fill(client, ["z", "a"]);
  const label = (value: string | null) => client.patch(CONFIG_MAPS, { namespace: "n", name: "a" }, { type: "merge", patch: { metadata: { labels: { s: value } } } });
  await label("1");
  await client.patch(CONFIG_MAPS, { namespace: "n", name: "a" }, { type: "merge", patch: { data: { k: "w" } } });
  await label(null);
  await client.delete(CONFIG_MAPS, { namespace: "n", name: "a" });
  t.deepEqual(brief(await take(client, 5, { resourceVersion: "1" })), ["ADDED a", "MODIFIED a", "MODIFIED a", "MODIFIED a", "DELETED a"]);
  const selected = await take(client, 3, { resourceVersion: "1", labelSelector: "s" });
  t.deepEqual(brief(selected), ["ADDED a", "MODIFIED a", "DELETED a"]);
  const last = selected.at(-1)?.object;
  t.deepEqual(last?.metadata, { ...last?.metadata, resourceVersion: "5", labels: { s: "1" } }, "as it was, with the version of the change");
});

test("watchers share one event and its line", async (t) => {
  const { client } = await setup();
  await fill(client, ["a"]);
  await client.patch(CONFIG_MAPS, { namespace: "n", name: "a" }, { type: "merge", patch: { data: { k: "w" } } });
  const [one] = await take(client, 1, { resourceVersion: "1" });
  const [other] = await take(client, 1, { resourceVersion: "1", namespace: "n" });
  if (one === undefined || other === undefined) return t.fail();
  t.is(one.object, other.object);
  const line = encodedEvent(one).toString();
  t.true(line.endsWith("}\n"));
  t.deepEqual(JSON.parse(line), one);
});

test("without a version the current state comes first, then a bookmark when asked", async (t) => {
  const { client } = await setup();
  await fill(client, ["a", "b"]);
  t.deepEqual(brief(await take(client, 2, {})), ["ADDED a", "ADDED b"]);
  const streamed = await take(client, 3, { sendInitialEvents: true, allowWatchBookmarks: true, resourceVersionMatch: "NotOlderThan" });
  t.deepEqual(brief(streamed), ["ADDED a", "ADDED b", "BOOKMARK"]);
  t.like(streamed[2]?.object.metadata, { resourceVersion: "2", annotations: { "k8s.io/initial-events-end": "true" } });
  const stop = new AbortController();
  await t.throwsAsync(client.watch(CONFIG_MAPS, { sendInitialEvents: true, signal: stop.signal }), { message: /sendInitialEvents requires setting resourceVersionMatch/ });
});

test("bookmarks come by the clock and carry what has been seen", async (t) => {
  const { client, clock } = await setup();
  await fill(client, ["a", "b", "c"]);
  const stop = new AbortController();
  const watching = (async () => {
    for await (const [event] of await client.watch(CONFIG_MAPS, { resourceVersion: "3", allowWatchBookmarks: true, signal: stop.signal })) return event;
    return undefined;
  })();
  await clock.advance(61_000);
  t.like(await watching, { type: "BOOKMARK", object: { metadata: { resourceVersion: "3" } } });
  stop.abort();
});

test("a watch from before the history says so", async (t) => {
  const { client, store } = await setup();
  await fill(client, ["a", "b", "c"]);
  await store.compact(2);
  const [event] = await take(client, 1, { resourceVersion: "1" });
  t.like(event, { type: "ERROR", object: { code: 410, reason: "Expired" } });
});
