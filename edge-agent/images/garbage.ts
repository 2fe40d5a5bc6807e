/**
 * Which images to remove (Kubernetes documentation, "Garbage collection of containers and images"): when the disk is
 * fuller than the high threshold, those that no container uses, longest unused first, until it would be at the low one;
 * and those that nobody used for longer than the maximum age. Pure.
 */
import type { ImageOnDevice } from "../runtimes/runtime.ts";

export interface ImageHistory {
  /** when this agent saw it first, milliseconds */
  readonly seen: number;
  /** when a container used it last; undefined: none did while this agent looked */
  readonly used?: number | undefined;
}

export interface GarbageInput {
  readonly images: readonly ImageOnDevice[];
  /** ids, tags and digests that containers name */
  readonly inUse: ReadonlySet<string>;
  readonly history: ReadonlyMap<string, ImageHistory>;
  readonly disk: { readonly capacityBytes: number; readonly availableBytes: number };
  readonly high: number;
  readonly low: number;
  readonly minAgeMs: number;
  readonly maxAgeMs: number;
  readonly now: number;
}

export interface Garbage {
  readonly remove: readonly ImageOnDevice[];
  /** bytes that should have become free; undefined: the disk has room */
  readonly wanted: number | undefined;
  /** bytes that the removal frees at most */
  readonly found: number;
}

export function garbage(input: GarbageInput): Garbage {
  const { disk, high, low, maxAgeMs, minAgeMs, now } = input;
  const used = disk.capacityBytes === 0 ? 0 : Math.round(((disk.capacityBytes - disk.availableBytes) / disk.capacityBytes) * 100);
  const candidates = unused(input);
  const old = maxAgeMs === 0 ? [] : candidates.filter(({ since }) => now - since > maxAgeMs);
  if (used < high) return { remove: old.map(({ image }) => image), wanted: undefined, found: sizeOf(old) };
  const wanted = disk.capacityBytes * ((100 - low) / 100) - disk.availableBytes;
  const chosen = [...old];
  for (const candidate of candidates) {
    if (sizeOf(chosen) >= wanted) break;
    if (!chosen.includes(candidate) && now - candidate.seen >= minAgeMs) chosen.push(candidate);
  }
  return { remove: chosen.map(({ image }) => image), wanted, found: sizeOf(chosen) };
}

/** All that may go, for a disk in need: age does not count then. */
export function everyUnused(input: Pick<GarbageInput, "images" | "inUse" | "history" | "now">): readonly ImageOnDevice[] {
  return unused(input).map(({ image }) => image);
}

interface Candidate {
  readonly image: ImageOnDevice;
  readonly seen: number;
  /** last used, or seen first */
  readonly since: number;
}

function unused({ images, inUse, history, now }: Pick<GarbageInput, "images" | "inUse" | "history" | "now">): readonly Candidate[] {
  return images
    .filter((image) => !image.pinned && ![image.id, ...image.tags, ...image.digests].some((name) => inUse.has(name)))
    .map((image) => {
      const { seen = now, used } = history.get(image.id) ?? {};
      return { image, seen, since: used ?? seen };
    })
    .toSorted((a, b) => a.since - b.since || a.seen - b.seen);
}

function sizeOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { image }) => sum + image.sizeBytes, 0);
}
