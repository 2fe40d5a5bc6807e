/**
 * gRPC over HTTP/2 as far as an etcd client needs it (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): calls with one
 * answer, and one stream of answers. One session to one endpoint; the caller decides when to open another.
 */
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import type { Clock } from "../../../api/clock.ts";

/** A call without an answer by then counts as failed: a few elections of etcd (1 s each). */
const CALL_TIMEOUT_MS = 10_000;
/** Between pings, and for an answer to one: a dead peer is noticed within twice this. */
const PING_MS = 5_000;
/** Flow control for a page of a big list or a burst of events without a round trip each 64 KiB. */
const WINDOW_BYTES = 4 * 1_048_576;
/** etcd's own limit of a response page is far below; what claims more is not etcd. */
const MAX_MESSAGE_BYTES = 256 * 1_048_576;

export class GrpcError extends Error {
  override readonly name = "GrpcError";
  /** grpc-status; 14 "unavailable" when there was no answer */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const UNAVAILABLE = 14;

export interface TlsFiles {
  /** PEM */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface GrpcSession {
  /** false once the connection is lost */
  alive(): boolean;
  call(path: string, request: Buffer): Promise<Buffer>;
  /** Sends one request and gives every answer; throws GrpcError when the stream ends. */
  stream(path: string, request: Buffer, signal: AbortSignal): AsyncIterable<Buffer>;
  close(): void;
}

export function grpcSession(endpoint: string, { clock, tls = {} }: { readonly clock: Clock; readonly tls?: TlsFiles | undefined }): GrpcSession {
  const given = Object.entries(tls).filter(([, value]) => value !== undefined);
  const session = connect(endpoint, { ...Object.fromEntries(given), settings: { initialWindowSize: WINDOW_BYTES } });
  session.on("error", () => {}); // every stream fails with it too, that is where it is handled
  session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
  const cancelPings = keepAlive(session, clock);

  function open(path: string, request: Buffer): ClientHttp2Stream {
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
    stream.write(framed(request));
    return stream;
  }

  return {
    alive: () => !session.destroyed && !session.closed,
    async call(path, request) {
      if (session.destroyed || session.closed) throw new GrpcError(UNAVAILABLE, `no connection to ${endpoint}`);
      const stream = open(path, request);
      stream.end();
      const cancel = clock.after(CALL_TIMEOUT_MS, () => stream.destroy(new Error(`no answer from ${endpoint} within ${CALL_TIMEOUT_MS} ms`)));
      try {
        let answer: Buffer | undefined;
        for await (const message of messagesOf(stream)) answer ??= message;
        if (answer === undefined) throw new GrpcError(UNAVAILABLE, "an answer without a message");
        return answer;
      } finally {
        cancel();
      }
    },
    async *stream(path, request, signal) {
      const stream = open(path, request);
      const abort = () => stream.destroy();
      signal.addEventListener("abort", abort);
      try {
        yield* messagesOf(stream);
        throw new GrpcError(UNAVAILABLE, "the stream ended");
      } finally {
        signal.removeEventListener("abort", abort);
        stream.destroy();
      }
    },
    close() {
      cancelPings();
      session.destroy();
    },
  };
}

/** Destroys a session whose peer no longer answers pings. */
function keepAlive(session: ClientHttp2Session, clock: Clock): () => void {
  let answered = true;
  let cancel: (() => void) | undefined;
  const beat = () => {
    if (session.destroyed) return;
    if (!answered) {
      session.destroy(new Error("no answer to a ping"));
      return;
    }
    if (!session.connecting) {
      answered = false;
      session.ping((error) => {
        if (error === null) answered = true;
      });
    }
    cancel = clock.after(PING_MS, beat);
  };
  cancel = clock.after(PING_MS, beat);
  return () => cancel?.();
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function* messagesOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  const status: { code?: string; text?: string; http?: number } = {};
  const note = (headers: { readonly [name: string]: unknown }) => {
    if (headers[":status"] !== undefined) status.http = Number(headers[":status"]);
    if (headers["grpc-status"] !== undefined) status.code = String(headers["grpc-status"]);
    if (headers["grpc-message"] !== undefined) status.text = decodeURIComponent(String(headers["grpc-message"]));
  };
  stream.on("response", note);
  stream.on("trailers", note);
  try {
    let buffered: Buffer = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
      while (buffered.length >= 5) {
        const length = buffered.readUInt32BE(1);
        if (length > MAX_MESSAGE_BYTES || buffered[0] !== 0) throw new GrpcError(UNAVAILABLE, "the answer is not gRPC as etcd speaks it");
        if (buffered.length < 5 + length) break;
        yield buffered.subarray(5, 5 + length);
        buffered = buffered.subarray(5 + length);
      }
    }
  } catch (error) {
    if (error instanceof GrpcError) throw error;
    throw new GrpcError(UNAVAILABLE, error instanceof Error ? error.message : String(error));
  }
  if (status.code !== undefined && status.code !== "0") throw new GrpcError(Number(status.code), status.text ?? `grpc status ${status.code}`);
  if (status.http !== 200) throw new GrpcError(UNAVAILABLE, `HTTP status ${status.http ?? "missing"}`);
}
