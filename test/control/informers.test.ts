import test from "ava";
import * as fc from "fast-check";
import type { Client, Resource, WatchEvent } from "../../core/api/client.ts";
import { silentLog } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import { ApiError, notFound } from "../../core/api/status.ts";
import { cache } from "../../core/control/cache.ts";
import { informers } from "../../core/control/informers.ts";
import { runController, watching } from "../../core/control/loop.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const THINGS: Resource = { group: "test", version: "v1", plural: "things" };
const thing = (name: string, rv: number, more: { uid?: string; owner?: string } = {}): AnyObject => ({
  apiVersion: "test/v1",
  kind: "Thing",
  metadata: { namespace: "n", name, uid: more.uid ?? `uid-${name}`, resourceVersion: String(rv) },
  owner: more.owner ?? "",
});

const refuse = () => Promise.reject(notFound(THINGS, "x"));

/** A server of one resource whose connections a test can break, and whose history it can forget. */
function scriptedServer() {
  const objects = new Map<string, AnyObject>();
  const log: { rv: number; event: WatchEvent<AnyObject> }[] = [];
  let revision = 10;
  let wake = Promise.withResolvers<void>();
  const state = { lists: 0, watches: 0, oldest: 0, broken: false, generation: 0 };
  const push = (event: WatchEvent<AnyObject>) => {
    log.push({ rv: revision, event });
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const write = (name: string, more: { uid?: string; owner?: string } = {}) => {
    const object = thing(name, ++revision, more);
    push({ type: objects.has(name) ? "MODIFIED" : "ADDED", object });
    objects.set(name, object);
    return object;
  };
  const remove = (name: string) => {
    const old = objects.get(name);
    if (old === undefined) throw new Error(`nothing named ${name}`);
    objects.delete(name);
    push({ type: "DELETED", object: { ...old, metadata: { ...old.metadata, resourceVersion: String(++revision) } } });
  };
  const client = {
    async list() {
      state.lists++;
      if (state.broken) throw new ApiError("ServiceUnavailable", "down");
      return { apiVersion: "test/v1", kind: "ThingList", metadata: { resourceVersion: String(revision) }, items: [...objects.values()] };
    },
    async watch(_resource: Resource, { resourceVersion, signal }: { resourceVersion?: string; signal: AbortSignal }) {
      state.watches++;
      if (state.broken) throw new ApiError("ServiceUnavailable", "down");
      let from = Number(resourceVersion);
      if (from < state.oldest) throw new ApiError("Expired", "too old resource version");
      const generation = state.generation;
      return (async function* () {
        while (!signal.aborted && generation === state.generation) {
          const batch = log.filter(({ rv }) => rv > from);
          from = batch.at(-1)?.rv ?? from;
          if (batch.length > 0) yield batch.map(({ event }) => event);
          else await wake.promise;
        }
      })();
    },
    create: async (_resource: Resource, object: AnyObject) => write(object.metadata.name ?? ""),
    delete: async (_resource: Resource, { name }: { name: string }) => {
      const uid = objects.get(name)?.metadata.uid ?? "";
      remove(name);
      return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200, details: { uid } };
    },
    get: refuse,
    update: refuse,
    patch: refuse,
    deleteCollection: refuse,
  } as unknown as Client;
  return {
    client,
    write,
    remove,
    state,
    breakWatches() {
      state.generation++;
      wake.resolve();
      wake = Promise.withResolvers();
    },
    forgetHistory() {
      state.oldest = revision + 1;
      revision += 5;
      log.length = 0;
    },
  };
}

function start() {
  const clock = virtualClock();
  const server = scriptedServer();
  const abort = new AbortController();
  const shared = informers(server.client, { clock, log: silentLog, signal: abort.signal, entropy: { fraction: () => 0.5 } });
  return { clock, server, shared, abort };
}

test("lists once, then follows, and readers share one copy", async (t) => {
  const { clock, server, shared } = start();
  server.write("a");
  const informer = shared.of(THINGS);
  t.is(shared.of(THINGS), informer);
  await informer.synced();
  server.write("b");
  await clock.settle();
  t.deepEqual(informer.list("n").map((object) => object.metadata.name), ["a", "b"]);
  t.is(server.state.lists, 1);
});

test("listeners see a change after it is readable", async (t) => {
  const { clock, server, shared } = start();
  const informer = shared.of(THINGS);
  await informer.synced();
  const seen: (string | undefined)[] = [];
  informer.subscribe((now) => seen.push(now === undefined ? `gone ${informer.get("n/a") === undefined}` : informer.get("n/a")?.metadata.resourceVersion));
  const { metadata } = server.write("a");
  await clock.settle();
  server.remove("a");
  await clock.settle();
  t.deepEqual(seen, [metadata.resourceVersion, "gone true"]);
});

test("a broken watch resumes without a list", async (t) => {
  const { clock, server, shared } = start();
  const informer = shared.of(THINGS);
  await informer.synced();
  await clock.settle();
  server.breakWatches();
  server.write("a");
  await clock.advance(1_000);
  t.truthy(informer.get("n/a"));
  t.is(server.state.lists, 1);
  t.is(server.state.watches, 2);
});

