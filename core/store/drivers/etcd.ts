/**
 * A store over etcd v3, for several servers. Here etcd decides: a write is a transaction that compares the revision of
 * its key, and revisions are etcd's. Memory is fed by one watch over all keys, by everyone's writes alike. A write is
 * acknowledged when this server's own memory has it too, so a server never reads less than it was told it wrote.
 *
 * When the watch breaks it begins again after the last revision seen. When that is compacted, everything is read and the
 * differences become events: watchers miss intermediate states, never the last one.
 */
import type { Clock } from "../../api/clock.ts";
import { sleep, systemClock } from "../../api/clock.ts";
import type { Log } from "../../api/log.ts";
import { silentLog } from "../../api/log.ts";
import type { Past } from "../driver.ts";
import { closedError, compactedError, conflict, fencedError, futureError } from "../errors.ts";
import { owned } from "../owned.ts";
import { recentEvents } from "../recent.ts";
import type { Replica } from "../replica.ts";
import { openReplica } from "../replica.ts";
import type { Entry, Fence, Store, StoreEvent } from "../store.ts";
import { StoreError } from "../store.ts";
import type { GrpcSession, TlsFiles } from "./etcd/grpc.ts";
import { GrpcError, UNAVAILABLE, grpcSession } from "./etcd/grpc.ts";
import type { KeyValue, RangeQuery } from "./etcd/messages.ts";
import * as etcd from "./etcd/messages.ts";

/** Keys of one page while everything is read. */
const PAGE = 1_000;
/** Before the watch, or the connection, is tried again, ms; the first failure of a healthy cluster is an election. */
const RETRY_DELAYS = [50, 200, 1_000, 3_000];
/** A write that etcd made and the watch did not show by then is reported as "unavailable": its outcome is open. */
const SHOW_TIMEOUT_MS = 15_000;
/** A revision that was not seen by then may belong to a key that is not ours: a write of ours then tells. */
const BARRIER_AFTER_MS = 100;

export interface EtcdOptions {
  /** http(s)://host:port, tried in turn */
  readonly endpoints: readonly string[];
  readonly tls?: TlsFiles | undefined;
  /** before every key, so that several clusters can share an etcd; without a slash at the end */
  readonly prefix?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Log | undefined;
  readonly watchBuffer?: number | undefined;
}

