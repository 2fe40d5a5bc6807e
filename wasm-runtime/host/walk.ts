/**
 * Paths inside a preopened directory, without a race. Node has no `openat`; `/proc/self/fd/<directory>/<name>` is one. Each
 * component is opened from its parent's descriptor with O_NOFOLLOW, symbolic links are read and walked here, and `..` goes
 * back to a descriptor that was passed on the way in. Whatever others rename meanwhile, no step can lead above the root.
 */
import { closeSync, constants, lstatSync, openSync, readlinkSync } from "node:fs";

/** As the kernel counts (path_resolution(7)). */
const MAX_LINKS = 40;
/** PATH_MAX */
const MAX_PATH_BYTES = 4096;
/** Deeper trees are refused: each level holds a descriptor during the walk. */
const MAX_DEPTH = 128;
/** O_PATH: no permission to read needed, nothing is opened. Not in node:fs; asm-generic/fcntl.h */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

export type WalkCode = "not-permitted" | "loop" | "name-too-long" | "illegal-byte-sequence" | "no-entry";

/** The path breaks a rule of the walk; what the kernel refuses comes as its own errors. */
export class WalkError extends Error {
  readonly reason: WalkCode;

  constructor(reason: WalkCode) {
    super(reason);
    this.reason = reason;
  }
}

/** The last component, reached but not followed. */
export interface Place {
  /** descriptor of the directory it is in: valid while `use` runs */
  readonly directory: number;
  /** never "", ".", ".." and without "/"; undefined: the directory itself */
  readonly name: string | undefined;
  /** a trailing slash was written: it must be a directory */
  readonly mustBeDirectory: boolean;
  /** what to give node:fs, with O_NOFOLLOW or its like */
  readonly path: string;
}

export const procPath = (directory: number, name?: string) =>
  name === undefined ? `/proc/self/fd/${directory}/.` : `/proc/self/fd/${directory}/${name}`;

/** @throws WalkError, or the error of node:fs */
export function at<T>(root: number, path: string, follow: boolean, use: (place: Place) => T): T {
  check(path);
  const opened: number[] = [];
  const current = () => opened.at(-1) ?? root;
  try {
    const rest = parts(path);
    let mustBeDirectory = path.endsWith("/");
    let links = 0;
    const enter = (target: string) => {
      if (++links > MAX_LINKS) throw new WalkError("loop");
      check(target);
      rest.unshift(...parts(target));
    };
    for (;;) {
      const name = rest.shift();
      if (name === undefined) return use({ directory: current(), name: undefined, mustBeDirectory: true, path: procPath(current()) });
      if (name === "..") {
        const left = opened.pop();
        if (left === undefined) throw new WalkError("not-permitted");
        closeSync(left);
        continue;
      }
      const last = rest.length === 0;
      const link = !last || follow || mustBeDirectory ? linkTarget(current(), name) : undefined;
      if (link !== undefined) {
        if (last && link.endsWith("/")) mustBeDirectory = true;
        enter(link);
      } else if (last) return use({ directory: current(), name, mustBeDirectory, path: procPath(current(), name) });
      else {
        if (opened.length >= MAX_DEPTH) throw new WalkError("name-too-long");
        opened.push(openSync(procPath(current(), name), O_PATH | O_DIRECTORY | O_NOFOLLOW));
      }
    }
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function check(path: string): void {
  if (path === "") throw new WalkError("no-entry");
  if (path.startsWith("/")) throw new WalkError("not-permitted");
  if (path.includes("\0")) throw new WalkError("illegal-byte-sequence");
  if (Buffer.byteLength(path) >= MAX_PATH_BYTES) throw new WalkError("name-too-long");
}

const parts = (path: string) => path.split("/").filter((name) => name !== "" && name !== ".");

function linkTarget(directory: number, name: string): string | undefined {
  const path = procPath(directory, name);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  return readlinkSync(path);
}
