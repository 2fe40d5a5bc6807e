/** hostPath: a path of the device itself, checked or made as its type says (Kubernetes documentation, "hostPath"). */
import { mkdir, open, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import type { HostPathVolumeSource } from "../../core/api/types.gen.ts";

const CHECKS: { readonly [type: string]: { readonly holds: (stats: Stats) => boolean; readonly text: string } } = {
  Directory: { holds: (stats) => stats.isDirectory(), text: "is not a directory" },
  File: { holds: (stats) => stats.isFile(), text: "is not a file" },
  Socket: { holds: (stats) => stats.isSocket(), text: "is not a socket" },
  CharDevice: { holds: (stats) => stats.isCharacterDevice(), text: "is not a character device" },
  BlockDevice: { holds: (stats) => stats.isBlockDevice(), text: "is not a block device" },
};

/** @throws Error "hostPath type check failed: …" */
export async function hostPath({ path, type = "" }: HostPathVolumeSource): Promise<string> {
  if (type === "DirectoryOrCreate") await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === "FileOrCreate") await (await open(path, "a", 0o644)).close();
  const check = CHECKS[type.replace("OrCreate", "")];
  if (check === undefined) {
    // no check asked for: containers get an empty directory when nothing is there
    if ((await stat(path).catch(() => undefined)) === undefined) await mkdir(path, { recursive: true, mode: 0o755 });
    return path;
  }
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined || !check.holds(stats)) throw new Error(`hostPath type check failed: ${path} ${check.text}`);
  return path;
}
