/**
 * Ways out of a preopened directory, as data: where a path may lead (spellings) × what may be done there (deeds). It runs on
 * any host that has wasi:filesystem as jco calls it, ours and others, and is judged by one rule: nothing outside changes and
 * nothing outside is told.
 */
import { createHash } from "node:crypto";
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Flags = Readonly<Record<string, boolean>>;

/** The part of wasi:filesystem/types#descriptor that is attacked. */
export interface Root {
  openAt(pathFlags: Flags, path: string, openFlags: Flags, flags: Flags): Root;
  read(length: bigint, offset: bigint): [Uint8Array, boolean];
  write(bytes: Uint8Array, offset: bigint): bigint;
  statAt(pathFlags: Flags, path: string): unknown;
  setTimesAt(pathFlags: Flags, path: string, access: unknown, modification: unknown): void;
  createDirectoryAt(path: string): void;
  removeDirectoryAt(path: string): void;
  unlinkFileAt(path: string): void;
  renameAt(path: string, into: Root, newPath: string): void;
  linkAt(pathFlags: Flags, path: string, into: Root, newPath: string): void;
  symlinkAt(target: string, path: string): void;
  readlinkAt(path: string): string;
  metadataHashAt(pathFlags: Flags, path: string): unknown;
}

export interface Ground {
  /** the directory that is given to the guest */
  readonly volume: string;
  /** puts everything back as it was */
  reset(): void;
  /** what is different outside; undefined: nothing */
  damage(): string | undefined;
}

export const SECRET = "outside: not for the guest";

/** base/volume is the guest's, base/outside is not. Links in the volume were made by somebody on the host. */
export function ground(base: string): Ground {
  const volume = join(base, "volume");
  const outside = join(base, "outside");
  const reset = () => {
    rmSync(volume, { recursive: true, force: true });
    rmSync(outside, { recursive: true, force: true });
    mkdirSync(join(outside, "empty"), { recursive: true });
    mkdirSync(join(volume, "a/b/c"), { recursive: true });
    writeFileSync(join(outside, "secret"), SECRET);
    // the same after each reset, so that a change is a change
    utimesSync(join(outside, "secret"), 1_000_000_000, 1_000_000_000);
    writeFileSync(join(volume, "own"), "the guest's own");
    writeFileSync(join(volume, "a/own"), "the guest's own");
    const links = { abs: outside, rel: "../outside", "a/up": "../..", "a/b/far": "../../../outside", chain: "rel", twice: "a/up/outside", proc: "/proc/self/root", fds: "/proc/self/fd", cwd: "/proc/self/cwd", self: ".", "file-abs": join(outside, "secret"), "file-rel": "../outside/secret", dev: "/dev" };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(volume, name));
  };
  reset();
  const state = () => treeOf(outside) + treeOf(base, ["volume"]);
  const before = state();
  return { volume, reset, damage: () => (state() === before ? undefined : "something outside was changed") };
}

/** names, kinds, contents, modes and times: a digest */
function treeOf(directory: string, except: readonly string[] = []): string {
  const hash = createHash("sha256");
  const visit = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (path === directory && except.includes(entry.name)) continue;
      const full = join(path, entry.name);
      const { mode, nlink } = lstatSync(full);
      hash.update(`${full} ${mode} ${entry.isDirectory() ? "" : nlink} ${entry.isFile() ? readFileSync(full, "latin1") + lstatSync(full).mtimeMs.toFixed(0) : ""}\n`);
      if (entry.isDirectory()) visit(full);
    }
  };
  visit(directory);
  return hash.digest("hex");
}

/** Paths that lead to the directory `outside` (without a slash at the end), if anything lets them. */
export function spellings(base: string): readonly string[] {
  const deep = "a/b/c";
  return [
    "../outside", "./../outside", ".//..//outside", "a/../../outside", "a/b/../../../outside", `${deep}/../../../../outside`, "self/../outside", "self/self/../outside",
    `${"../".repeat(100)}${base.slice(1)}/outside`, `${base}/outside`, `/${base}/outside`, "/../outside", `/proc/self/root${base}/outside`, `/proc/self/cwd${base}/outside`,
    "abs", "abs/.", "abs/", "abs//", "abs/../outside", "rel", "rel/", "rel/empty/..", "a/up/outside", "a/b/far", "a/b/../up/outside", "chain", "chain/.", "twice", "own/../../outside",
    `proc${base}/outside`, `cwd${base}/outside`, `fds/../root${base}/outside`, "a/./up/./outside", "a/up/volume/../outside", "rel/../outside", "abs/../volume/../outside",
    "..\0/../outside", "..%2foutside", "..\\outside", "…/outside", "a/..//../outside", "missing/../../outside", "..;/outside",
  ];
}

type Deed = (root: Root, path: string, count: number) => string | undefined;

const contains = (bytes: Uint8Array) => Buffer.from(bytes).includes(SECRET);
const told = (root: Root, path: string, follow: boolean) => {
  const file = root.openAt({ symlinkFollow: follow }, path, {}, { read: true });
  return contains(file.read(1000n, 0n)[0]) ? `reads ${path}` : undefined;
};

