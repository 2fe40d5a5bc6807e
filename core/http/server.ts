/**
 * The API on a port: TLS with HTTP/2 and HTTP/1.1, client certificates asked for but not required (authentication decides).
 */
import { ServerResponse } from "node:http";
import type { IncomingMessage } from "node:http";
import { createSecureServer } from "node:http2";
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { createApp } from "./app.ts";
import type { HttpServices } from "./services.ts";
import { isUpgrade, openUpgrades } from "./streams/upgrade.ts";

export interface TlsMaterial {
  /** PEM; the chain of the server certificate */
  readonly cert: string;
  readonly key: string;
  /** PEM; the authorities of client certificates */
  readonly clientCa: string | readonly string[];
}

export interface HttpServer {
  /** "https://127.0.0.1:6443" */
  readonly url: string;
  readonly port: number;
  /** new certificates for new connections */
  setTls(tls: TlsMaterial): void;
  /** ends watches, lets running requests finish, then closes every connection */
  close(): Promise<void>;
}

export interface HttpServerOptions extends HttpServices {
  readonly tls: TlsMaterial;
  readonly host: string;
  /** 0: any free port */
  readonly port: number;
}

/** Sum of header bytes of one request: tokens with many groups are the largest real ones. */
const HEADER_BYTES_MAX = 64 * 1024;
/** A request must have sent its headers, and all of it, after these. */
const HEADERS_MS = 30_000;
const REQUEST_MS = 300_000;
/**
 * How long an HTTP/1.1 connection stays open without a request. Longer than clients keep theirs (Go: 90 s), so that it is
 * they who close: a request that crosses with the closing of the server is lost.
 */
const IDLE_MS = 180_000;
/** Streams of one HTTP/2 connection; client-go opens one per watch of an informer factory. */
const STREAMS_MAX = 1000;
/** Requests that are still running after this are cut off when the server closes. */
const CLOSING_MS = 5_000;

export async function startHttp(options: HttpServerOptions): Promise<HttpServer> {
  const closing = new AbortController();
  const app = createApp(options, closing.signal);
  const listener = getRequestListener((request, env) => app.fetch(request, env), { overrideGlobalObjects: false });
  const server = createSecureServer(serverOptions(options.tls), listener);
  const upgrade = openUpgrades(options, closing.signal);
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isUpgrade(request)) upgrade(request, socket, head);
    else answerWithout(request, socket, listener);
  });
  // an Expect header that is not understood is no reason to refuse
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  const connections = trackConnections(server, closing.signal);
  server.on("sessionError", () => {});
  server.on("tlsClientError", (error: Error) => options.log.debug({ error: error.message }, "TLS handshake failed"));
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const shown = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `https://${shown}:${port}`,
    port,
    setTls: (tls) => server.setSecureContext(contextOf(tls)),
    async close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of connections.sessions) session.close();
      const cancel = options.clock.after(CLOSING_MS, connections.destroy);
      connections.closeIdle();
      await closed;
      cancel();
    },
  };
}

/**
 * An upgrade that is not ours is answered as if nobody had asked for it (RFC 9110, 7.8). node:http has an option for this
 * that node:http2 does not pass on, and its parser has let go of the connection by then: a body would be lost, so such a
 * request is refused, and the connection ends with the answer.
 */
function answerWithout(request: IncomingMessage, socket: Socket, listener: ReturnType<typeof getRequestListener>): void {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (encoding !== undefined || length !== "0") {
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on("finish", () => socket.end());
  void listener(request, response);
}

function serverOptions(tls: TlsMaterial) {
  return {
    ...contextOf(tls),
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2" as const,
    // of HTTP/1.1 connections
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX },
  };
}

function contextOf({ cert, key, clientCa }: TlsMaterial) {
  return { cert, key, ca: typeof clientCa === "string" ? clientCa : [...clientCa] };
}

function listen(server: Http2SecureServer, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === "EADDRINUSE") {
    return new Error(`port ${port} is already in use on ${host}: stop what listens there, or choose another with --port`, { cause: error });
  }
  if (error.code === "EACCES") {
    return new Error(`not allowed to listen on port ${port} of ${host}: choose a port above 1023 with --port`, { cause: error });
  }
  return new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
}

function trackConnections(server: Http2SecureServer, closing: AbortSignal) {
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Map<Socket, number>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.on("secureConnection", (socket) => {
    sockets.set(socket, 0);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.on("request", (request, response) => {
    if (request.httpVersionMajor >= 2) return;
    const socket = request.socket;
    sockets.set(socket, (sockets.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = (sockets.get(socket) ?? 1) - 1;
      sockets.set(socket, left);
      if (left === 0 && closing.aborted) socket.end();
    });
  });
  return {
    sessions,
    closeIdle() {
      for (const [socket, requests] of sockets) if (requests === 0 && !isHttp2(socket)) socket.end();
    },
    destroy() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

const isHttp2 = (socket: Socket) => "alpnProtocol" in socket && socket.alpnProtocol === "h2";
