/** What is left of the device's resources, measured. */
import type { Runtime } from "../runtimes/runtime.ts";
import { diskUsage, type MachineUsage } from "../stats/machine-usage.ts";
import type { Observations } from "./pressure.ts";

/** `directory`: of the images and writable layers; undefined: they have no disk of their own, or nobody knows yet */
export async function observations(machine: MachineUsage, directory: string | undefined): Promise<Observations> {
  const { disk, memoryTotal, workingSet = 0, maxProcesses, processes } = machine;
  const images = directory === undefined ? undefined : await diskUsage(directory).catch(() => undefined);
  return {
    "memory.available": { available: memoryTotal - workingSet, capacity: memoryTotal },
    "nodefs.available": { available: disk.availableBytes, capacity: disk.capacityBytes },
    // some file systems (btrfs) count no inodes
    ...(disk.inodes === 0 ? {} : { "nodefs.inodesFree": { available: disk.inodesFree, capacity: disk.inodes } }),
    ...(images === undefined ? {} : { "imagefs.available": { available: images.availableBytes, capacity: images.capacityBytes } }),
    ...(images === undefined || images.inodes === 0 ? {} : { "imagefs.inodesFree": { available: images.inodesFree, capacity: images.inodes } }),
    "pid.available": { available: maxProcesses - processes, capacity: maxProcesses },
  };
}

/** Asked until it is answered: it does not change while the runtime has its configuration. */
export function imageDirectory(runtimes: readonly Runtime[]): () => Promise<string | undefined> {
  let known: string | undefined;
  return async () => {
    for (const runtime of runtimes) known ??= (await runtime.imageSpace?.().catch(() => undefined))?.directory;
    return known;
  };
}
