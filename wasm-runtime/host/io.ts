/**
 * wasi:io 0.2 for a guest that runs synchronously. Two facts carry the design: whatever a guest may wait for is ready, a moment
 * in time, or word from the network (`waiting.ts`), and a guest's word about lengths is never believed.
 */
import { lookAround, NEVER, sleepUntil, waitAfter, waitFor } from "./waiting.ts";

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

/** Ready at a moment of the monotonic clock (nanoseconds; 0n: at once), or when `check` says so, which is asked at the moment too. */
export class Pollable {
  readonly due: bigint;
  readonly check: (() => boolean) | undefined;

  constructor(due = 0n, check?: () => boolean) {
    this.due = due;
    this.check = check;
  }

  static when(check: (() => boolean) | undefined): Pollable {
    return check === undefined ? new Pollable() : new Pollable(NEVER, check);
  }

  ready(): boolean {
    if (this.check === undefined) return this.due <= process.hrtime.bigint();
    lookAround();
    return this.check();
  }

  block(): void {
    if (this.check === undefined) sleepUntil(this.due);
    else waitFor(this.check, this.due);
  }
}

/** wasi:io/poll#poll */
export function poll(list: readonly Pollable[]): Uint32Array {
  if (list.length === 0) throw new Error("poll of an empty list");
  if (list.length > MAX_POLLABLES) throw new Error(`poll of ${list.length} pollables, at most ${MAX_POLLABLES} are allowed`);
  let first = NEVER;
  for (const { due } of list) if (due < first) first = due;
  waitFor(() => list.some(({ check }) => check?.() === true), first);
  const now = process.hrtime.bigint();
  const ready: number[] = [];
  for (const [index, { due, check }] of list.entries()) if (check === undefined ? due <= now : check()) ready.push(index);
  return Uint32Array.from(ready);
}

/** Where an input stream gets its bytes; empty: none yet, undefined: at the end. Never waits. */
export type Source = (limit: number) => Uint8Array | undefined;

const endOfInput: Source = () => undefined;
const lengthOf = (asked: bigint) => (asked > BigInt(MAX_READ_BYTES) ? MAX_READ_BYTES : Number(asked));

export class InputStream {
  #source: Source = endOfInput;
  #ready: (() => boolean) | undefined;
  #dropped: (() => void) | undefined;

  /** @param ready whether a read gives something; absent: always. @param dropped called when the guest drops the stream */
  static from(source: Source, ready?: () => boolean, dropped?: () => void): InputStream {
    const stream = new InputStream();
    stream.#source = source;
    stream.#ready = ready;
    stream.#dropped = dropped;
    return stream;
  }

  [Symbol.dispose](): void {
    this.#dropped?.();
    this.#dropped = undefined;
  }

  read(length: bigint): Uint8Array {
    if (this.#ready !== undefined) lookAround();
    const bytes = this.#source(lengthOf(length));
    if (bytes === undefined) throw closed;
    return bytes;
  }

  blockingRead(length: bigint): Uint8Array {
    if (this.#ready !== undefined && length > 0n) waitFor(this.#ready);
    return this.read(length);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint {
    return BigInt(this.blockingRead(length).length);
  }

  subscribe(): Pollable {
    return Pollable.when(this.#ready);
  }
}

/** Where an output stream puts its bytes. Takes all of them, or throws `streamFailed` / `streamClosed`. */
export interface Sink {
  write(bytes: Uint8Array): void;
  flush?(): void;
  /** bytes it takes without waiting; absent: always all. @throws as `write` */
  permit?(): number;
  /** whether everything has left */
  flushed?(): boolean;
  /** the guest dropped the stream */
  close?(): void;
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

  [Symbol.dispose](): void {
    this.#sink.close?.();
    this.#sink = nowhere;
  }

  checkWrite(): bigint {
    if (this.#sink.permit === undefined) return BigInt(MAX_WRITE_BYTES);
    lookAround();
    return BigInt(Math.min(MAX_WRITE_BYTES, this.#sink.permit()));
  }

  /** `bytes` is a view of guest memory: a sink that keeps it copies it */
  write(bytes: Uint8Array): void {
    if (bytes.length > MAX_WRITE_BYTES) throw new Error(`write of ${bytes.length} bytes without a permit`);
    if (this.#sink.permit !== undefined && bytes.length > this.#sink.permit()) throw new Error(`write of ${bytes.length} bytes, more than was permitted`);
    this.#sink.write(bytes);
  }

  /** All of it at once, then waits until it has left: in parts, it would wait in the middle of a call. */
  blockingWriteAndFlush(bytes: Uint8Array): void {
    if (bytes.length > MAX_WRITE_BYTES) throw new Error(`write of ${bytes.length} bytes, at most ${MAX_WRITE_BYTES} are taken`);
    const sink = this.#sink;
    sink.permit?.();
    sink.write(bytes);
    sink.flush?.();
    if (sink.flushed !== undefined) waitAfter(() => sink.flushed?.() !== false);
  }

  flush(): void {
    this.#sink.flush?.();
  }

  blockingFlush(): void {
    const sink = this.#sink;
    sink.flush?.();
    if (sink.flushed !== undefined) waitFor(() => sink.flushed?.() !== false);
  }

  writeZeroes(length: bigint): void {
    this.write(new Uint8Array(lengthOf(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): void {
    this.blockingWriteAndFlush(new Uint8Array(lengthOf(length)));
  }

  /** What was read must be written, so no more is read than there is room for. */
  splice(from: InputStream, length: bigint): bigint {
    const room = this.checkWrite();
    const bytes = from.read(length < room ? length : room);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  blockingSplice(from: InputStream, length: bigint): bigint {
    const room = BigInt(this.#room());
    const bytes = from.blockingRead(length < room ? length : room);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  subscribe(): Pollable {
    const sink = this.#sink;
    return Pollable.when(sink.permit === undefined ? undefined : () => hasRoom(sink));
  }

  /** waits until there is some */
  #room(): number {
    const sink = this.#sink;
    if (sink.permit === undefined) return MAX_WRITE_BYTES;
    waitFor(() => hasRoom(sink));
    return Math.min(MAX_WRITE_BYTES, sink.permit());
  }
}

/** A sink that has failed is ready: the next write tells. */
function hasRoom(sink: Sink): boolean {
  try {
    return sink.permit === undefined || sink.permit() > 0;
  } catch {
    return true;
  }
}
