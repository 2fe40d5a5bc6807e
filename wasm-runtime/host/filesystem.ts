/**
 * wasi:filesystem 0.2 over the volumes of the pod. A guest names everything relative to a directory it was given; `walk.ts`
 * keeps it there. Only regular files and directories are opened: a device or a pipe inside a volume is nobody's grant.
 */
import {
  closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, futimesSync, linkSync, lstatSync, lutimesSync, mkdirSync,
  opendirSync, openSync, readlinkSync, readSync, renameSync, rmdirSync, symlinkSync, unlinkSync, writeSync,
} from "node:fs";
import type { BigIntStats, Dir, Dirent } from "node:fs";
import { Failure, InputStream, IoError, MAX_READ_BYTES, OutputStream, streamFailed } from "./io.ts";
import type { Preopen } from "./spec.ts";
import { at, procPath, WalkError } from "./walk.ts";
import type { Place } from "./walk.ts";

/** Descriptors and directory streams of one guest together; the process itself may have 1024 on small systems. */
const MAX_OPEN = 512;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

type Flags = Readonly<Record<string, boolean | undefined>>;
type Timestamp = { readonly tag: "no-change" } | { readonly tag: "now" } | { readonly tag: "timestamp"; readonly val: { readonly seconds: bigint; readonly nanoseconds: number } };

const codes: Readonly<Record<string, string>> = {
  EACCES: "access", EAGAIN: "would-block", EBADF: "bad-descriptor", EBUSY: "busy", EDQUOT: "quota", EEXIST: "exist", EFBIG: "file-too-large",
  EINVAL: "invalid", EIO: "io", EISDIR: "is-directory", ELOOP: "loop", EMLINK: "too-many-links", ENAMETOOLONG: "name-too-long",
  ENOENT: "no-entry", ENOMEM: "insufficient-memory", ENOSPC: "insufficient-space", ENOTDIR: "not-directory", ENOTEMPTY: "not-empty",
  EPERM: "not-permitted", EROFS: "read-only", ETXTBSY: "text-file-busy", EXDEV: "cross-device", ERR_ACCESS_DENIED: "not-permitted",
};

const fileErrors: ReadonlySet<string> = new Set(Object.values(codes));

function codeOf(error: unknown): string {
  if (error instanceof WalkError) return error.reason;
  return codes[String((error as { code?: unknown }).code)] ?? "io";
}

/** Runs a call of node:fs; what it throws becomes the guest's error code. */
function tried<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(codeOf(error));
  }
}

function streamed<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw streamFailed(new IoError(codeOf(error), codeOf(error)));
  }
}

/** What one guest has open: closed when its instance is gone, since nobody else does. */
type Opened = Set<{ close(): void }>;

function claim(opened: Opened, one: { close(): void }): void {
  if (opened.size >= MAX_OPEN) throw new Failure("insufficient-memory");
  opened.add(one);
}

const typeOf = (of: BigIntStats | Dirent) =>
  of.isFile() ? "regular-file" : of.isDirectory() ? "directory" : of.isSymbolicLink() ? "symbolic-link" : of.isFIFO() ? "fifo" : of.isSocket() ? "socket" : of.isBlockDevice() ? "block-device" : of.isCharacterDevice() ? "character-device" : "unknown";

const datetime = (ns: bigint) => ({ seconds: ns < 0n ? 0n : ns / 1_000_000_000n, nanoseconds: ns < 0n ? 0 : Number(ns % 1_000_000_000n) });

const statOf = (of: BigIntStats) => ({
  type: typeOf(of),
  linkCount: of.nlink,
  size: of.size,
  dataAccessTimestamp: datetime(of.atimeNs),
  dataModificationTimestamp: datetime(of.mtimeNs),
  statusChangeTimestamp: datetime(of.ctimeNs),
});

/** The finishing step of SplitMix64. */
const mix = (value: bigint) => BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);

