/**
 * What the volumes of a pod hold, measured when somebody asks. Volumes of the agent's own making are walked; of a local
 * volume the file system tells. One that lies on another machine is left out: if that is away, asking never returns.
 */
import type { Pod, Volume } from "../../core/api/types.gen.ts";
import { podUid } from "../containers.ts";
import type { ObjectSource } from "../environment.ts";
import type { PodDirectories } from "../pod-directories.ts";
import { treeBytes } from "../tree-bytes.ts";
import { claimName, placeOfVolume } from "../volumes/claims.ts";
import { ownPlace } from "../volumes/own-place.ts";
import { diskUsage, type DiskUsage } from "./machine-usage.ts";
import { gauge, type Family } from "./prometheus.ts";

export interface VolumeUsage {
  readonly name: string;
  readonly namespace: string;
  /** name of the PersistentVolumeClaim */
  readonly claim: string | undefined;
  /** of the file system that it is on */
  readonly disk: DiskUsage;
  readonly usedBytes: number;
}

export interface VolumePlaces {
  readonly directories: PodDirectories;
  readonly objects: ObjectSource;
}

export async function volumeUsages(pod: Pod, places: VolumePlaces): Promise<readonly VolumeUsage[]> {
  const found = await Promise.all((pod.spec?.volumes ?? []).map((volume) => usageOf(pod, volume, places).catch(() => undefined)));
  return found.filter((each) => each !== undefined);
}

/** kubelet's series of claims. */
export function volumeMetrics(usages: readonly VolumeUsage[]): readonly Family[] {
  const series = (name: string, help: string, value: (usage: VolumeUsage) => number) =>
    gauge(`kubelet_volume_stats_${name}`, help, usages.flatMap((usage) => (usage.claim === undefined ? [] : [{ labels: { namespace: usage.namespace, persistentvolumeclaim: usage.claim }, value: value(usage) }])));
  return [
    series("capacity_bytes", "Capacity in bytes of the volume", ({ disk }) => disk.capacityBytes),
    series("available_bytes", "Number of available bytes in the volume", ({ disk }) => disk.availableBytes),
    series("used_bytes", "Number of used bytes in the volume", ({ usedBytes }) => usedBytes),
    series("inodes", "Maximum number of inodes in the volume", ({ disk }) => disk.inodes),
    series("inodes_free", "Number of free inodes in the volume", ({ disk }) => disk.inodesFree),
    series("inodes_used", "Number of used inodes in the volume", ({ disk }) => disk.inodes - disk.inodesFree),
  ];
}

async function usageOf(pod: Pod, volume: Volume, { directories, objects }: VolumePlaces): Promise<VolumeUsage | undefined> {
  const place = placeOfVolume(objects, pod, volume);
  if (volume.image !== undefined || place?.hostPath !== undefined || place?.nfs !== undefined) return undefined;
  const path = place?.local?.path ?? ownPlace(directories, podUid(pod), volume);
  const disk = await diskUsage(path);
  return { name: volume.name, namespace: pod.metadata.namespace ?? "", claim: claimName(pod, volume), disk, usedBytes: place === undefined ? await treeBytes(path) : disk.usedBytes };
}
