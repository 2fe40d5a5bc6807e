/**
 * Informers over a Client: list once, then watch from there; resume after a broken watch, list again only when the past
 * is gone (410). One per resource, shared by every part of the process.
 *
 * `through(client)` gives a client whose successful writes are visible in the informers before its promise resolves.
 * A reconciler that uses it never acts on a state from before its own last write, so it needs no book of expectations.
 */
import type { Client, Resource, Target, WatchEvent, WriteOptions } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { sleep } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import { systemEntropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { KubeObject } from "../api/meta.ts";
import type { Status } from "../api/status.ts";
import { ApiError } from "../api/status.ts";
import { cache, NAMESPACE, revisionOf } from "./cache.ts";
import type { Cache } from "./cache.ts";
import type { Informer, Informers } from "./control.ts";

export interface InformerDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** ends all informers */
  readonly signal: AbortSignal;
  readonly entropy?: Pick<Entropy, "fraction">;
}

export interface SharedInformers extends Informers {
  /** `client`, whose own writes are in these informers once they are answered */
  through(client: Client): Client;
  /** resolves when every informer asked for so far has its first list */
  synced(): Promise<void>;
}

/** Delay before a failed list or watch is tried again: the first and the longest. */
export const REWATCH_FIRST_MS = 100;
export const REWATCH_CAP_MS = 30_000;

const nameOf = (resource: Resource<KubeObject>) => `${resource.group}/${resource.version}/${resource.plural}`;

export function informers(client: Client, deps: InformerDeps): SharedInformers {
  const shared = new Map<string, { readonly informer: Informer<KubeObject>; readonly cache: Cache<KubeObject> }>();

  return {
    of<T extends KubeObject>(resource: Resource<T>): Informer<T> {
      const name = nameOf(resource);
      const there = shared.get(name);
      // the resource's type parameter says what its cache holds
      if (there !== undefined) return there.informer as unknown as Informer<T>;
      const log = deps.log.child({ resource: resource.plural });
      const copy = cache<T>((error) => log.error({ error }, "a listener failed"));
      const synced = follow(client, resource, copy, { ...deps, log });
      const informer: Informer<T> = {
        resource,
        get: copy.get,
        list: (namespace) => (namespace === undefined ? copy.values() : copy.by(NAMESPACE, namespace)),
        by: copy.by,
        addIndex: copy.addIndex,
        subscribe: copy.subscribe,
        synced: () => synced,
      };
      shared.set(name, { informer: informer as unknown as Informer<KubeObject>, cache: copy as unknown as Cache<KubeObject> });
      return informer;
    },
    through: (inner) => writeThrough(inner, (resource) => shared.get(nameOf(resource))?.cache),
    async synced() {
      await Promise.all([...shared.values()].map(({ informer }) => informer.synced()));
    },
  };
}

/** What a watch is told to; a cache, or what makes something smaller of the objects. */
export type Sink<T extends KubeObject> = Pick<Cache<T>, "replace" | "apply" | "reached" | "revision">;

/** Feeds `copy` until the signal aborts; the promise resolves with the first complete list. */
export function follow<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  copy: Sink<T>,
  { clock, log, signal, entropy = systemEntropy }: InformerDeps,
): Promise<void> {
  let failures = 0;
  let listed = false;

  const run = async (synced: () => void) => {
    while (!signal.aborted) {
      try {
        if (!listed) {
          const list = await client.list(resource);
          copy.replace(list.items, Number(list.metadata.resourceVersion ?? 0));
          listed = true;
          synced();
        }
        await tail();
        // a watch may end at any time without an error; a short pause keeps a server that ends them at once from a spin
        await pause(REWATCH_FIRST_MS);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.code === 410) {
          listed = false;
          log.debug({ revision: copy.revision() }, "the watched past is gone: listing again");
          if (failures++ === 0) continue;
        } else {
          // the first failure and then each power of two: an outage is a few lines, not thousands
          if ((failures & (failures - 1)) === 0) log.warn({ error, failures }, "list or watch failed, trying again");
          failures++;
        }
        await pause(Math.min(REWATCH_CAP_MS, REWATCH_FIRST_MS * 2 ** Math.min(failures, 20)));
      }
    }
  };
  const pause = (ms: number) => sleep(clock, ms * (0.5 + entropy.fraction() / 2), signal);
  const tail = async () => {
    const watch = await client.watch(resource, {
      resourceVersion: String(copy.revision()),
      allowWatchBookmarks: true,
      signal,
    });
    for await (const events of watch) {
      for (const event of events) take(event);
      failures = 0;
    }
  };
  const take = (event: WatchEvent<T>) => {
    if (event.type === "ERROR") throw errorOf(event.object);
    if (event.type === "BOOKMARK") copy.reached(revisionOf(event.object));
    else copy.apply(event.type, event.object);
  };
  return new Promise((resolve) => void run(resolve));
}

function errorOf(status: Status): ApiError {
  return new ApiError(status.code === 410 ? "Expired" : "InternalError", status.message ?? "the watch failed", { code: status.code });
}

/** Subresources whose answer is the object itself. */
const OWN_SUBRESOURCES: readonly (string | undefined)[] = [undefined, "status", "approval", "finalize"];

const keyOfTarget = ({ namespace, name }: Target) => (namespace === undefined ? name : `${namespace}/${name}`);
/** Some kinds answer a finished deletion with the object as it was last: unmarked, or marked with nothing to wait for. */
const stays = ({ metadata }: KubeObject) =>
  metadata.deletionTimestamp !== undefined && (metadata.deletionGracePeriodSeconds !== 0 || (metadata.finalizers ?? []).length > 0);
const isStatus = (result: KubeObject | Status): result is Status => result.kind === "Status";

function writeThrough(client: Client, cacheOf: (resource: Resource<KubeObject>) => Cache<KubeObject> | undefined): Client {
  const seen = <T extends KubeObject>(resource: Resource<T>, subresource: string | undefined, options: WriteOptions | undefined, object: T): T => {
    if (options?.dryRun !== true && OWN_SUBRESOURCES.includes(subresource)) cacheOf(resource)?.observe(object);
    return object;
  };
  return {
    get: (resource, target, options) => client.get(resource, target, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    create: async (resource, object, options) => seen(resource, options?.subresource, options, await client.create(resource, object, options)),
    update: async (resource, target, object, options) =>
      seen(resource, target.subresource, options, await client.update(resource, target, object, options)),
    async patch(resource, target, patch, options) {
      const result = await client.patch(resource, target, patch, options);
      seen(resource, target.subresource, options, result.object);
      return result;
    },
    async delete(resource, target, options) {
      const result = await client.delete(resource, target, options);
      if (options?.dryRun === true) return result;
      if (!isStatus(result) && stays(result)) return seen(resource, target.subresource, options, result);
      const uid = (isStatus(result) ? result.details?.uid : result.metadata.uid) ?? options?.preconditions?.uid;
      if (uid !== undefined) cacheOf(resource)?.forget(keyOfTarget(target), uid);
      return result;
    },
    connect: (resource, target, object, options) => client.connect(resource, target, object, options),
    deleteCollection: (resource, options) => client.deleteCollection(resource, options),
  };
}
