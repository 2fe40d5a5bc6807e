/**
 * What a device does for itself now and then, whether anybody looks or not: rotate logs, take in image archives, remove
 * images that fill the disk, end pods when a resource runs out. Each is a part of its own; here is only when they happen.
 */
import { join } from "node:path";
import { sleep, type Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { Pod } from "../core/api/types.gen.ts";
import { podUid } from "./containers.ts";
import { evictionManager, type EvictionManager } from "./eviction/manager.ts";
import { measureStorage } from "./eviction/measure-storage.ts";
import { imageDirectory, observations } from "./eviction/observations.ts";
import type { EventSink } from "./events.ts";
import { imageArchives, type ImageArchives } from "./images/archives.ts";
import { imageCollector } from "./images/image-collector.ts";
import { rotateLog } from "./logs/rotation.ts";
import type { Observed } from "./observe.ts";
import type { PodDirectories } from "./pod-directories.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import type { Settings } from "./settings.ts";
import type { Meter } from "./stats/meter.ts";
import { machineUsage } from "./stats/machine-usage.ts";

export interface UpkeepParts {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly settings: Settings;
  readonly runtimes: readonly Runtime[];
  readonly directories: PodDirectories;
  readonly importImage: ((file: string) => Promise<readonly string[]>) | undefined;
  readonly observed: () => ReadonlyMap<string, Observed>;
  readonly pods: () => readonly Pod[];
  /** false: it is not here, or it ends already */
  readonly evict: (uid: string, why: { readonly message: string; readonly graceSeconds: number }) => boolean;
  /** a pod that has ended needs nobody to end it */
  readonly over: (uid: string) => boolean;
  readonly events: EventSink;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Upkeep {
  readonly eviction: EvictionManager;
  close(): Promise<void>;
}

/** kubelet's containerLogMonitorInterval */
const LOGS_MS = 10_000;
const ARCHIVES_MS = 10_000;
/** kubelet's image garbage collection period */
const IMAGES_MS = 300_000;

export function startUpkeep(parts: UpkeepParts): Upkeep {
  const { nodeName, dataDir, settings, runtimes, directories, events, clock, log } = parts;
  const closing = new AbortController();
  const signal = AbortSignal.any([parts.signal, closing.signal]);
  let archives: ImageArchives | undefined;
  const running = () => [...parts.observed().values()].map(({ pod }) => pod);
  const collector = imageCollector({ nodeName, runtimes, settings, running, kept: () => new Set([...(archives?.references() ?? []), ...imagesOfVolumes(parts.pods())]), events, clock, log });

  const directoryOfImages = imageDirectory(runtimes);
  const eviction = evictionManager({
    nodeName,
    settings,
    observe: async () => observations(await machineUsage({ dataDir, now: clock.now() }), await directoryOfImages()),
    usage: async () => (await Promise.all(runtimes.map((runtime) => runtime.usage?.() ?? []))).flat(),
    storage: (pod, usage) => measureStorage(directories, pod, usage),
    pods: () => parts.pods().filter((pod) => parts.observed().has(podUid(pod)) && !parts.over(podUid(pod))),
    evict: parts.evict,
    collect: collector.collectAll,
    events,
    meter: parts.meter,
    clock,
    log,
  });

  const present = async (reference: string) => (await Promise.all(runtimes.map((runtime) => runtime.image(reference).catch(() => undefined)))).some((image) => image !== undefined);
  const importArchives = async () => {
    const { importImage } = parts;
    if (importImage === undefined) return;
    archives ??= await imageArchives({ directory: join(dataDir, "images"), importImage, present, now: clock.now, refused: (message) => events.node(nodeName, { type: "Warning", reason: "InvalidImageArchive", message }), log });
    await archives.look();
  };
  const rotateLogs = async () => {
    for (const { runtime, pod } of parts.observed().values()) {
      const { reopenLog } = runtime;
      if (reopenLog === undefined) continue;
      for (const { id, name, attempt, state } of pod.containers) {
        if (state !== "running") continue;
        const path = directories.log(pod, name, attempt);
        try {
          await rotateLog(path, { maxBytes: settings.logMaxBytes, maxFiles: settings.logMaxFiles, now: clock.now(), reopen: () => reopenLog(id) });
        } catch (error) {
          log.warn({ log: path, error: String(error) }, "a log could not be rotated; it will be tried again");
        }
      }
    }
  };
  const every = async (ms: number, what: string, work: () => Promise<void>) => {
    while (!signal.aborted) {
      await work().catch((error: unknown) => log.warn({ error: String(error) }, `${what} failed; it will be tried again`));
      await sleep(clock, ms, signal);
    }
  };
  const loops = Promise.all([
    every(LOGS_MS, "rotating logs", rotateLogs),
    every(ARCHIVES_MS, "importing images", importArchives),
    every(IMAGES_MS, "removing unused images", collector.collect),
  ]);

  return {
    eviction,
    async close() {
      closing.abort();
      eviction.close();
      await loops;
    },
  };
}

/** They are on no container, but their pods need them for each start. */
function imagesOfVolumes(pods: readonly Pod[]): readonly string[] {
  return pods.flatMap(({ spec }) => (spec?.volumes ?? []).flatMap(({ image }) => image?.reference ?? []));
}
