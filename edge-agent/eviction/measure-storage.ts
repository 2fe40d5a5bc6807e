/** What a pod takes of the device's disk: writable layers, logs, and volumes that lie there. */
import { join } from "node:path";
import type { Pod } from "../../core/api/types.gen.ts";
import { podUid } from "../containers.ts";
import type { PodDirectories } from "../pod-directories.ts";
import type { PodUsage } from "../runtimes/runtime.ts";
import { treeBytes } from "../tree-bytes.ts";
import type { LocalStorage } from "./local-storage.ts";

export async function measureStorage(directories: PodDirectories, pod: Pod, usage: PodUsage | undefined): Promise<LocalStorage> {
  const { name = "", namespace = "" } = pod.metadata;
  const uid = podUid(pod);
  const containers = new Map<string, number>();
  for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    const layer = usage?.containers.find((each) => each.name === container.name)?.layerBytes ?? 0;
    containers.set(container.name, layer + (await treeBytes(join(directories.logs({ namespace, name, uid }), container.name))));
  }
  const emptyDirs = new Map<string, number>();
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.emptyDir === undefined) continue;
    const bytes = await treeBytes(directories.volume(uid, volume.name));
    // what lies in memory is limited by its mount and is not the disk's
    if (volume.emptyDir.medium === undefined || volume.emptyDir.medium === "") emptyDirs.set(volume.name, bytes);
  }
  return { containers, emptyDirs, volumes: [...emptyDirs.values()].reduce((sum, bytes) => sum + bytes, 0) };
}