/** What a guest tries; the words say what got through. Damage is found by looking, so most deeds only act. */
export const deeds: Readonly<Record<string, Deed>> = {
  read: (root, path) => told(root, `${path}/secret`, true),
  "read without following": (root, path) => told(root, `${path}/secret`, false),
  "read from a directory": (root, path) => told(root.openAt({ symlinkFollow: true }, path, { directory: true }, { read: true }), "secret", true),
  stat: (root, path) => (root.statAt({ symlinkFollow: true }, `${path}/secret`), `tells about ${path}/secret`),
  hash: (root, path) => (root.metadataHashAt({ symlinkFollow: true }, `${path}/secret`), `tells about ${path}/secret`),
  write: (root, path) => void root.openAt({ symlinkFollow: true }, `${path}/secret`, {}, { read: true, write: true }).write(Buffer.from("changed"), 0n),
  truncate: (root, path) => void root.openAt({ symlinkFollow: true }, `${path}/secret`, { truncate: true }, { write: true }),
  create: (root, path) => void root.openAt({ symlinkFollow: true }, `${path}/new`, { create: true }, { write: true }),
  "create exclusively": (root, path) => void root.openAt({}, `${path}/new`, { create: true, exclusive: true }, { write: true }),
  mkdir: (root, path) => root.createDirectoryAt(`${path}/new`) as undefined,
  rmdir: (root, path) => root.removeDirectoryAt(`${path}/empty`) as undefined,
  unlink: (root, path) => root.unlinkFileAt(`${path}/secret`) as undefined,
  "rename in": (root, path, count) => {
    root.renameAt(`${path}/secret`, root, `stolen-${count}`);
    return told(root, `stolen-${count}`, false);
  },
  "rename out": (root, path) => root.renameAt("own", root, `${path}/planted`) as undefined,
  "rename over": (root, path) => root.renameAt("a/own", root, `${path}/secret`) as undefined,
  "link in": (root, path, count) => {
    root.linkAt({}, `${path}/secret`, root, `linked-${count}`);
    return told(root, `linked-${count}`, false);
  },
  "link out": (root, path) => root.linkAt({}, "own", root, `${path}/planted`) as undefined,
  "link through a link": (root, _path, count) => {
    root.linkAt({ symlinkFollow: true }, "file-rel", root, `followed-${count}`);
    return told(root, `followed-${count}`, false);
  },
  times: (root, path) => root.setTimesAt({ symlinkFollow: true }, `${path}/secret`, { tag: "timestamp", val: { seconds: 1n, nanoseconds: 0 } }, { tag: "timestamp", val: { seconds: 1n, nanoseconds: 0 } }) as undefined,
  "symlink out": (root, path) => root.symlinkAt("x", `${path}/link`) as undefined,
  "own symlink, then read": (root, path, count) => {
    root.symlinkAt(path, `made-${count}`);
    return told(root, `made-${count}/secret`, true);
  },
  "own symlink, then create": (root, path, count) => {
    root.symlinkAt(`${path}/new`, `made-${count}`);
    root.openAt({ symlinkFollow: true }, `made-${count}`, { create: true }, { write: true });
    return undefined;
  },
  "own symlink deep, then read": (root, path, count) => {
    root.symlinkAt(`../../${path}`, `a/b/made-${count}`);
    return told(root, `a/b/made-${count}/secret`, true);
  },
  "moved symlink, then read": (root, path, count) => {
    root.symlinkAt(path, `a/made-${count}`);
    root.renameAt(`a/made-${count}`, root, `moved-${count}`);
    return told(root, `moved-${count}/secret`, true);
  },
  "moved directory, then read": (root, path, count) => {
    root.createDirectoryAt(`a/b/dir-${count}`);
    const inside = root.openAt({}, `a/b/dir-${count}`, { directory: true }, { read: true, mutateDirectory: true });
    root.renameAt(`a/b/dir-${count}`, root, `dir-${count}`);
    return told(inside, `../../${path}/secret`, true);
  },
  readlink: (root, path) => (root.readlinkAt(`${path}/secret`), "reads a link outside"),
  "read a file link": (root) => told(root, "file-abs", true) ?? told(root, "file-rel", true),
};

export interface Escape {
  readonly deed: string;
  readonly path: string;
  readonly what: string;
}

/** @param open gives the root of the guest's volume; called again after each reset */
export function escapes(base: string, open: (volume: string) => { readonly root: Root; close(): void }): { readonly tried: number; readonly found: readonly Escape[] } {
  const field = ground(base);
  const found: Escape[] = [];
  let tried = 0;
  for (const [deed, act] of Object.entries(deeds)) {
    for (const path of spellings(base)) {
      const { root, close } = open(field.volume);
      let what: string | undefined;
      try {
        what = act(root, path, tried++);
      } catch {
        // refused: as it must be
      } finally {
        close();
      }
      what ??= field.damage();
      if (what === undefined) continue;
      found.push({ deed, path, what });
      field.reset();
    }
  }
  return { tried, found };
}

/** A hard link that the host made is a file of the volume, whoever else has it: told here so that nobody takes it for a hole. */
export const hostHardLink = (volume: string, target: string) => linkSync(target, join(volume, "shared"));
