/**
 * SPDY/3.1 as far as Kubernetes uses it: many byte streams over one connection, opened by the client, each with a few
 * headers. Port-forward speaks it inside WebSocket messages; old clients of exec and attach speak it on the bare socket.
 * Kubernetes' implementation keeps no flow-control windows and never has, so neither does this one: back-pressure is that
 * of the connection underneath.
 *
 * Source: SPDY Protocol, draft 3.1 (chromium.org), sections 2.2 (framing), 2.6 (control frames), 2.6.10 (header blocks).
 */
import { createInflate } from "node:zlib";
import type { Inflate } from "node:zlib";

const VERSION = 3;
const TYPE = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
const FLAG_FIN = 0x01;
const RESET = { protocolError: 1, refused: 3, cancel: 5 } as const;
const FRAME_HEAD = 8;

/** Control frames hold a handful of short headers; so does what they inflate to. */
const CONTROL_BYTES_MAX = 64 * 1024;
/** Open streams of a connection: two for each forwarded TCP connection. */
const STREAMS_MAX = 1024;
/** Bytes that wait for the reader of one stream before nothing more is read from the connection. */
const STREAM_BYTES_MAX = 256 * 1024;

export interface SpdyStream {
  readonly id: number;
  /** names in lower case */
  readonly headers: ReadonlyMap<string, string>;
  /** what the client sends; ends at its FIN, throws when it resets the stream or the connection is gone */
  readonly data: AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  /** no more from this side */
  end(): Promise<void>;
  reset(): void;
}

export interface SpdyOptions {
  /** resolves when the connection takes more */
  readonly send: (frame: Uint8Array) => Promise<void>;
  readonly onStream: (stream: SpdyStream) => void;
}

/** The server's side of a connection. Bytes go in through `receive`, one call after the other. */
export class SpdyConnection {
  readonly #options: SpdyOptions;
  readonly #streams = new Map<number, Inbound>();
  readonly #headers = new HeaderReader();
  #headersSent = false;
  #pending: Uint8Array = new Uint8Array(0);
  /** of the data frame whose payload is arriving */
  #data: { readonly stream: Inbound | undefined; readonly fin: boolean; left: number } | undefined;
  #lastId = 0;

  constructor(options: SpdyOptions) {
    this.#options = options;
  }

  /** @throws Error when the bytes are not SPDY: the connection is of no more use */
  async receive(bytes: Uint8Array): Promise<void> {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    while (await this.#step());
  }

  /** the connection is gone */
  close(): void {
    for (const stream of this.#streams.values()) stream.fail(new Error("the connection was closed"));
    this.#streams.clear();
    this.#headers.close();
  }

  async #step(): Promise<boolean> {
    if (this.#data !== undefined) return await this.#takeData(this.#data);
    if (this.#pending.length < FRAME_HEAD) return false;
    const view = viewOf(this.#pending);
    const first = view.getUint32(0);
    const flags = view.getUint8(4);
    const length = view.getUint32(4) & 0xffffff;
    if ((first & 0x80000000) === 0) {
      this.#pending = this.#pending.subarray(FRAME_HEAD);
      this.#data = { stream: this.#streams.get(first), fin: (flags & FLAG_FIN) !== 0, left: length };
      return true;
    }
    if (((first >>> 16) & 0x7fff) !== VERSION) throw new Error("the client does not speak SPDY/3.1");
    if (length > CONTROL_BYTES_MAX) throw new Error(`a control frame of ${length} bytes is too large`);
    if (this.#pending.length < FRAME_HEAD + length) return false;
    const payload = this.#pending.subarray(FRAME_HEAD, FRAME_HEAD + length);
    const frame = this.#pending.subarray(0, FRAME_HEAD + length);
    this.#pending = this.#pending.subarray(FRAME_HEAD + length);
    await this.#control(first & 0xffff, flags, payload, frame);
    return true;
  }

  async #takeData(data: { readonly stream: Inbound | undefined; readonly fin: boolean; left: number }): Promise<boolean> {
    const part = this.#pending.subarray(0, data.left);
    if (part.length === 0 && data.left > 0) return false;
    this.#pending = this.#pending.subarray(part.length);
    data.left -= part.length;
    if (part.length > 0) await data.stream?.push(part);
    if (data.left === 0) {
      if (data.fin) data.stream?.end();
      this.#data = undefined;
    }
    return true;
  }

  async #control(type: number, flags: number, payload: Uint8Array, frame: Uint8Array): Promise<void> {
    switch (type) {
      case TYPE.synStream:
        return await this.#open(payload, (flags & FLAG_FIN) !== 0);
      case TYPE.reset: {
        if (payload.length < 4) throw new Error("a reset frame is too short");
        const id = viewOf(payload).getUint32(0);
        this.#streams.get(id)?.fail(new Error("the client reset the stream"));
        this.#streams.delete(id);
        return;
      }
      case TYPE.ping:
        return await this.#options.send(Buffer.from(frame));
      default:
        // SETTINGS, GOAWAY, HEADERS, WINDOW_UPDATE ask for nothing here
        return;
    }
  }

  async #open(payload: Uint8Array, fin: boolean): Promise<void> {
    if (payload.length < 10) throw new Error("a stream opens with too short a frame");
    const id = viewOf(payload).getUint32(0) & 0x7fffffff;
    const headers = await this.#headers.read(payload.subarray(10));
    if (id % 2 === 0 || id <= this.#lastId) return await this.#sendReset(id, RESET.protocolError);
    this.#lastId = id;
    if (this.#streams.size >= STREAMS_MAX) return await this.#sendReset(id, RESET.refused);
    const inbound = new Inbound();
    this.#streams.set(id, inbound);
    if (fin) inbound.end();
    await this.#options.send(control(TYPE.synReply, 0, uint32(id), this.#emptyHeaders()));
    this.#options.onStream(this.#stream(id, headers, inbound));
  }

  #stream(id: number, headers: ReadonlyMap<string, string>, inbound: Inbound): SpdyStream {
    let ended = false;
    const { send } = this.#options;
    return {
      id,
      headers,
      data: inbound,
      write: (data) => send(dataFrame(id, data, 0)),
      end: async () => {
        if (ended) return;
        ended = true;
        await send(dataFrame(id, new Uint8Array(0), FLAG_FIN));
        if (inbound.ended) this.#streams.delete(id);
      },
      reset: () => {
        inbound.end();
        this.#streams.delete(id);
        void this.#sendReset(id, RESET.cancel).catch(() => {});
      },
    };
  }

  async #sendReset(id: number, code: number): Promise<void> {
    await this.#options.send(control(TYPE.reset, 0, uint32(id), uint32(code)));
  }

  /**
   * No headers, in a zlib stream without compression: two bytes once, then a stored block (RFC 1951, 3.2.4), then the
   * empty block of a flush, without which Go's reader asks for more and fails.
   */
  #emptyHeaders(): Uint8Array {
    const stored = [0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0];
    const flush = [0x00, 0x00, 0x00, 0xff, 0xff];
    const first = this.#headersSent ? [] : [0x78, 0x01];
    this.#headersSent = true;
    return Uint8Array.from([...first, ...stored, ...flush]);
  }
}

/** What the client has sent on one stream and nobody has read yet. */
class Inbound implements AsyncIterable<Uint8Array> {
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  ended = false;

