/**
 * wasi:filesystem 0.3 over that of 0.2: the same descriptors and the same walk, so that there is one place where a path can or
 * cannot leave a volume. Contents and directories are streams, errors a variant.
 */
import { chunksOf, CHUNK_BYTES, done, told } from "./async-streams.ts";
import type { GuestStream, Outcome } from "./async-streams.ts";
import type { Descriptor as Synchronous, filesystem } from "./filesystem.ts";
import { Failure } from "./io.ts";

interface FileError {
  readonly tag: string;
  readonly val?: string;
}

/** 0.3 has no such codes. */
const GONE = new Set(["would-block"]);

const errorOf = (error: unknown): FileError => {
  const code = error instanceof Failure && typeof error.payload === "string" ? error.payload : "io";
  return GONE.has(code) ? { tag: "other", val: code } : { tag: code };
};

/** What 0.2 throws, as 0.3 tells it. A trap stays a trap. */
function tried<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof Failure ? new Failure(errorOf(error)) : error;
  }
}

const typed = (type: string) => (type === "unknown" ? { tag: "other", val: undefined } : { tag: type });

type Parameters<K extends keyof Synchronous> = Synchronous[K] extends (...args: infer A) => unknown ? A : never;

export class Descriptor {
  #of: Synchronous | undefined;

  static of(descriptor: Synchronous): Descriptor {
    const made = new Descriptor();
    made.#of = descriptor;
    return made;
  }

  get #it(): Synchronous {
    if (this.#of === undefined) throw new Error("a descriptor that was never opened");
    return this.#of;
  }

  [Symbol.dispose](): void {
    this.#of?.[Symbol.dispose]();
  }

  readViaStream(offset: bigint): [AsyncIterable<Uint8Array>, Promise<Outcome<FileError>>] {
    const it = this.#it;
    const release = it.held();
    function* chunks(): Generator<Uint8Array> {
      try {
        for (let at = offset; ; ) {
          const [bytes, end] = it.read(BigInt(CHUNK_BYTES), at);
          if (bytes.length > 0) yield bytes;
          if (end || bytes.length === 0) return;
          at += BigInt(bytes.length);
        }
      } finally {
        release();
      }
    }
    return told(chunks(), errorOf);
  }

  writeViaStream(data: GuestStream, offset: bigint): Promise<Outcome<FileError>> {
    let at = offset;
    return this.#written(data, (bytes) => void (at += this.#it.write(bytes, at)));
  }

  appendViaStream(data: GuestStream): Promise<Outcome<FileError>> {
    return this.#written(data, (bytes) => void this.#it.write(bytes, this.#it.stat().size));
  }

  readDirectory(): [AsyncIterable<object>, Promise<Outcome<FileError>>] {
    // opened now: the guest may drop the descriptor before it reads
    const stream = tried(() => this.#it.readDirectory());
    function* entries(): Generator<object> {
      try {
        for (let entry = stream.readDirectoryEntry(); entry !== undefined; entry = stream.readDirectoryEntry()) yield { type: typed(entry.type), name: entry.name };
      } finally {
        stream[Symbol.dispose]();
      }
    }
    return told(entries(), errorOf);
  }

  async advise(): Promise<void> {}

  async syncData() {
    return tried(() => this.#it.syncData());
  }

  async sync() {
    return tried(() => this.#it.sync());
  }

  async getFlags() {
    return tried(() => this.#it.getFlags());
  }

  async getType() {
    return typed(tried(() => this.#it.getType()));
  }

  async setSize(size: bigint) {
    return tried(() => this.#it.setSize(size));
  }

  async setTimes(...args: Parameters<"setTimes">) {
    return tried(() => this.#it.setTimes(...args));
  }

  async createDirectoryAt(path: string) {
    return tried(() => this.#it.createDirectoryAt(path));
  }

  async removeDirectoryAt(path: string) {
    return tried(() => this.#it.removeDirectoryAt(path));
  }

  async unlinkFileAt(path: string) {
    return tried(() => this.#it.unlinkFileAt(path));
  }

  async symlinkAt(target: string, path: string) {
    return tried(() => this.#it.symlinkAt(target, path));
  }

  async readlinkAt(path: string) {
    return tried(() => this.#it.readlinkAt(path));
  }

  async setTimesAt(...args: Parameters<"setTimesAt">) {
    return tried(() => this.#it.setTimesAt(...args));
  }

  async metadataHash() {
    return tried(() => this.#it.metadataHash());
  }

  async metadataHashAt(...args: Parameters<"metadataHashAt">) {
    return tried(() => this.#it.metadataHashAt(...args));
  }

  async openAt(...args: Parameters<"openAt">) {
    return tried(() => Descriptor.of(this.#it.openAt(...args)));
  }

  async isSameObject(other: Descriptor) {
    return this.#it.isSameObject(other.#it);
  }

  async renameAt(path: string, into: Descriptor, newPath: string) {
    return tried(() => this.#it.renameAt(path, into.#it, newPath));
  }

  async linkAt(flags: Parameters<"linkAt">[0], path: string, into: Descriptor, newPath: string) {
    return tried(() => this.#it.linkAt(flags, path, into.#it, newPath));
  }


  async stat() {
    const { type, ...rest } = tried(() => this.#it.stat());
    return { ...rest, type: typed(type) };
  }

  async statAt(...args: Parameters<"statAt">) {
    const { type, ...rest } = tried(() => this.#it.statAt(...args));
    return { ...rest, type: typed(type) };
  }

  async #written(data: GuestStream, write: (bytes: Uint8Array) => void): Promise<Outcome<FileError>> {
    const release = this.#it.held();
    try {
      for await (const bytes of chunksOf(data)) write(bytes);
      return done;
    } catch (error) {
      return { tag: "err", val: errorOf(error) };
    } finally {
      release();
    }
  }
}

export function asyncFilesystem({ preopens }: Pick<ReturnType<typeof filesystem>, "preopens">) {
  return {
    "p3:filesystem/preopens": { Descriptor, getDirectories: () => preopens.getDirectories().map(([descriptor, path]) => [Descriptor.of(descriptor), path] as const) },
    "p3:filesystem/types": { Descriptor },
  };
}
