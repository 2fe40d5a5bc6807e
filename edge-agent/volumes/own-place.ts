import type { Volume } from "../../core/api/types.gen.ts";
import type { PodDirectories } from "../pod-directories.ts";

/** Where the agent keeps what it makes of a volume of its own: what may be secret only in memory. */
export function ownPlace(directories: PodDirectories, uid: string, volume: Volume): string {
  return isInMemory(volume) ? directories.memoryVolume(uid, volume.name) : directories.volume(uid, volume.name);
}

export function isInMemory({ secret, downwardAPI, projected }: Volume): boolean {
  return secret !== undefined || downwardAPI !== undefined || projected !== undefined;
}