  /** resolves when there is room for more */
  async push(data: Uint8Array): Promise<void> {
    if (this.ended) return;
    this.#queue.push(Buffer.from(data));
    this.#bytes += data.length;
    this.#wakeReader?.();
    if (this.#bytes < STREAM_BYTES_MAX) return;
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  end(): void {
    this.ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  fail(error: Error): void {
    if (!this.ended) this.#error = error;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const [next] = this.#queue.splice(0, 1);
        if (next !== undefined) {
          this.#bytes -= next.length;
          if (this.#bytes < STREAM_BYTES_MAX) this.#wakeWriter?.();
          yield next;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.ended) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      // nobody reads on: what still comes is dropped
      this.#queue = [];
      this.end();
    }
  }
}

/** Header blocks of a connection are one zlib stream over a dictionary that both sides know. */
class HeaderReader {
  #inflate: Inflate | undefined;

  async read(block: Uint8Array): Promise<ReadonlyMap<string, string>> {
    const inflate = (this.#inflate ??= openInflate());
    const parts: Buffer[] = [];
    let size = 0;
    await new Promise<void>((resolve, reject) => {
      const take = (part: Buffer) => {
        size += part.length;
        if (size > CONTROL_BYTES_MAX) inflate.destroy();
        else parts.push(part);
      };
      const done = (error?: Error | null) => {
        inflate.off("data", take);
        inflate.off("error", done);
        if (size > CONTROL_BYTES_MAX) reject(new Error("the headers of a stream are too large"));
        else if (error) reject(error);
        else resolve();
      };
      inflate.on("data", take);
      inflate.on("error", done);
      inflate.write(block, done);
    });
    return headersOf(Buffer.concat(parts, size));
  }

  close(): void {
    this.#inflate?.destroy();
  }
}

function openInflate(): Inflate {
  const inflate = createInflate({ dictionary: spdyDictionary() });
  // an error is that of the block being read, which listens itself
  inflate.on("error", () => {});
  return inflate;
}

function headersOf(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const next = (): string => {
    const length = block.readUInt32BE(at);
    if (at + 4 + length > block.length) throw new Error("the headers of a stream are cut off");
    const text = block.toString("latin1", at + 4, at + 4 + length);
    at += 4 + length;
    return text;
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = next().toLowerCase();
    headers.set(name, next());
  }
  return headers;
}

function control(type: number, flags: number, ...payload: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(payload);
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(body.length, 4);
  head.writeUInt8(flags, 4);
  return Buffer.concat([head, body]);
}

function dataFrame(id: number, data: Uint8Array, flags: number): Uint8Array {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt32BE(id, 0);
  head.writeUInt32BE(data.length, 4);
  head.writeUInt8(flags, 4);
  return Buffer.concat([head, data]);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Section 2.6.10.1: words with their lengths before them, then texts that are common in values. */
export function spdyDictionary(): Buffer {
  const words =
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow " +
    "authorization cache-control connection content-base content-encoding content-language content-length content-location " +
    "content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match " +
    "if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range " +
    "referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get " +
    "status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin";
  const values =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative " +
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal " +
    "Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, " +
    "Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml," +
    "text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
  const parts = words.split(" ").map((word) => {
    const text = Buffer.from(word.replace("_", " "));
    return Buffer.concat([uint32(text.length), text]);
  });
  return Buffer.concat([...parts, Buffer.from(values)]);
}
