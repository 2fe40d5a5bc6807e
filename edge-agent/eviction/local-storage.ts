/**
 * Limits on a pod's own disk use: of its containers (ephemeral-storage), of the pod as a whole, of its emptyDir volumes.
 * There is no quota in the kernel for most file systems; who is over is evicted. Pure.
 */
import type { Pod } from "../../core/api/types.gen.ts";
import { podLimits } from "../pod-resources.ts";
import { quantity } from "../quantity.ts";
import type { DiskOfPod } from "./rank.ts";

export interface LocalStorage extends DiskOfPod {
  /** bytes by emptyDir volume */
  readonly emptyDirs: ReadonlyMap<string, number>;
}

/** Whether measuring is worth the walk. */
export function hasStorageLimit(pod: Pod): boolean {
  return (
    (pod.spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) ||
    [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].some(({ resources }) => resources?.limits?.["ephemeral-storage"] !== undefined) ||
    pod.spec?.resources?.limits?.["ephemeral-storage"] !== undefined
  );
}

export interface StorageExcess {
  /** kubelet's name of the limit, for counting */
  readonly signal: "emptydirfs.limit" | "ephemeralpodfs.limit" | "ephemeralcontainerfs.limit";
  readonly message: string;
}

/** Why the pod has to go; undefined: it keeps to its limits. */
export function storageExcess(pod: Pod, { containers, volumes, emptyDirs }: LocalStorage): StorageExcess | undefined {
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit !== undefined && quantity(limit) > 0 && (emptyDirs.get(name) ?? 0) > quantity(limit)) return { signal: "emptydirfs.limit", message: `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". ` };
  }
  const total = podLimits(pod)["ephemeral-storage"];
  const used = [...containers.values()].reduce((sum, bytes) => sum + bytes, volumes);
  if (total !== undefined && used > total) return { signal: "ephemeralpodfs.limit", message: `Pod ephemeral local storage usage exceeds the total limit of containers ${limitText(pod)}. ` };
  for (const { name, resources } of pod.spec?.containers ?? []) {
    const limit = resources?.limits?.["ephemeral-storage"];
    if (limit !== undefined && (containers.get(name) ?? 0) > quantity(limit)) return { signal: "ephemeralcontainerfs.limit", message: `Container ${name} exceeded its local ephemeral storage limit "${limit}". ` };
  }
  return undefined;
}

function limitText(pod: Pod): string {
  const limits = (pod.spec?.containers ?? []).flatMap(({ resources }) => resources?.limits?.["ephemeral-storage"] ?? []);
  const [only] = limits;
  return only !== undefined && limits.length === 1 ? only : String(podLimits(pod)["ephemeral-storage"] ?? 0);
}