/** For comparing only: equal for one state of one file. */
function hashOf(of: BigIntStats) {
  const identity = mix(of.dev) ^ mix(of.ino);
  return { lower: mix(identity), upper: mix(identity ^ (of.ctimeNs * 0x94d049bb133111ebn)) };
}

const seconds = (given: Timestamp, unchanged: bigint) =>
  given.tag === "now" ? Date.now() / 1000 : given.tag === "no-change" ? Number(unchanged) / 1e9 : Number(given.val.seconds) + given.val.nanoseconds / 1e9;

/** Positions are doubles in node:fs. */
function position(offset: bigint): number {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new Failure("invalid");
  return Number(offset);
}

export class DirectoryEntryStream {
  #directory: Dir | undefined;
  #opened: Opened = new Set();

  static of(directory: Dir, opened: Opened): DirectoryEntryStream {
    const stream = new DirectoryEntryStream();
    claim(opened, stream);
    stream.#opened = opened;
    stream.#directory = directory;
    return stream;
  }

  readDirectoryEntry() {
    const entry = tried(() => this.#directory?.readSync());
    return entry ? { type: typeOf(entry), name: entry.name } : undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    this.#opened.delete(this);
    if (this.#directory === undefined) return;
    this.#directory.closeSync();
    this.#directory = undefined;
  }
}

interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  /** of directories: entries may be made, renamed and removed */
  readonly mutate: boolean;
}

/** Another descriptor of a directory that is open. */
function again(directory: number, rights: Rights, opened: Opened): Descriptor {
  const fd = openSync(procPath(directory), O_DIRECTORY | O_RDONLY);
  try {
    return Descriptor.of(fd, true, rights, opened);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export class Descriptor {
  #fd = -1;
  #directory = false;
  #rights: Rights = { read: false, write: false, mutate: false };
  #opened: Opened = new Set();
  /** streams of it, which live on when the guest drops it */
  #streams = 0;
  #dropped = false;

  static of(fd: number, directory: boolean, rights: Rights, opened: Opened): Descriptor {
    const descriptor = new Descriptor();
    claim(opened, descriptor);
    descriptor.#opened = opened;
    descriptor.#fd = fd;
    descriptor.#directory = directory;
    descriptor.#rights = rights;
    return descriptor;
  }

  [Symbol.dispose](): void {
    this.#dropped = true;
    if (this.#streams === 0) this.close();
  }

  close(): void {
    this.#opened.delete(this);
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Keeps it open for a stream. @returns how the stream lets go */
  held(): () => void {
    let holds = true;
    this.#streams++;
    return () => {
      if (!holds) return;
      holds = false;
      if (--this.#streams === 0 && this.#dropped) this.close();
    };
  }

  readViaStream(offset: bigint): InputStream {
    this.#file("read");
    let next = position(offset);
    return InputStream.from((limit) => {
      const bytes = Buffer.allocUnsafe(limit);
      const count = streamed(() => readSync(this.#fd, bytes, 0, limit, next));
      next += count;
      return count === 0 && limit > 0 ? undefined : bytes.subarray(0, count);
    }, undefined, this.held());
  }

  writeViaStream(offset: bigint): OutputStream {
    this.#file("write");
    let next = position(offset);
    return OutputStream.from({ write: (bytes) => void (next += streamed(() => writeAll(this.#fd, bytes, next))), close: this.held() });
  }

  appendViaStream(): OutputStream {
    this.#file("write");
    return OutputStream.from({ write: (bytes) => void streamed(() => writeAll(this.#fd, bytes, fstatSync(this.#fd).size)), close: this.held() });
  }

  advise(): void {}

  syncData(): void {
    tried(() => fdatasyncSync(this.#fd));
  }

  sync(): void {
    tried(() => fsyncSync(this.#fd));
  }

  getFlags() {
    return { read: this.#rights.read, write: this.#rights.write, mutateDirectory: this.#rights.mutate };
  }

  getType() {
    return this.#directory ? "directory" : "regular-file";
  }

  setSize(size: bigint): void {
    this.#file("write");
    tried(() => ftruncateSync(this.#fd, position(size)));
  }

  setTimes(access: Timestamp, modification: Timestamp): void {
    if (!this.#rights.write && !this.#rights.mutate) throw new Failure("read-only");
    tried(() => {
      const now = fstatSync(this.#fd, { bigint: true });
      futimesSync(this.#fd, seconds(access, now.atimeNs), seconds(modification, now.mtimeNs));
    });
  }

  read(length: bigint, offset: bigint): [Uint8Array, boolean] {
    this.#file("read");
    const limit = length > BigInt(MAX_READ_BYTES) ? MAX_READ_BYTES : Number(length);
    const bytes = Buffer.allocUnsafe(limit);
    const count = tried(() => readSync(this.#fd, bytes, 0, limit, position(offset)));
    return [bytes.subarray(0, count), count === 0 && limit > 0];
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    this.#file("write");
    return BigInt(tried(() => writeAll(this.#fd, bytes, position(offset))));
  }

  readDirectory(): DirectoryEntryStream {
    if (!this.#directory) throw new Failure("not-directory");
    const directory = tried(() => opendirSync(procPath(this.#fd)));
    try {
      return DirectoryEntryStream.of(directory, this.#opened);
    } catch (error) {
      directory.closeSync();
      throw error;
    }
  }

  stat() {
    return tried(() => statOf(fstatSync(this.#fd, { bigint: true })));
  }

  statAt(flags: Flags, path: string) {
    return this.#at(path, flags["symlinkFollow"] === true, (place) => statOf(lstatSync(place.path, { bigint: true })));
  }

  setTimesAt(flags: Flags, path: string, access: Timestamp, modification: Timestamp): void {
    this.#mutable();
    this.#at(path, flags["symlinkFollow"] === true, (place) => {
      const now = lstatSync(place.path, { bigint: true });
      lutimesSync(place.path, seconds(access, now.atimeNs), seconds(modification, now.mtimeNs));
    });
  }

  createDirectoryAt(path: string): void {
    this.#mutable();
    this.#entry(path, (place) => mkdirSync(place.path, 0o755));
  }

  removeDirectoryAt(path: string): void {
    this.#mutable();
    this.#entry(path, (place) => rmdirSync(place.path));
  }

  unlinkFileAt(path: string): void {
    this.#mutable();
    this.#entry(path, (place) => {
      if (place.mustBeDirectory) throw new Failure("not-directory");
      if (lstatSync(place.path).isDirectory()) throw new Failure("is-directory");
      unlinkSync(place.path);
    });
  }

  renameAt(path: string, into: Descriptor, newPath: string): void {
    this.#mutable();
    into.#mutable();
    this.#entry(path, (from) => into.#entry(newPath, (to) => renameSync(from.path, to.path)));
  }

  linkAt(flags: Flags, path: string, into: Descriptor, newPath: string): void {
    this.#mutable();
    into.#mutable();
    if (flags["symlinkFollow"] === true) throw new Failure("invalid");
    this.#entry(path, (from) => into.#entry(newPath, (to) => linkSync(from.path, to.path)));
  }

  symlinkAt(target: string, path: string): void {
    this.#mutable();
    // an absolute target means something else on the host than in the guest
    if (target.startsWith("/")) throw new Failure("not-permitted");
    this.#entry(path, (place) => symlinkSync(target, place.path));
  }

  readlinkAt(path: string): string {
    const target = this.#entry(path, (place) => readlinkSync(place.path));
    if (target.startsWith("/")) throw new Failure("not-permitted");
    return target;
  }

  openAt(pathFlags: Flags, path: string, openFlags: Flags, flags: Flags): Descriptor {
    const create = openFlags["create"] === true;
    const truncate = openFlags["truncate"] === true;
    const write = flags["write"] === true;
    if ((create || truncate || write || flags["mutateDirectory"] === true) && !this.#rights.mutate) throw new Failure("read-only");
    return this.#at(path, pathFlags["symlinkFollow"] === true, (place) => {
      const directory = openFlags["directory"] === true || place.mustBeDirectory;
      const bits =
        (write ? (flags["read"] === true ? O_RDWR : O_WRONLY) : truncate ? O_RDWR : O_RDONLY) |
        (create ? O_CREAT : 0) | (openFlags["exclusive"] === true ? O_EXCL : 0) | (truncate ? O_TRUNC : 0) | (directory ? O_DIRECTORY : 0);
      // O_NONBLOCK: opening a pipe must not wait for its other end
      const fd = openSync(place.path, bits | O_NOFOLLOW | O_NONBLOCK, 0o644);
      try {
        const found = fstatSync(fd);
        if (!found.isFile() && !found.isDirectory()) throw new Failure("not-permitted");
        const mutate = found.isDirectory() && this.#rights.mutate;
        return Descriptor.of(fd, found.isDirectory(), { read: flags["read"] === true || !write, write, mutate }, this.#opened);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    });
  }

  isSameObject(other: Descriptor): boolean {
    const [a, b] = [fstatSync(this.#fd, { bigint: true }), fstatSync(other.#fd, { bigint: true })];
    return a.dev === b.dev && a.ino === b.ino;
  }

  metadataHash() {
    return tried(() => hashOf(fstatSync(this.#fd, { bigint: true })));
  }

  metadataHashAt(flags: Flags, path: string) {
    return this.#at(path, flags["symlinkFollow"] === true, (place) => hashOf(lstatSync(place.path, { bigint: true })));
  }

  #file(right: "read" | "write"): void {
    if (this.#directory) throw new Failure("is-directory");
    if (!this.#rights[right]) throw new Failure("bad-descriptor");
  }

  #mutable(): void {
    if (!this.#directory) throw new Failure("not-directory");
    if (!this.#rights.mutate) throw new Failure("read-only");
  }

  #at<T>(path: string, follow: boolean, use: (place: Place) => T): T {
    if (!this.#directory) throw new Failure("not-directory");
    return tried(() => at(this.#fd, path, follow, use));
  }

  /** The path names an entry of a directory, not the directory that was given. */
  #entry<T>(path: string, use: (place: Place) => T): T {
    return this.#at(path.replace(/\/+$/, ""), false, (place) => {
      if (place.name === undefined) throw new Failure("invalid");
      return use({ ...place, mustBeDirectory: path.endsWith("/") });
    });
  }
}

function writeAll(fd: number, bytes: Uint8Array, start: number): number {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, start + done);
  return done;
}

/** @throws Error of node:fs when a volume is missing */
export function filesystem(grants: readonly Preopen[]) {
  const opened: Opened = new Set();
  const roots = grants.map(({ hostPath, guestPath, readOnly }) => {
    const fd = openSync(hostPath, O_DIRECTORY | O_RDONLY);
    return { fd, guestPath, rights: { read: true, write: false, mutate: !readOnly } };
  });
  return {
    /** closes what the guest has left open */
    reset() {
      for (const one of opened) one.close();
    },
    /** the guest is gone */
    close() {
      for (const { fd } of roots) closeSync(fd);
      roots.length = 0;
    },
    preopens: {
      Descriptor,
      // a fresh descriptor per call: the guest may drop what it gets
      getDirectories: () => roots.map(({ fd, guestPath, rights }) => [again(fd, rights, opened), guestPath] as const),
    },
    types: {
      Descriptor,
      DirectoryEntryStream,
      // an error of the network has no such code
      filesystemErrorCode: (error: IoError) => (error.code !== undefined && fileErrors.has(error.code) ? error.code : undefined),
    },
  };
}