test("a forgotten past is listed again, with the right changes", async (t) => {
  const { clock, server, shared } = start();
  server.write("stays");
  server.write("goes");
  server.write("changes");
  server.write("reborn");
  const informer = shared.of(THINGS);
  await informer.synced();
  await clock.settle();
  const seen: string[] = [];
  informer.subscribe((now, old) => {
    seen.push(`${old === undefined ? "+" : now === undefined ? "-" : "~"}${(now ?? old)?.metadata.name}`);
  });
  server.breakWatches();
  server.remove("goes");
  server.write("changes");
  server.remove("reborn");
  server.write("reborn", { uid: "second" });
  server.write("comes");
  server.forgetHistory();
  await clock.advance(5_000);
  t.is(server.state.lists, 2);
  t.deepEqual(seen.toSorted(), ["+comes", "+reborn", "-goes", "-reborn", "~changes"]);
});

test("an outage is waited out with growing pauses", async (t) => {
  const { clock, server, shared } = start();
  server.state.broken = true;
  server.write("a");
  const informer = shared.of(THINGS);
  await clock.advance(60_000);
  t.true(server.state.lists < 15, `${server.state.lists} lists in a minute`);
  server.state.broken = false;
  await clock.advance(30_000);
  t.truthy(informer.get("n/a"));
});

test("own writes are readable when they are answered", async (t) => {
  const { clock, server, shared } = start();
  const informer = shared.of(THINGS);
  await informer.synced();
  const client = shared.through(server.client);
  const changes: string[] = [];
  informer.subscribe((now, old) => changes.push(old === undefined ? "+" : now === undefined ? "-" : "~"));
  await client.create(THINGS, thing("a", 0), { namespace: "n" });
  t.truthy(informer.get("n/a"));
  await client.delete(THINGS, { namespace: "n", name: "a" });
  t.is(informer.get("n/a"), undefined);
  await clock.settle();
  t.is(informer.get("n/a"), undefined);
  t.deepEqual(changes, ["+", "-"]);
});

test("an index follows its objects", async (t) => {
  const { clock, server, shared } = start();
  const informer = shared.of(THINGS);
  informer.addIndex("owner", (object) => [String(object["owner"])]);
  await informer.synced();
  server.write("a", { owner: "x" });
  server.write("b", { owner: "x" });
  await clock.settle();
  t.is(informer.by("owner", "x").length, 2);
  server.write("a", { owner: "y" });
  server.remove("b");
  await clock.settle();
  t.deepEqual(informer.by("owner", "x"), []);
  t.is(informer.by("owner", "y")[0]?.metadata.name, "a");
  t.throws(() => informer.by("nothing", "x"), { message: /addIndex/ });
});

test("early and late news in any order lead to the state of the log", (t) => {
  // each write is told twice: by the watch in order, and by its answer at some moment after it was made
  fc.assert(
    fc.property(fc.array(fc.record({ name: fc.constantFrom("a", "b"), remove: fc.boolean(), answerAfter: fc.nat(4) }), { maxLength: 30 }), (writes) => {
      const copy = cache<AnyObject>((error) => t.fail(String(error)));
      const truth = new Map<string, AnyObject>();
      const answers: { at: number; object: AnyObject }[] = [];
      const watch: (() => void)[] = [];
      for (const [index, { name, remove, answerAfter }] of writes.entries()) {
        const rv = index + 1;
        const old = truth.get(name);
        if (remove) {
          if (old === undefined) continue;
          truth.delete(name);
          watch.push(() => copy.apply("DELETED", { ...old, metadata: { ...old.metadata, resourceVersion: String(rv) } }));
        } else {
          const object = thing(name, rv, { uid: old?.metadata.uid ?? `${name}${rv}` });
          truth.set(name, object);
          answers.push({ at: index + answerAfter, object });
          watch.push(() => copy.apply(old === undefined ? "ADDED" : "MODIFIED", object));
        }
        for (const answer of answers.filter(({ at }) => at === index)) copy.observe(answer.object);
        if (answerAfter % 2 === 0) for (const tell of watch.splice(0)) tell();
      }
      for (const tell of watch) tell();
      for (const { object } of answers) copy.observe(object);
      t.deepEqual(Object.fromEntries(copy.values().map((object) => [object.metadata.name, object])), Object.fromEntries(truth));
    }),
  );
});

test("a controller reconciles marked keys, retries failures, logs a failure once and comes back on time", async (t) => {
  const { clock, server, shared, abort } = start();
  server.write("a");
  const informer = shared.of(THINGS);
  const runs: string[] = [];
  const warnings: string[] = [];
  let failing = true;
  const log = { ...silentLog, warn: (_fields: object, text: string) => void warnings.push(text), child: () => log };
  const running = runController(
    {
      name: "test",
      watches: [watching(informer, (object) => [`n/${object.metadata.name}`])],
      async reconcile(key) {
        runs.push(key);
        if (failing) throw new Error("no");
        return key === "n/b" ? { afterMs: 10_000 } : undefined;
      },
    },
    { clock, log, signal: abort.signal, entropy: { fraction: () => 0.5 }, resyncMs: 100_000 },
  );
  await clock.advance(500);
  t.true(runs.length >= 3);
  t.is(running.errors(), runs.length);
  t.deepEqual(warnings, ["reconcile failed"]);
  failing = false;
  await clock.advance(2_000);
  runs.length = 0;
  server.write("b");
  await clock.advance(25_000);
  t.deepEqual(runs, ["n/b", "n/b", "n/b"]);
  runs.length = 0;
  await clock.advance(100_000);
  t.true(runs.includes("n/a"), "the resync timer marks all keys");
  abort.abort();
  await running.stopped;
  t.is(running.busy(), 0);
});
