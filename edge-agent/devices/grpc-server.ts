/**
 * The server side of gRPC on a Unix socket with nothing but node:http2: methods by path, each answers one message or a
 * stream of them (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
import { rm } from "node:fs/promises";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { GRPC, GrpcError } from "../runtimes/containerd/grpc.ts";

export type GrpcMethod = (request: Uint8Array) => Promise<Uint8Array> | AsyncIterable<Uint8Array>;

export interface GrpcServer {
  close(): Promise<void>;
}

/** A registration is a hundred bytes. */
const MAX_REQUEST = 64 * 1024;

/** Takes over the socket file, also of a server that was killed. */
export async function grpcServer(path: string, methods: { readonly [path: string]: GrpcMethod }): Promise<GrpcServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}).once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const method = methods[String(headers[":path"])];
    void answer(stream, method);
  });
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

async function answer(stream: ServerHttp2Stream, method: GrpcMethod | undefined): Promise<void> {
  let status = 0;
  let message = "";
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status), ...(message === "" ? {} : { "grpc-message": encodeURIComponent(message) }) }));
  try {
    if (method === undefined) throw new GrpcError(GRPC.unimplemented, "unknown method");
    const result = method(await requestOf(stream));
    if (result instanceof Promise) stream.write(framed(await result));
    else for await (const each of result) if (!stream.destroyed) stream.write(framed(each));
  } catch (error) {
    status = error instanceof GrpcError ? error.code : GRPC.unknown;
    message = error instanceof Error ? error.message : String(error);
  }
  if (!stream.destroyed) stream.end();
}

async function requestOf(stream: ServerHttp2Stream): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    parts.push(chunk);
    size += chunk.length;
    if (size > MAX_REQUEST) throw new GrpcError(GRPC.unknown, `the request is larger than ${MAX_REQUEST} bytes`);
  }
  return Buffer.concat(parts).subarray(5);
}

function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
