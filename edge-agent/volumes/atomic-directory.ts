/**
 * Replaces all files of a directory in one moment: content goes to a fresh directory, `..data` points to it, names in
 * the volume are links through `..data`, and one rename swaps the link. A reader sees the old set or the new one.
 * (The layout is the one kubelet's volumes have; programs that watch for `..data` rely on it.)
 */
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";

export interface VolumeFile {
  readonly data: Uint8Array;
  readonly mode: number;
  /** absent: root */
  readonly uid?: number | undefined;
}

/** Relative path → content. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** What a group that owns the files can do at least. */
const GROUP_READS = 0o440;
const GROUP_ENTERS = 0o2110;

/** Writes only when something differs; returns whether it did. `gid`: the group of all of it. @throws Error on paths that leave the directory */
export async function writeAtomically(directory: string, files: VolumeFiles, gid?: number): Promise<boolean> {
  for (const path of files.keys()) if (!isInside(path)) throw new Error(`"${path}" leaves the volume`);
  await mkdir(directory, { recursive: true, mode: 0o777 });
  const current = await readlink(join(directory, "..data")).catch(() => undefined);
  if (current !== undefined && (await holds(join(directory, current), files, gid))) return false;

  const fresh = await mkdtemp(join(directory, "..data_"));
  await chmod(fresh, 0o755);
  for (const [path, { data, uid = 0, mode }] of files) {
    const file = join(fresh, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, data);
    if (uid !== 0 || gid !== undefined) await chown(file, uid, gid ?? 0);
    // after writing, so that the process umask does not matter
    await chmod(file, modeOf(mode, gid));
  }
  if (gid !== undefined) for (const inside of new Set([...files.keys()].flatMap(directoriesOf))) await giveDirectory(join(fresh, inside), gid);
  const link = join(directory, "..data_tmp");
  await rm(link, { force: true });
  await symlink(fresh.slice(directory.length + 1), link);
  await rename(link, join(directory, "..data"));
  await linkNames(directory, files);
  if (current !== undefined) await rm(join(directory, current), { recursive: true, force: true });
  return true;
}

async function linkNames(directory: string, files: VolumeFiles): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] ?? path));
  for (const name of await readdir(directory)) if (!name.startsWith("..") && !wanted.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  for (const name of wanted) {
    await symlink(join("..data", name), join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

function modeOf(mode: number, gid: number | undefined): number {
  return gid === undefined ? mode : mode | GROUP_READS;
}

/** "a/b/c" → ".", "a", "a/b" */
function directoriesOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? ["."] : [...directoriesOf(parent), parent];
}

async function giveDirectory(directory: string, gid: number): Promise<void> {
  await chown(directory, 0, gid);
  await chmod(directory, 0o755 | GROUP_READS | GROUP_ENTERS);
}

async function holds(directory: string, files: VolumeFiles, gid: number | undefined): Promise<boolean> {
  const present = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = present.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name).slice(directory.length + 1));
  if (names.length !== files.size) return false;
  for (const name of names) {
    const wanted = files.get(name);
    const data = await readFile(join(directory, name));
    if (wanted === undefined || Buffer.compare(data, wanted.data) !== 0) return false;
    if (((await stat(join(directory, name))).mode & 0o7777) !== modeOf(wanted.mode, gid)) return false;
  }
  return true;
}

function isInside(path: string): boolean {
  const clean = normalize(path);
  return path !== "" && !clean.startsWith("/") && clean !== ".." && !clean.startsWith("../") && !path.split("/").includes("..");
}
