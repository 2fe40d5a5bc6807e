/**
 * Opens what lies below a directory that a container can write to. A path is resolved first and then walked again one
 * name at a time without following links, each step relative to the descriptor of the one before: whatever a container
 * swaps meanwhile, the result is inside or an error. (Node has no openat(2); /proc/self/fd/N/name does the same, proc(5).)
 */
import { constants } from "node:fs";
import { chmod, mkdir, open, realpath, type FileHandle } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** open(2): a place in the tree, not its content; Node does not name it. */
const O_PATH = 0o10000000;
const STEP = O_PATH | constants.O_NOFOLLOW;

/** `create`: mode of directories that are missing; without it they are an error (ENOENT). @throws Error when it leaves `root` */
export async function openBeneath(root: string, below: string, create?: number): Promise<FileHandle> {
  const base = await realpath(root);
  const { existing, missing } = await resolve(base, below);
  if (existing !== base && !existing.startsWith(`${base}/`)) throw new Error(`"${below}" leaves the volume`);
  const present = relative(base, existing).split("/").filter((name) => name !== "");
  let current = await open(base, O_PATH | constants.O_DIRECTORY);
  const step = async (name: string, made: boolean) => {
    const next = await open(`${placeOf(current)}/${name}`, STEP);
    await current.close();
    current = next;
    if ((await current.stat()).isSymbolicLink()) throw new Error(`"${below}" leads through a link that has just been made`);
    // after making it, so that the process umask does not matter
    if (made && create !== undefined) await chmod(placeOf(current), create);
  };
  try {
    for (const name of present) await step(name, false);
    for (const name of missing) {
      if (create === undefined) throw Object.assign(new Error(`"${below}" does not exist`), { code: "ENOENT" });
      await mkdir(`${placeOf(current)}/${name}`, { mode: create });
      await step(name, true);
    }
    return current;
  } catch (error) {
    await current.close();
    throw error;
  }
}

/** A path to the opened place itself that other processes can use as long as it is open. */
export function placeOf({ fd }: FileHandle): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

/** Content of a small regular file below `root`; undefined when there is none. @throws Error when it leaves `root` */
export async function readBeneath(root: string, below: string, limit: number): Promise<string | undefined> {
  let place: FileHandle;
  try {
    place = await openBeneath(root, below);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  try {
    const stats = await place.stat();
    if (!stats.isFile()) throw new Error(`"${below}" is no regular file`);
    if (stats.size > limit) throw new Error(`"${below}" is larger than ${limit} bytes`);
    const file = await open(placeOf(place), constants.O_RDONLY);
    try {
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } finally {
    await place.close();
  }
}

/** The part of the path that is there, with its links followed, and the names that are not. */
async function resolve(base: string, below: string): Promise<{ readonly existing: string; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  let path = join(base, below);
  for (;;) {
    try {
      return { existing: await realpath(path), missing };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || path === base) throw error;
      missing.unshift(path.slice(dirname(path).length + 1));
      path = dirname(path);
    }
  }
}
