/** What is left of the device's resources, measured. */
import type { Runtime } from "../runtimes/runtime.ts";
import { diskUsage, type MachineUsage } from "../stats/machine-usage.ts";
import type { Observations } from "./pressure.ts";

export async function observations(machine: MachineUsage, runtimes: readonly Runtime[]): Promise<Observations> {
  const { disk, memoryTotal, workingSet = 0, maxProcesses, processes } = machine;
  const images = await imageDisk(runtimes);
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

async function imageDisk(runtimes: readonly Runtime[]) {
  for (const runtime of runtimes) {
    const space = await runtime.imageSpace?.().catch(() => undefined);
    if (space !== undefined) return diskUsage(space.directory).catch(() => undefined);
  }
  return undefined;
}
