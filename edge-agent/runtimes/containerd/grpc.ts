/**
 * gRPC over a socket with nothing but node:http2: unary calls and server streams, deadlines, status trailers.
 * The connection is made on demand and forgotten when it ends, so a restarted daemon is found by the next call.
 * Framing: github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
 */
import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect as connectSocket } from "node:net";

export const GRPC = { cancelled: 1, unknown: 2, deadlineExceeded: 4, notFound: 5, alreadyExists: 6, unimplemented: 12, unavailable: 14 } as const;

/** One message larger than this means that something is wrong; CRI caps exec output at 16 MiB. */
const MAX_MESSAGE = 32 * 1024 * 1024;

export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: number;

  constructor(code: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface CallOptions {
  /** undefined: no deadline */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly metadata?: { readonly [header: string]: string } | undefined;
}

export interface GrpcChannel {
  /** @throws GrpcError */
  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Uint8Array>;
  /** Messages of a server stream; ends with the stream, throws GrpcError when it failed. */
  stream(path: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array>;
  close(): void;
}

/** `target`: the path of a Unix socket, or an address */
export function grpcChannel(target: string | { readonly host: string; readonly port: number }): GrpcChannel {
  const title = typeof target === "string" ? target : `${target.host}:${target.port}`;
  let session: ClientHttp2Session | undefined;

  const open = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const fresh = connectHttp2("http://localhost", { createConnection: () => (typeof target === "string" ? connectSocket(target) : connectSocket(target)) });
    const forget = () => {
      if (session === fresh) session = undefined;
    };
    fresh.on("error", forget).on("close", forget).on("goaway", forget);
    // the agent lives by its timers and its link, not by this socket
    fresh.unref();
    session = fresh;
    return fresh;
  };

  const start = (path: string, request: Uint8Array, options: CallOptions): ClientHttp2Stream => {
    const stream = open().request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      te: "trailers",
      ...(options.timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.ceil(options.timeoutMs)}m` }),
      ...options.metadata,
    });
    const header = Buffer.alloc(5);
    header.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([header, request]));
    return stream;
  };

  async function* messages(path: string, request: Uint8Array, options: CallOptions): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    let stream: ClientHttp2Stream;
    try {
      stream = start(path, request, options);
    } catch (error) {
      throw new GrpcError(GRPC.unavailable, `${title}: ${textOf(error)}`, error);
    }
    let status: GrpcError | undefined | "none" = "none";
    let late = false;
    const readStatus = (headers: { readonly [name: string]: unknown }) => {
      const code = headers["grpc-status"];
      if (code === undefined) return;
      status = Number(code) === 0 ? undefined : new GrpcError(Number(code), decodeMessage(headers["grpc-message"]));
    };
    stream.on("response", readStatus).on("trailers", readStatus);
    const cancel = () => stream.close(constants.NGHTTP2_CANCEL);
    options.signal?.addEventListener("abort", cancel, { once: true });
    // the daemon also watches the deadline; the margin lets its own answer arrive first
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
      late = true;
      cancel();
    }, options.timeoutMs + DEADLINE_MARGIN_MS);
    timer?.unref();
    try {
      let pending: Buffer = Buffer.alloc(0);
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        while (pending.length >= 5) {
          const length = pending.readUInt32BE(1);
          if (length > MAX_MESSAGE) throw new GrpcError(GRPC.unknown, `${path}: a message of ${length} bytes is over the limit of ${MAX_MESSAGE}`);
          if (pending.length < 5 + length) break;
          yield pending.subarray(5, 5 + length);
          pending = pending.subarray(5 + length);
        }
      }
    } catch (error) {
      if (error instanceof GrpcError) throw error;
      if (status === "none") throw new GrpcError(late ? GRPC.deadlineExceeded : GRPC.unavailable, `${path}: ${textOf(error)}`, error);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", cancel);
      if (!stream.closed) cancel();
      stream.on("error", () => {});
    }
    // assigned by the listeners above, which the compiler does not see
    const end = status as GrpcError | undefined | "none";
    if (end === "none") {
      options.signal?.throwIfAborted();
      throw new GrpcError(late ? GRPC.deadlineExceeded : GRPC.unavailable, `${path}: the connection ended without an answer`);
    }
    if (end !== undefined) throw end;
  }

  return {
    async unary(path, request, options) {
      let answer: Uint8Array | undefined;
      for await (const message of messages(path, request, options)) answer = message;
      if (answer === undefined) throw new GrpcError(GRPC.unknown, `${path}: no answer`);
      return answer;
    },
    stream: messages,
    close() {
      session?.destroy();
      session = undefined;
    },
  };
}

const DEADLINE_MARGIN_MS = 500;

/** grpc-message is percent-encoded UTF-8. */
function decodeMessage(raw: unknown): string {
  const text = typeof raw === "string" ? raw : "";
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
