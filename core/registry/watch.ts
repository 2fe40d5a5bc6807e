/**
 * Watch: the current state first when asked, then every change after a revision, filtered by the selectors of the
 * request. What leaves a selector is reported as DELETED, what enters it as ADDED. The event of a store event is made
 * once and shared by all watchers of that kind, and with it the encoded line.
 */
import type { WatchEvent, WatchOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import type { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Entry, StoreEvent } from "../store/store.ts";
import { StoreError } from "../store/store.ts";
import { authorize } from "./authorize.ts";
import type { Codec } from "./codec.ts";
import type { Context } from "./context.ts";
import { prefixOf } from "./keys.ts";
import { collect } from "./list.ts";
import { checkWatchOptions } from "./list-options.ts";
import { readVersion, tooLarge, tooOld } from "./resource-version.ts";
import type { CompiledSelection } from "./selection.ts";
import { compileSelection, parseSelection } from "./selection.ts";

/** How long after its revision was taken a bookmark is sent: all events up to it have been handed over by then. */
const BOOKMARK_DELAY_MS = 1_000;

type Batch = readonly WatchEvent<AnyObject>[];

export async function watch(context: Context, user: User, kind: Kind, options: WatchOptions): Promise<AsyncIterable<Batch>> {
  const { namespace, labelSelector, fieldSelector } = options;
  const parsed = parseSelection(options);
  await authorize(context, { user, verb: "watch", kind, namespace, name: parsed.name, labelSelector, fieldSelector });
  checkWatchOptions(options);
  const selection = compileSelection(kind, parsed);
  const version = readVersion(options.resourceVersion);
  const fromNow = version === undefined || version === 0;
  // from no version in particular means from what there is, which ends with a bookmark for who takes them (KEP-3157)
  const initial = options.sendInitialEvents ?? fromNow;
  const { store } = context;
  if (initial && version !== undefined && version > store.revision()) throw tooLarge(version, store.revision());
  if (!initial) return follow(context, kind, selection, options, fromNow ? store.revision() : version);
  const { items, metadata } = await collect(context, kind, selection, { namespace });
  const first: WatchEvent<AnyObject>[] = items.map((object) => ({ type: "ADDED", object }));
  const revision = metadata.resourceVersion ?? "0";
  if (options.allowWatchBookmarks === true) first.push(bookmark(kind, revision, true));
  return follow(context, kind, selection, options, Number(revision), first);
}

async function* follow(
  context: Context,
  kind: Kind,
  selection: CompiledSelection,
  options: WatchOptions,
  after: number,
  first: Batch = [],
): AsyncGenerator<Batch> {
  const { signal } = options;
  if (first.length > 0) yield first;
  const prefix = prefixOf(kind, options.namespace);
  const codec = context.codec(kind);
  const translate = translator(codec, sharedEvents(context, kind), selection);
  const bookmarks = options.allowWatchBookmarks === true ? new Bookmarks(context, after) : undefined;
  // A consumer may also just stop reading: then the store's watch, which waits for its signal, must end, too.
  const stop = new AbortController();
  const end = () => stop.abort();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const changes = context.store.watch(prefix, after, stop.signal)[Symbol.asyncIterator]();
  try {
    let next = changes.next();
    while (!signal.aborted) {
      const due = bookmarks === undefined ? undefined : await bookmarks.before(next);
      if (due !== undefined) {
        yield [bookmark(kind, String(due), false)];
        continue;
      }
      const { done, value } = await next;
      if (done === true || signal.aborted) return;
      bookmarks?.passed(value);
      if (kind.hooks.convert !== undefined) await codec.prepare(value.flatMap(({ entry, previous }) => (previous === undefined ? [entry] : [entry, previous])));
      const batch = translate(value);
      if (batch.length > 0) yield batch;
      next = changes.next();
    }
  } catch (error) {
    if (signal.aborted) return;
    yield [{ type: "ERROR", object: gone(error, after, context).toStatus() }];
  } finally {
    bookmarks?.stop();
    signal.removeEventListener("abort", end);
    end();
    await changes.return?.();
  }
}

function gone(error: unknown, after: number, { store }: Context): ApiError {
  if (error instanceof StoreError && (error.reason === "compacted" || error.reason === "slow")) return tooOld(after, store.compacted());
  throw error;
}

function bookmark(kind: Kind, resourceVersion: string, endOfInitialEvents: boolean): WatchEvent<AnyObject> {
  const annotations = endOfInitialEvents ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  return {
    type: "BOOKMARK",
    object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: { resourceVersion, ...annotations } },
  };
}

