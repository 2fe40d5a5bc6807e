/** The two ends of a connection as streams: what has arrived and was not read, what was written and has not left. */
import { Failure, InputStream, IoError, OutputStream, streamClosed, streamFailed } from "./io.ts";
import type { Net } from "./net.ts";
import { WINDOW_BYTES } from "./net-messages.ts";
import type { Word } from "./net-messages.ts";

export class Connection {
  readonly id: number;
  readonly #net: Net;
  readonly #codeOf: (code: string) => string;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #failed: IoError | undefined;
  #unsent = 0;
  #writable = true;

  /** @param codeOf from Node's error code to the one that the guest may ask for */
  constructor(net: Net, id: number, codeOf: (code: string) => string) {
    this.#net = net;
    this.id = id;
    this.#codeOf = codeOf;
  }

  hear(word: Word): void {
    switch (word.is) {
      case "data":
        return void this.#chunks.push(word.bytes);
      case "end":
        this.#ended = true;
        return;
      case "left":
        this.#unsent -= word.bytes;
        return;
      case "failed":
        this.#failed = new IoError(word.message, this.#codeOf(word.code));
        return;
      default:
    }
  }

  readonly readable = (): boolean => this.#chunks.length > 0 || this.#ended || this.#failed !== undefined;

  input(closed?: () => void): InputStream {
    return InputStream.from((limit) => this.#take(limit), this.readable, closed);
  }

  /** reading is over: what comes is dropped */
  shutInput(): void {
    this.#ended = true;
    this.#chunks = [];
  }

  #take(limit: number): Uint8Array | undefined {
    const [first] = this.#chunks;
    if (first === undefined) {
      if (this.#failed !== undefined) throw streamFailed(this.#failed);
      return this.#ended ? undefined : nothing;
    }
    const part = first.subarray(0, limit);
    if (part.length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(limit);
    this.#net.tell({ id: this.id, op: "taken", bytes: part.length });
    return part;
  }

  output(closed?: () => void): OutputStream {
    return OutputStream.from({
      permit: () => this.permit(),
      write: (bytes) => this.write(bytes),
      flushed: () => this.#unsent === 0 || this.#failed !== undefined,
      ...(closed === undefined ? {} : { close: closed }),
    });
  }

  /** @throws Failure when it is closed or broken */
  permit(): number {
    if (this.#failed !== undefined) throw streamFailed(this.#failed);
    if (!this.#writable) throw streamClosed();
    return Math.max(0, WINDOW_BYTES - this.#unsent);
  }

  write(bytes: Uint8Array): void {
    this.permit();
    if (bytes.length === 0) return;
    this.#unsent += bytes.length;
    this.#net.tell({ id: this.id, op: "write", bytes: bytes.slice() });
  }

  shutOutput(): void {
    if (!this.#writable) return;
    this.#writable = false;
    this.#net.tell({ id: this.id, op: "end" });
  }

  get failure(): Failure<string> | undefined {
    return this.#failed === undefined ? undefined : new Failure(this.#failed.code ?? "unknown");
  }
}

const nothing = new Uint8Array();
