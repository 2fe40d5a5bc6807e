/** What every store does, run over each driver: test/store/*.test.ts. */
import type { ExecutionContext, TestFn } from "ava";
import * as fc from "fast-check";
import type { Entry, Store, StoreEvent } from "../../core/store/store.ts";
import { StoreError } from "../../core/store/store.ts";

export interface StoreSuite {
  /** an empty store; closed by the suite */
  open(options?: { readonly watchBuffer?: number }): Promise<Store>;
  /** sequences that the property test tries; fewer where opening is slow */
  readonly runs?: number;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (entry: Entry | undefined) => (entry === undefined ? undefined : new TextDecoder().decode(entry.value));
const shape = (event: StoreEvent) => [event.type, event.entry.key, text(event.entry), event.entry.revision, text(event.previous)] as const;

/** Reads a watch until `count` events came, then aborts it. */
async function collect(store: Store, prefix: string, after: number, count: number): Promise<StoreEvent[]> {
  const ending = new AbortController();
  const events: StoreEvent[] = [];
  for await (const batch of store.watch(prefix, after, ending.signal)) {
    events.push(...batch);
    if (events.length >= count) ending.abort();
  }
  return events;
}

export function storeSuite(test: TestFn, { open, runs = 30 }: StoreSuite): void {
  const withStore = (title: string, run: (t: ExecutionContext, store: Store) => Promise<void>, options?: { watchBuffer: number }) => {
    test(title, async (t) => {
      const store = await open(options);
      try {
        await run(t, store);
      } finally {
        await store.close();
      }
    });
  };

  withStore("a key is made, replaced and deleted at growing revisions", async (t, store) => {
    const start = store.revision();
    const made = await store.put("/a", bytes("1"), 0);
    t.is(made.created, made.revision);
    t.is(text(store.get("/a")), "1");
    const replaced = await store.put("/a", bytes("2"), made.revision);
    t.is(replaced.created, made.revision);
    t.true(replaced.revision > made.revision && made.revision > start);
    const deleted = await store.delete("/a", replaced.revision);
    t.is(text(deleted), "2");
    t.true(deleted.revision > replaced.revision);
    t.is(store.revision(), deleted.revision);
    t.is(store.get("/a"), undefined);
    const again = await store.put("/a", bytes("3"), 0);
    t.is(again.created, again.revision);
  });

  withStore("a write that expected something else loses and is told what is there", async (t, store) => {
    const made = await store.put("/a", bytes("1"), 0);
    for (const write of [
      () => store.put("/a", bytes("x"), 0),
      () => store.put("/a", bytes("x"), made.revision + 7),
      () => store.delete("/a", 0),
      () => store.delete("/a", made.revision + 7),
    ]) {
      const error = await t.throwsAsync<StoreError>(write, { instanceOf: StoreError });
      t.is(error.reason, "conflict");
      t.is(error.current?.revision, made.revision);
      t.is(text(error.current), "1");
    }
    for (const write of [() => store.put("/none", bytes("x"), made.revision), () => store.delete("/none", 0), () => store.delete("/none", 1)]) {
      const error = await t.throwsAsync<StoreError>(write, { instanceOf: StoreError });
      t.is(error.reason, "conflict");
      t.is(error.current, undefined);
    }
    t.is(store.revision(), made.revision);
  });

  withStore("of many writers in one tick one wins, the others can read what won", async (t, store) => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        store.put("/a", bytes(`${index}`), 0).catch((error: StoreError) => {
          t.is(error.reason, "conflict");
          t.is(error.current?.revision, store.get("/a")?.revision);
          throw error;
        }),
      ),
    );
    t.is(results.filter((result) => result.status === "fulfilled").length, 1);
  });

  withStore("of two writes that replace the same value one wins, and the other is told of it", async (t, store) => {
    const [a, b] = await Promise.all([store.put("/a", bytes("1"), 0), store.put("/b", bytes("1"), 0)]);
    const results = await Promise.allSettled([store.put("/a", bytes("2"), a.revision), store.delete("/a", a.revision)]);
    const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const lost = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    t.is(won.length, 1);
    t.true((won[0]?.revision ?? 0) > Math.max(a.revision, b.revision));
    t.is(lost[0]?.reason, "conflict");
    t.is(lost[0]?.current?.revision, store.get("/a")?.revision);
  });

  withStore("nothing is visible before it is acknowledged", async (t, store) => {
    const writing = store.put("/a", bytes("1"), 0);
    t.is(store.get("/a"), undefined);
    const before = store.revision();
    t.deepEqual((await store.range("/")).entries, store.get("/a") === undefined ? [] : [await writing]);
    const entry = await writing;
    t.true(entry.revision > before);
    t.is(store.get("/a")?.revision, entry.revision);
  });

  withStore("a range is ordered, bounded by prefix, and continues after a key", async (t, store) => {
    const keys = ["/b/2", "/a/1", "/b/1", "/b/10", "/b", "/c", "/b0", "/b/3"];
    await Promise.all(keys.map((key) => store.put(key, bytes(key), 0)));
    const all = await store.range("/b/");
    t.deepEqual(all.entries.map(({ key }) => key), ["/b/1", "/b/10", "/b/2", "/b/3"]);
    t.is(all.remaining, 0);
    t.is(all.revision, store.revision());
    const page = await store.range("/b/", { limit: 2 });
    t.deepEqual(page.entries.map(({ key }) => key), ["/b/1", "/b/10"]);
    t.is(page.remaining, 2);
    const rest = await store.range("/b/", { limit: 2, after: "/b/10" });
    t.deepEqual(rest.entries.map(({ key }) => key), ["/b/2", "/b/3"]);
    t.is(rest.remaining, 0);
    t.deepEqual((await store.range("/b/", { after: "/b/3" })).entries, []);
    t.deepEqual((await store.range("/nothing/")).entries, []);
  });

  withStore("a range can read the past", async (t, store) => {
    const one = await store.put("/a/1", bytes("old"), 0);
    const two = await store.put("/a/2", bytes("gone"), 0);
    const changed = await store.put("/a/1", bytes("new"), one.revision);
    const deleted = await store.delete("/a/2", two.revision);
    await store.put("/a/3", bytes("late"), 0);
    const at = async (revision: number) => (await store.range("/a/", { revision })).entries.map((entry) => `${entry.key}=${text(entry)}@${entry.revision}`);
    t.deepEqual(await at(one.revision), [`/a/1=old@${one.revision}`]);
    t.deepEqual(await at(two.revision), [`/a/1=old@${one.revision}`, `/a/2=gone@${two.revision}`]);
    t.deepEqual(await at(changed.revision), [`/a/1=new@${changed.revision}`, `/a/2=gone@${two.revision}`]);
    t.deepEqual(await at(deleted.revision), [`/a/1=new@${changed.revision}`]);
    const page = await store.range("/a/", { revision: two.revision, limit: 1 });
    t.is(page.revision, two.revision);
    t.is(page.remaining, 1);
    t.deepEqual((await store.range("/a/", { revision: two.revision, after: "/a/1" })).entries.map(({ key }) => key), ["/a/2"]);
    const error = await t.throwsAsync<StoreError>(store.range("/a/", { revision: store.revision() + 100 }), { instanceOf: StoreError });
    t.is(error.reason, "future");
  });

  withStore("a watch gives the past, then what comes, each once and in order", async (t, store) => {
    const one = await store.put("/a/1", bytes("1"), 0);
    await store.put("/other", bytes("x"), 0);
    const two = await store.put("/a/1", bytes("2"), one.revision);
    const collecting = collect(store, "/a/", one.revision, 4);
    const three = await store.delete("/a/1", two.revision);
    const four = await store.put("/a/1", bytes("4"), 0);
    await store.put("/b", bytes("x"), 0);
    const five = await store.put("/a/2", bytes("5"), 0);
    t.deepEqual((await collecting).map(shape), [
      ["put", "/a/1", "2", two.revision, "1"],
      ["delete", "/a/1", "2", three.revision, "2"],
      ["put", "/a/1", "4", four.revision, undefined],
      ["put", "/a/2", "5", five.revision, undefined],
    ]);
  });

  withStore("a watch that starts while writes go on misses none and repeats none", async (t, store) => {
    const count = 1_500;
    const writing = (async () => {
      for (let index = 0; index < count; index += 10) {
        await Promise.all(Array.from({ length: 10 }, (_, offset) => store.put(`/k/${index + offset}`, bytes("v"), 0)));
      }
    })();
    const watches: Promise<StoreEvent[]>[] = [];
    const start = store.revision();
    for (let started = 0; started < 10; started += 1) {
      watches.push(collect(store, "/k/", start, count));
      await store.put(`/tick/${started}`, bytes("v"), 0);
    }
    await writing;
    for (const events of await Promise.all(watches)) {
      t.is(events.length, count);
      const revisions = events.map((event) => event.entry.revision);
      t.deepEqual(revisions, revisions.toSorted((a, b) => a - b));
      t.is(new Set(events.map((event) => event.entry.key)).size, count);
    }
  });

  withStore("a watch ends quietly when its signal aborts", async (t, store) => {
    const ending = new AbortController();
    const reading = (async () => {
      for await (const batch of store.watch("/", store.revision(), ending.signal)) t.fail(`unexpected events: ${batch.length}`);
    })();
    await store.caughtUp(store.revision());
    ending.abort();
    await reading;
    for await (const batch of store.watch("/", store.revision(), AbortSignal.abort())) t.fail(`unexpected events: ${batch.length}`);
    t.pass();
  });

  withStore(
    "a watcher that falls behind is told so, and only then",
    async (t, store) => {
      const signal = new AbortController().signal;
      const slow = store.watch("/", store.revision(), signal)[Symbol.asyncIterator]();
      const quick = collect(store, "/", store.revision(), 40);
      const first = slow.next();
      await store.put("/first", bytes("v"), 0);
      t.is((await first).value?.length, 1);
      for (let index = 0; index < 39; index += 1) await store.put(`/${index}`, bytes("v"), 0);
      const error = await t.throwsAsync<StoreError>(slow.next(), { instanceOf: StoreError });
      t.is(error.reason, "slow");
      t.is((await quick).length, 40);
    },
    { watchBuffer: 8 },
  );

  withStore("compaction forgets the past and nothing else", async (t, store) => {
    const kept = await store.put("/a/kept", bytes("kept"), 0);
    const one = await store.put("/a/1", bytes("1"), 0);
    const two = await store.put("/a/1", bytes("2"), one.revision);
    const gone = await store.put("/a/gone", bytes("gone"), 0);
    const deleted = await store.delete("/a/gone", gone.revision);
    const three = await store.put("/a/1", bytes("3"), two.revision);
    await store.compact(deleted.revision);
    t.is(store.compacted(), deleted.revision);
    const past = await t.throwsAsync<StoreError>(store.range("/a/", { revision: two.revision }), { instanceOf: StoreError });
    t.is(past.reason, "compacted");
    const watching = await t.throwsAsync<StoreError>(collect(store, "/a/", one.revision, 1), { instanceOf: StoreError });
    t.is(watching.reason, "compacted");
    t.deepEqual((await collect(store, "/a/", deleted.revision, 1)).map(shape), [["put", "/a/1", "3", three.revision, "2"]]);
    t.deepEqual((await store.range("/a/", { revision: deleted.revision })).entries.map(text), ["2", "kept"]);
    t.deepEqual((await store.range("/a/")).entries.map(text), ["3", "kept"]);
    t.is(store.get("/a/kept")?.revision, kept.revision);
    const error = await t.throwsAsync<StoreError>(store.compact(store.revision() + 100), { instanceOf: StoreError });
    t.is(error.reason, "future");
  });

  withStore("caughtUp waits for a revision that is on its way", async (t, store) => {
    const { revision } = await store.put("/a", bytes("1"), 0);
    await store.caughtUp(revision);
    const waiting = store.caughtUp(revision + 1);
    const writing = store.put("/b", bytes("1"), 0);
    await waiting;
    t.true(store.revision() > revision);
    await writing;
  });

  test("a closed store finishes what it took and refuses the rest", async (t) => {
    const store = await open();
    const signal = new AbortController().signal;
    const watching = store.watch("/", store.revision(), signal)[Symbol.asyncIterator]();
    const first = watching.next();
    const entry = store.put("/a", bytes("1"), 0);
    await store.close();
    t.is(text(await entry), "1");
    t.is((await first).value?.length, 1);
    for (const late of [() => watching.next(), () => store.put("/b", bytes("1"), 0), () => store.range("/"), () => store.caughtUp(1_000_000)]) {
      const error = await t.throwsAsync<StoreError>(late, { instanceOf: StoreError });
      t.is(error.reason, "closed");
    }
    await store.close();
  });

  test("any sequence of writes, compactions and reads agrees with a plain map per revision", async (t) => {
    const key = fc.constantFrom("/a", "/a/1", "/a/2", "/b/1", "/b/2", "/c");
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key, value: fc.string({ maxLength: 3 }), right: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), key, right: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), back: fc.nat(6) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const store = await open();
        try {
          const start = store.revision();
          let state = new Map<string, string>();
          const past = new Map<number, Map<string, string>>([[start, state]]);
          const written: string[] = [];
          let compacted = Math.max(store.compacted(), start);
          for (const doing of steps) {
            if (doing.do === "compact") {
              compacted = Math.max(compacted, store.revision() - doing.back, start);
              await store.compact(compacted);
              continue;
            }
            // Now and then a wrong expectation: it must lose.
            const there = store.get(doing.key)?.revision ?? 0;
            const expected = doing.right === 0 ? there + 1_000 : there;
            const work = doing.do === "put" ? store.put(doing.key, bytes(doing.value), expected) : store.delete(doing.key, expected);
            const won = await work.then((entry) => entry, () => undefined);
            t.is(won !== undefined, expected === there && (doing.do === "put" || there !== 0));
            if (won === undefined) continue;
            state = new Map(state);
            if (doing.do === "put") state.set(doing.key, doing.value);
            else state.delete(doing.key);
            past.set(won.revision, state);
            written.push(`${won.revision} ${doing.do} ${doing.key}`);
          }
          for (const [revision, then] of past) {
            if (revision < compacted) continue;
            for (const prefix of ["/", "/a", "/a/", "/b/"]) {
              const { entries } = await store.range(prefix, { revision });
              const expected = [...then].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
              t.deepEqual(entries.map((entry) => [entry.key, text(entry)]), expected);
            }
          }
          const since = written.filter((line) => Number(line.split(" ")[0]) > compacted);
          const seen = since.length === 0 ? [] : await collect(store, "/", compacted, since.length);
          t.deepEqual(seen.map((event) => `${event.entry.revision} ${event.type} ${event.entry.key}`), since);
        } finally {
          await store.close();
        }
      }),
      { numRuns: runs },
    );
  });
}