export async function openEtcdStore({ endpoints, tls, prefix = "/lichen", clock = systemClock, log = silentLog, watchBuffer }: EtcdOptions): Promise<Store> {
  const ending = new AbortController();
  const writing = new Set<Promise<unknown>>();
  /** beside the keys of the store, in the range of the watch: written only to learn that the watch has come so far */
  const barrierKey = `${prefix}.barrier`;
  /** written by each process that takes over from another: its revision is the fence */
  const fenceKey = `${prefix}.fence`;
  let session: GrpcSession | undefined;
  let next = 0;

  function connected(): GrpcSession {
    if (session?.alive() === true) return session;
    session?.close();
    const endpoint = endpoints[next++ % endpoints.length] ?? "";
    return (session = grpcSession(endpoint, { clock, tls }));
  }

  async function call<T>(path: string, request: Buffer, parse: (answer: Buffer) => T): Promise<T> {
    if (ending.signal.aborted) throw closedError();
    return parse(await connected().call(path, request));
  }

  const range = (query: RangeQuery) => call(etcd.RANGE, etcd.rangeRequest(query), etcd.rangeAnswer);
  const entryOf = ({ key, value, revision, created }: KeyValue): Entry => ({ key: key.slice(prefix.length), value: owned(value), revision, created });

  /** Everything at one revision; begins again when that revision is compacted meanwhile. */
  async function readAll(): Promise<{ readonly entries: readonly Entry[]; readonly revision: number }> {
    const end = etcd.endOf(`${prefix}/`);
    const first = await range({ key: `${prefix}/`, end, limit: PAGE });
    const found = [...first.entries];
    for (let left = first.count - found.length; left > 0; ) {
      const page = await range({ key: `${found.at(-1)?.key ?? ""}\0`, end, limit: PAGE, revision: first.revision });
      if (page.entries.length === 0) break;
      found.push(...page.entries);
      left = page.count - page.entries.length;
    }
    return { entries: found.map(entryOf), revision: first.revision };
  }

  const loaded = await readAll().catch((error: unknown) => {
    session?.close();
    throw new StoreError("unavailable", `etcd at ${endpoints.join(", ")}: ${messageOf(error)}`, { cause: error });
  });
  const recent = recentEvents(loaded.revision);
  const past: Past = {
    history: async (under, after, upTo) => ({ events: recent.between(under, after, upTo), through: upTo }),
    async rangeAt(under, revision, { after, limit }) {
      const start = after === undefined || after < under ? under : `${after}\0`;
      const answer = await range({ key: prefix + start, end: etcd.endOf(prefix + under), limit, revision }).catch((error: unknown) => {
        throw isCompacted(error) ? compactedError(revision, revision + 1) : unavailable(error);
      });
      return { entries: answer.entries.map(entryOf), remaining: answer.count - answer.entries.length };
    },
  };
  const replica = openReplica({ ...loaded, compacted: 0, past, watchBuffer });

  function apply(events: readonly StoreEvent[], revision: number): void {
    recent.add(events);
    replica.apply(events, revision);
  }

  async function follow(): Promise<void> {
    for (let attempt = 0; !ending.signal.aborted; attempt += 1) {
      try {
        const request = etcd.watchRequest(`${prefix}.`, etcd.endOf(`${prefix}/`), replica.revision() + 1);
        for await (const bytes of connected().stream(etcd.WATCH, request, ending.signal)) {
          const answer = etcd.watchAnswer(bytes);
          if (answer.compacted > 0) {
            const all = await readAll();
            apply(differences(replica, all), all.revision);
            break;
          }
          if (answer.canceled) throw new Error(`etcd ended the watch: ${answer.reason}`);
          attempt = 0;
          show(answer.events);
        }
      } catch (error) {
        if (ending.signal.aborted) return;
        log.warn({ error: messageOf(error), attempt }, "the watch on etcd broke; trying again");
        await sleep(clock, RETRY_DELAYS[Math.min(attempt, RETRY_DELAYS.length - 1)] ?? 0, ending.signal);
      }
    }
  }

  function show(changes: ReturnType<typeof etcd.watchAnswer>["events"]): void {
    const last = changes.at(-1)?.entry.revision;
    if (last === undefined) return;
    const events: StoreEvent[] = [];
    /** newer than memory: changes of this batch */
    const newest = new Map<string, Entry | undefined>();
    for (const { deleted, entry: changed } of changes) {
      if (!changed.key.startsWith(`${prefix}/`) || changed.revision <= replica.revision()) continue;
      const entry = entryOf(changed);
      const previous = newest.has(entry.key) ? newest.get(entry.key) : replica.get(entry.key);
      newest.set(entry.key, deleted ? undefined : entry);
      if (!deleted) events.push({ type: "put", entry, previous });
      else if (previous !== undefined) events.push({ type: "delete", entry: { ...previous, revision: entry.revision }, previous });
    }
    apply(events, Math.max(last, replica.revision()));
  }

  async function write(key: string, value: Uint8Array | undefined, expected: number, fence: Fence | undefined): Promise<Entry> {
    // Deleting what must not exist cannot win: no key is ever at revision -1.
    const compare = value === undefined && expected === 0 ? -1 : expected;
    const guard = fence === undefined ? undefined : { key: fenceKey, revision: fence.revision };
    const answer = await call(etcd.TXN, etcd.swapRequest(prefix + key, value, compare, guard), etcd.swapAnswer).catch((error: unknown) => {
      throw error instanceof StoreError ? error : unavailable(error);
    });
    if (!answer.won) {
      const current = answer.current === undefined ? undefined : entryOf(answer.current);
      if (fence !== undefined && (current?.revision ?? 0) === compare) throw fencedError();
      await shown(() => (current === undefined ? replica.get(key) === undefined : replica.revision() >= current.revision));
      throw conflict(key, expected, current);
    }
    await shown(() => replica.revision() >= answer.revision);
    if (value === undefined) {
      if (answer.deleted === undefined) throw conflict(key, expected, undefined);
      return { ...entryOf(answer.deleted), revision: answer.revision };
    }
    const there = replica.get(key);
    return there?.revision === answer.revision ? there : { key, value: owned(value), revision: answer.revision, created: expected === 0 ? answer.revision : (there?.created ?? answer.revision) };
  }

  async function takeFence(key: string, revision: number): Promise<Fence> {
    const answer = await call(etcd.TXN, etcd.putIfRequest(fenceKey, { key: prefix + key, revision }), etcd.swapAnswer).catch((error: unknown) => {
      throw error instanceof StoreError ? error : unavailable(error);
    });
    if (!answer.won) throw fencedError();
    return { revision: answer.revision };
  }

  /** Waits for the watch until `condition` holds. */
  async function shown(condition: () => boolean): Promise<void> {
    const deadline = clock.monotonic() + SHOW_TIMEOUT_MS;
    while (!condition()) {
      const left = deadline - clock.monotonic();
      if (left <= 0) throw new StoreError("unavailable", "etcd took the write, and its watch does not show it; it may or may not be stored");
      await within(left, replica.caughtUp(replica.revision() + 1));
    }
  }

  async function within(ms: number, awaited: Promise<void>): Promise<void> {
    const waking = new AbortController();
    try {
      await Promise.race([awaited, sleep(clock, ms, waking.signal)]);
    } finally {
      waking.abort();
    }
  }

  async function caughtUp(revision: number): Promise<void> {
    await within(BARRIER_AFTER_MS, replica.caughtUp(revision));
    if (replica.revision() < revision) await call(etcd.PUT, etcd.putRequest(barrierKey), etcd.putAnswer).catch((error: unknown) => log.debug({ error: messageOf(error) }, "no barrier"));
    await replica.caughtUp(revision);
  }

  async function tracked<T>(work: Promise<T>): Promise<T> {
    writing.add(work);
    try {
      return await work;
    } finally {
      writing.delete(work);
    }
  }

  const following = follow();

  return {
    revision: replica.revision,
    compacted: replica.compacted,
    get: replica.get,
    range: replica.range,
    watch: replica.watch,
    caughtUp: (revision) => (revision <= replica.revision() || ending.signal.aborted ? replica.caughtUp(revision) : caughtUp(revision)),
    put: (key, value, expected, fence) => tracked(write(key, value, expected, fence)),
    delete: (key, expected, fence) => tracked(write(key, undefined, expected, fence)),
    fence: (key, revision) => tracked(takeFence(key, revision)),
    async compact(revision) {
      if (revision > replica.revision()) throw futureError(revision, replica.revision());
      await call(etcd.COMPACT, etcd.compactRequest(revision), () => {}).catch((error: unknown) => {
        if (!isCompacted(error)) throw unavailable(error);
      });
      replica.forgot(revision);
    },
    async close() {
      await Promise.allSettled(writing);
      ending.abort();
      replica.close();
      session?.close();
      await following;
    },
  };
}

/** The events that lead from memory to what was read, in the order of their revisions. */
function differences(replica: Replica, all: { readonly entries: readonly Entry[]; readonly revision: number }): StoreEvent[] {
  const events: StoreEvent[] = [];
  const there = new Set<string>();
  for (const entry of all.entries) {
    there.add(entry.key);
    const previous = replica.get(entry.key);
    if (previous?.revision !== entry.revision) events.push({ type: "put", entry, previous });
  }
  events.sort((a, b) => a.entry.revision - b.entry.revision);
  for (const previous of replica.current()) {
    if (!there.has(previous.key)) events.push({ type: "delete", entry: { ...previous, revision: all.revision }, previous });
  }
  return events;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** etcd answers OUT_OF_RANGE with this text (api/v3rpc/rpctypes). */
const isCompacted = (error: unknown) => error instanceof GrpcError && error.message.includes("has been compacted");

function unavailable(error: unknown): StoreError {
  const open = error instanceof GrpcError && error.code === UNAVAILABLE ? "; a write may or may not be stored" : "";
  return error instanceof StoreError ? error : new StoreError("unavailable", `etcd: ${messageOf(error)}${open}`, { cause: error });
}
