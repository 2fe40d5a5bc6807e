/** Removes images that nobody uses when the disk fills; remembers when each was used last. */
import type { Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { EventSink } from "../events.ts";
import type { ImageOnDevice, RunningPod, Runtime } from "../runtimes/runtime.ts";
import type { Settings } from "../settings.ts";
import { diskUsage, type DiskUsage } from "../stats/machine-usage.ts";
import { everyUnused, garbage, type ImageHistory } from "./garbage.ts";

export interface CollectorParts {
  readonly nodeName: string;
  readonly runtimes: readonly Runtime[];
  readonly settings: Settings;
  readonly running: () => Iterable<RunningPod>;
  /** references that stay although no container uses them: imported for places without a registry */
  readonly kept: () => ReadonlySet<string>;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly log: Log;
  /** file system of a directory; tests give one of their own */
  readonly disk?: (directory: string) => Promise<DiskUsage>;
}

export interface ImageCollector {
  /** by thresholds; call it now and then */
  collect(): Promise<void>;
  /** the disk is in need: everything unused goes. @returns whether anything went */
  collectAll(): Promise<boolean>;
}

export function imageCollector(parts: CollectorParts): ImageCollector {
  const { nodeName, runtimes, settings, events, clock, log, disk = diskUsage } = parts;
  const history = new Map<string, ImageHistory>();

  const look = async (runtime: Runtime) => {
    const now = clock.now();
    const images = await runtime.images();
    const inUse = new Set(parts.kept());
    for (const { containers } of parts.running()) for (const { image, imageId } of containers) for (const name of [image, imageId]) inUse.add(name);
    for (const image of images) {
      const known = history.get(image.id) ?? { seen: now };
      history.set(image.id, namesOf(image).some((name) => inUse.has(name)) ? { ...known, used: now } : known);
    }
    const present = new Set(images.map(({ id }) => id));
    for (const id of history.keys()) if (!present.has(id)) history.delete(id);
    return { images, inUse, history, now };
  };
  const remove = async (runtime: Runtime, images: readonly ImageOnDevice[]): Promise<number> => {
    let freed = 0;
    for (const image of images) {
      try {
        await runtime.removeImage(image.id);
        freed += image.sizeBytes;
        log.info({ image: image.tags[0] ?? image.id, bytes: image.sizeBytes }, "removed an image that nothing uses");
      } catch (error) {
        log.warn({ image: image.tags[0] ?? image.id, error: String(error) }, "an image could not be removed");
      }
    }
    return freed;
  };

  return {
    async collect() {
      for (const runtime of runtimes) {
        if (runtime.imageSpace === undefined) continue;
        const { directory } = await runtime.imageSpace();
        const { imageGcHigh: high, imageGcLow: low, imageMinAgeMs: minAgeMs, imageMaxAgeMs: maxAgeMs } = settings;
        const decided = garbage({ ...(await look(runtime)), disk: await disk(directory), high, low, minAgeMs, maxAgeMs });
        await remove(runtime, decided.remove);
        if (decided.wanted === undefined || decided.found >= decided.wanted) continue;
        const message = `Failed to garbage collect required amount of images. Attempted to free ${Math.floor(decided.wanted)} bytes, but only found ${decided.found} bytes eligible to free.`;
        events.node(nodeName, { type: "Warning", reason: "FreeDiskSpaceFailed", message });
      }
    },
    async collectAll() {
      let freed = 0;
      for (const runtime of runtimes) if (runtime.imageSpace !== undefined) freed += await remove(runtime, everyUnused(await look(runtime)));
      return freed > 0;
    },
  };
}

function namesOf({ id, tags, digests }: ImageOnDevice): readonly string[] {
  return [id, ...tags, ...digests];
}
