import test from "ava";
import type { ChangeableKindTable } from "../../core/api/kind-table.ts";
import { configMap, openApi } from "./support/api.ts";
import type { Api } from "./support/api.ts";

const maps = "/api/v1/namespaces/default/configmaps";

interface Event {
  readonly type: string;
  readonly object: { readonly kind: string; readonly metadata: { readonly name?: string; readonly resourceVersion?: string }; readonly [field: string]: unknown };
}

/** The events of a watch, one by one; the end of the stream ends the iteration. */
async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Event;
  }
}

async function next(events: AsyncGenerator<Event>): Promise<Event> {
  const { value, done } = await events.next();
  if (done === true) throw new Error("the watch ended");
  return value;
}

const versionOf = async ({ send }: Api) => ((await (await send("GET", maps)).json()) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;

test("changes arrive as lines, in order", async (t) => {
  const api = await openApi();
  const from = await versionOf(api);
  const response = await api.send("GET", `${maps}?watch=1&resourceVersion=${from}`);
  t.is(response.status, 200);
  t.is(response.headers.get("content-type"), "application/json");
  const events = eventsOf(response);
  await api.send("POST", maps, { body: configMap("a") });
  t.like(await next(events), { type: "ADDED", object: { kind: "ConfigMap", data: { k: "v" } } });
  await api.send("PUT", `${maps}/a`, { body: configMap("a", { k: "w" }) });
  t.like(await next(events), { type: "MODIFIED", object: { data: { k: "w" } } });
  await api.send("DELETE", `${maps}/a`);
  t.like(await next(events), { type: "DELETED" });
  api.closing.abort();
  t.true((await events.next()).done);
});

test("without a version the current state comes first; the old path and a name select", async (t) => {
  const api = await openApi();
  for (const name of ["a", "b"]) await api.send("POST", maps, { body: configMap(name) });
  const all = eventsOf(await api.send("GET", `${maps}?watch=true`));
  t.deepEqual([(await next(all)).object.metadata.name, (await next(all)).object.metadata.name], ["a", "b"]);
  const one = eventsOf(await api.send("GET", "/api/v1/watch/namespaces/default/configmaps/b"));
  t.like(await next(one), { type: "ADDED", object: { metadata: { name: "b" } } });
  await api.send("PUT", `${maps}/a`, { body: configMap("a", {}) });
  await api.send("DELETE", `${maps}/b`);
  t.like(await next(one), { type: "DELETED", object: { metadata: { name: "b" } } });
  api.closing.abort();
});

test("Table events carry the columns once", async (t) => {
  const api = await openApi();
  for (const name of ["a", "b"]) await api.send("POST", maps, { body: configMap(name) });
  const events = eventsOf(await api.send("GET", `${maps}?watch=1`, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" } }));
  const first = await next(events);
  t.is(first.object.kind, "Table");
  t.true(Array.isArray(first.object["columnDefinitions"]));
  t.is((await next(events)).object["columnDefinitions"], null);
  api.closing.abort();
});

test("metadata-only events", async (t) => {
  const api = await openApi();
  await api.send("POST", maps, { body: configMap("a") });
  const events = eventsOf(await api.send("GET", `${maps}?watch=1`, { headers: { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" } }));
  t.deepEqual(Object.keys((await next(events)).object).toSorted(), ["apiVersion", "kind", "metadata"]);
  api.closing.abort();
});

test("protobuf events are frames with their length before them", async (t) => {
  const api = await openApi();
  await api.send("POST", maps, { body: configMap("a") });
  const response = await api.send("GET", `${maps}?watch=1&timeoutSeconds=1`, { headers: { accept: "application/vnd.kubernetes.protobuf" } });
  t.is(response.headers.get("content-type"), "application/vnd.kubernetes.protobuf;stream=watch");
  const reading = response.arrayBuffer();
  await api.clock.advance(1000);
  const bytes = Buffer.from(await reading);
  t.is(bytes.readUInt32BE(0), bytes.length - 4);
});

test("timeoutSeconds ends a watch", async (t) => {
  const api = await openApi();
  const events = eventsOf(await api.send("GET", `${maps}?watch=1&timeoutSeconds=5`));
  const end = events.next();
  await api.clock.advance(5000);
  t.true((await end).done);
});

test("a streaming list ends with its bookmark", async (t) => {
  const api = await openApi();
  await api.send("POST", maps, { body: configMap("a") });
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const events = eventsOf(await api.send("GET", `${maps}?${query}`));
  t.is((await next(events)).type, "ADDED");
  t.like(await next(events), { type: "BOOKMARK", object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } } as never });
  api.closing.abort();
});

test("options that a watch does not take are refused before it starts", async (t) => {
  const { send } = await openApi();
  for (const query of ["resourceVersionMatch=NotOlderThan", "sendInitialEvents=true&allowWatchBookmarks=true", "continue=x"]) t.is((await send("GET", `${maps}?watch=1&${query}`)).status, 422, query);
  t.is((await send("GET", `${maps}?watch=1&timeoutSeconds=x`)).status, 400);
});

test("a reader that leaves ends its watch", async (t) => {
  const api = await openApi();
  const before = api.clock.pending();
  const response = await api.send("GET", `${maps}?watch=1&allowWatchBookmarks=true`);
  t.true(api.clock.pending() > before);
  await response.body?.cancel();
  await api.clock.settle();
  t.is(api.clock.pending(), before);
});

test("a reader that takes nothing for half a minute is cut off", async (t) => {
  const api = await openApi();
  for (const name of ["a", "b", "c"]) await api.send("POST", maps, { body: configMap(name, { k: "v".repeat(100_000) }) });
  const response = await api.send("GET", `${maps}?watch=1`);
  await api.clock.advance(31_000);
  await t.throwsAsync(response.text(), { message: /cut off/ });
});

test("a reader that is slow, and reads, gets everything", async (t) => {
  const api = await openApi();
  for (const name of ["a", "b", "c"]) await api.send("POST", maps, { body: configMap(name, { k: "v".repeat(100_000) }) });
  const events = eventsOf(await api.send("GET", `${maps}?watch=1`));
  const seen: (string | undefined)[] = [];
  for (let left = 3; left > 0; left--) {
    await api.clock.advance(20_000);
    seen.push((await next(events)).object.metadata.name);
  }
  t.deepEqual(seen, ["a", "b", "c"]);
  api.closing.abort();
});

test("initial events and their bookmark in protobuf", async (t) => {
  const api = await openApi();
  await api.send("POST", maps, { body: configMap("a") });
  const response = await api.send("GET", `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`, {
    headers: { accept: "application/vnd.kubernetes.protobuf;type=watch" },
  });
  t.is(response.headers.get("content-type"), "application/vnd.kubernetes.protobuf;stream=watch");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunk = Buffer.from((await reader.read()).value ?? []);
  const first = chunk.readUInt32BE(0);
  t.true(chunk.subarray(4, 4 + first).includes("ADDED"));
  const second = chunk.subarray(4 + first);
  t.is(second.readUInt32BE(0), second.length - 4);
  t.true(second.includes("BOOKMARK") && second.includes("k8s.io/initial-events-end"));
  await reader.cancel();
});

test("a watch ends when its resource is defined anew, after the last events", async (t) => {
  const api = await openApi({});
  const kinds = api.services.kinds as ChangeableKindTable;
  const row = kinds.byResource("", "v1", "configmaps");
  if (row === undefined) throw new Error("ConfigMap is a built-in kind");
  const before = eventsOf(await api.send("GET", `${maps}?watch=1`));
  kinds.set({ ...row });
  const after = eventsOf(await api.send("GET", `${maps}?watch=1`));
  await api.send("POST", maps, { body: configMap("last") });
  t.like(await next(before), { type: "ADDED" });
  await api.clock.advance(1_000);
  t.true((await before.next()).done);
  t.like(await next(after), { type: "ADDED" }, "a watch of the new row goes on");
  kinds.remove("", "v1", "configmaps");
  await api.clock.advance(1_000);
  t.true((await after.next()).done);
});