/** Times the bookmarks of one watch, without a promise per event that would wait for the next one. */
class Bookmarks {
  readonly #context: Context;
  #cancel: () => void = () => {};
  #wake: () => void = () => {};
  #due: number | undefined;
  #passed: number;

  constructor(context: Context, after: number) {
    this.#context = context;
    this.#passed = after;
    this.#schedule();
  }

  #schedule(): void {
    const { clock, store, bookmarkMs } = this.#context;
    this.#cancel = clock.after(bookmarkMs - BOOKMARK_DELAY_MS, () => {
      const revision = store.revision();
      this.#cancel = clock.after(BOOKMARK_DELAY_MS, () => {
        this.#due = revision;
        this.#schedule();
        this.#wake();
      });
    });
  }

  passed(events: readonly StoreEvent[]): void {
    this.#passed = events.at(-1)?.entry.revision ?? this.#passed;
  }

  /** The revision of a bookmark that is due before `next` is there; undefined once `next` is there. */
  async before(next: Promise<unknown>): Promise<number | undefined> {
    let there = false;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const settle = () => {
      there = true;
      this.#wake();
    };
    next.then(settle, settle);
    if (this.#due === undefined) await woken;
    else await Promise.resolve();
    if (there || this.#due === undefined) return undefined;
    const due = Math.max(this.#due, this.#passed);
    this.#due = undefined;
    return due;
  }

  stop(): void {
    this.#cancel();
  }
}

/** What all watchers of one kind make of one store event. */
interface Shared {
  added?: WatchEvent<AnyObject>;
  modified?: WatchEvent<AnyObject>;
  deleted?: WatchEvent<AnyObject>;
  left?: WatchEvent<AnyObject>;
}

type SharedEvents = (event: StoreEvent) => Shared;
const caches = new WeakMap<Codec, WeakMap<StoreEvent, Shared>>();

function sharedEvents(context: Context, kind: Kind): SharedEvents {
  const codec = context.codec(kind);
  const cache = caches.get(codec) ?? new WeakMap<StoreEvent, Shared>();
  caches.set(codec, cache);
  return (event) => {
    let shared = cache.get(event);
    if (shared === undefined) cache.set(event, (shared = {}));
    return shared;
  };
}

function translator(codec: Codec, shared: SharedEvents, { matches, name, namespace }: CompiledSelection) {
  const suffix = name === undefined ? undefined : `/${name}`;
  const middle = namespace === undefined || namespace === "" ? undefined : `/${namespace}/`;
  const matching = (entry: Entry | undefined) => entry !== undefined && (matches === undefined || matches(codec.decode(entry)));

  function translate(event: StoreEvent): WatchEvent<AnyObject> | undefined {
    const { entry, previous } = event;
    if (suffix !== undefined && !entry.key.endsWith(suffix)) return undefined;
    if (middle !== undefined && !entry.key.includes(middle)) return undefined;
    const kept = shared(event);
    if (event.type === "delete") {
      return matching(entry) ? (kept.deleted ??= { type: "DELETED", object: codec.decode(entry) }) : undefined;
    }
    const before = matching(previous);
    if (matching(entry)) {
      if (before) return (kept.modified ??= { type: "MODIFIED", object: codec.decode(entry) });
      return (kept.added ??= { type: "ADDED", object: codec.decode(entry) });
    }
    if (!before || previous === undefined) return undefined;
    return (kept.left ??= { type: "DELETED", object: codec.decode({ ...previous, revision: entry.revision }) });
  }

  return (events: readonly StoreEvent[]): Batch => {
    const batch: WatchEvent<AnyObject>[] = [];
    for (const event of events) {
      const translated = translate(event);
      if (translated !== undefined) batch.push(translated);
    }
    return batch;
  };
}
