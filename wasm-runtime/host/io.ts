/**
 * wasi:io 0.2 for a guest that runs synchronously on the host's only thread. Two facts carry the design: everything a guest
 * may wait for is either ready or a moment in time (request bodies arrive before the guest is called), and a guest's word
 * about lengths is never believed.
 */

/** What one read hands to the guest at most; streams may always give less than was asked. */
export const MAX_READ_BYTES = 1 << 20;
/** What one write may carry (check-write); wasi-libc writes at most 4096, others split at this permit. */
export const MAX_WRITE_BYTES = 1 << 20;
/** A guest that polls more than this at once has lost count. */
const MAX_POLLABLES = 4096;

/** A `result` error of WIT: jco hands `payload` to the guest. Not an Error: it happens in normal use, without a stack. */
export class Failure<T> {
  readonly payload: T;

  constructor(payload: T) {
    this.payload = payload;
  }
}

export class IoError {
  readonly #text: string;
  /** what it was in the file system or in HTTP, for the functions that ask */
  readonly code: string | undefined;

  constructor(text: string, code?: string) {
    this.#text = text;
    this.code = code;
  }

  toDebugString(): string {
    return this.#text;
  }
}

type StreamError = { readonly tag: "closed" } | { readonly tag: "last-operation-failed"; readonly val: IoError };

const closed = new Failure<StreamError>({ tag: "closed" });
export const streamClosed = (): Failure<StreamError> => closed;
export const streamFailed = (error: IoError) => new Failure<StreamError>({ tag: "last-operation-failed", val: error });

/** Ready at a moment of the monotonic clock (nanoseconds); 0n: at once. */
export class Pollable {
  readonly due: bigint;

  constructor(due = 0n) {
    this.due = due;
  }

  ready(): boolean {
    return this.due <= process.hrtime.bigint();
  }

  block(): void {
    sleepUntil(this.due);
  }
}

let sleeper: Int32Array<SharedArrayBuffer> | undefined;
/** Atomics.wait takes milliseconds as a double; a day at a time keeps it exact and costs nothing. */
const MAX_SLEEP_MS = 86_400_000;

export function sleepUntil(due: bigint): void {
  for (;;) {
    const left = due - process.hrtime.bigint();
    if (left <= 0n) return;
    const ms = Number(left) / 1e6;
    sleeper ??= new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(sleeper, 0, 0, Math.min(ms, MAX_SLEEP_MS));
  }
}

/** wasi:io/poll#poll */
export function poll(list: readonly Pollable[]): Uint32Array {
  if (list.length === 0) throw new Error("poll of an empty list");
  if (list.length > MAX_POLLABLES) throw new Error(`poll of ${list.length} pollables, at most ${MAX_POLLABLES} are allowed`);
  let first = list[0]?.due ?? 0n;
  for (const { due } of list) if (due < first) first = due;
  sleepUntil(first);
  const now = process.hrtime.bigint();
  const ready: number[] = [];
  for (const [index, { due }] of list.entries()) if (due <= now) ready.push(index);
  return Uint32Array.from(ready);
}

/** Where an input stream gets its bytes; undefined: at the end. Never waits. */
export type Source = (limit: number) => Uint8Array | undefined;

const endOfInput: Source = () => undefined;
const lengthOf = (asked: bigint) => (asked > BigInt(MAX_READ_BYTES) ? MAX_READ_BYTES : Number(asked));

export class InputStream {
  #source: Source = endOfInput;

  static from(source: Source): InputStream {
    const stream = new InputStream();
    stream.#source = source;
    return stream;
  }

  read(length: bigint): Uint8Array {
    const bytes = this.#source(lengthOf(length));
    if (bytes === undefined) throw closed;
    return bytes;
  }

  blockingRead(length: bigint): Uint8Array {
    return this.read(length);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint {
    return this.skip(length);
  }

  subscribe(): Pollable {
    return new Pollable();
  }
}

/** Where an output stream puts its bytes. Takes all of them, or throws `streamFailed` / `streamClosed`. */
export interface Sink {
  write(bytes: Uint8Array): void;
  flush?(): void;
}

const nowhere: Sink = {
  write() {
    throw closed;
  },
};

export class OutputStream {
  #sink: Sink = nowhere;

  static from(sink: Sink): OutputStream {
    const stream = new OutputStream();
    stream.#sink = sink;
    return stream;
  }

  checkWrite(): bigint {
    return BigInt(MAX_WRITE_BYTES);
  }

  /** `bytes` is a view of guest memory: a sink that keeps it copies it */
  write(bytes: Uint8Array): void {
    if (bytes.length > MAX_WRITE_BYTES) throw new Error(`write of ${bytes.length} bytes without a permit`);
    this.#sink.write(bytes);
  }

  blockingWriteAndFlush(bytes: Uint8Array): void {
    this.#sink.write(bytes);
    this.#sink.flush?.();
  }

  flush(): void {
    this.#sink.flush?.();
  }

  blockingFlush(): void {
    this.#sink.flush?.();
  }

  writeZeroes(length: bigint): void {
    this.write(new Uint8Array(lengthOf(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): void {
    this.writeZeroes(length);
    this.flush();
  }

  splice(from: InputStream, length: bigint): bigint {
    const bytes = from.read(length);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  blockingSplice(from: InputStream, length: bigint): bigint {
    return this.splice(from, length);
  }

  subscribe(): Pollable {
    return new Pollable();
  }
}
