/**
 * How a connection leaves HTTP: what the client offers, what is chosen of it, and the switch itself, to WebSocket or SPDY.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { ApiError, badRequest } from "../../api/status.ts";
import { SpdyConnection } from "./spdy.ts";
import type { SpdyOptions } from "./spdy.ts";

/** Larger than what any client puts in one message; kubectl cp sends 32 KiB. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

const bearerProtocol = "base64url.bearer.authorization.k8s.io.";

export interface Raw {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface WebSockets {
  /** switches; `protocol` is what `pickProtocol` chose. Rejects when the client goes away before */
  accept(raw: Raw, protocol: string | undefined, onGone?: () => void): Promise<WebSocket>;
}

export function openWebSockets(): WebSockets {
  const chosen = new WeakMap<IncomingMessage, string>();
  const server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
  // ws takes only names that are HTTP tokens; port-forward's has a slash in it
  server.on("headers", (headers, request) => {
    const protocol = chosen.get(request);
    if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return {
    accept({ request, socket, head }, protocol, onGone) {
      if (protocol !== undefined) chosen.set(request, protocol);
      delete request.headers["sec-websocket-protocol"];
      return new Promise((resolve, reject) => {
        socket.once("close", () => {
          onGone?.();
          reject(new ApiError("BadRequest", "the client went away"));
        });
        server.handleUpgrade(request, socket, head, resolve);
      });
    },
  };
}

/** The first of ours that the client offers; undefined when it offers none at all. @throws ApiError BadRequest */
export function pickProtocol(request: IncomingMessage, known: readonly string[]): string | undefined {
  const offered = offeredProtocols(request).filter((each) => !each.startsWith(bearerProtocol));
  if (offered.length === 0) return undefined;
  const found = known.find((each) => offered.includes(each));
  if (found === undefined) throw badRequest(`none of the offered WebSocket protocols is known: ${offered.join(", ")}; this server speaks ${known.join(", ")}`);
  return found;
}

function offeredProtocols(request: IncomingMessage): readonly string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim()).filter((each) => each !== "");
}

/** A browser cannot set headers on a WebSocket: it puts the token among the protocols. */
export function bearerOf(request: IncomingMessage): string | undefined {
  const found = offeredProtocols(request).find((each) => each.startsWith(bearerProtocol));
  return found === undefined ? undefined : Buffer.from(found.slice(bearerProtocol.length), "base64url").toString();
}

/** @throws ApiError Forbidden, as apiserver answers a client that offers nothing it knows */
export function spdyProtocol(request: IncomingMessage, known: readonly string[]): string {
  const offered = headerLines(request)
    .filter(([name]) => name === "x-stream-protocol-version")
    .flatMap(([, value]) => value.split(",").map((each) => each.trim()));
  if (offered.length === 0) return known.at(-1) ?? "";
  const found = known.find((each) => offered.includes(each));
  if (found === undefined) throw new ApiError("Forbidden", `unable to upgrade: unable to negotiate protocol: client supports ${offered.join(", ")}, server accepts ${known.join(", ")}`);
  return found;
}

export function headerLines(request: IncomingMessage): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [];
  const raw = request.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  return lines;
}

export const isWebSocket = (request: IncomingMessage) => (request.headers.upgrade ?? "").toLowerCase() === "websocket";

export function spdySocket({ socket, head }: Raw, protocol: string, onStream: SpdyOptions["onStream"]): void {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  const send = (frame: Uint8Array) =>
    new Promise<void>((resolve) => {
      if (socket.destroyed || socket.write(frame)) return resolve();
      const done = () => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("drain", done);
      socket.on("close", done);
    });
  const connection = new SpdyConnection({ send, onStream });
  void (async () => {
    try {
      if (head.length > 0) await connection.receive(head);
      for await (const chunk of socket) await connection.receive(chunk as Buffer);
    } catch {
      socket.destroy();
    } finally {
      connection.close();
    }
  })();
}

/** Messages of a WebSocket into a SPDY connection, one after the other, the socket paused meanwhile. */
export function feed(connection: SpdyConnection, socket: WebSocket): void {
  let last = Promise.resolve();
  socket.on("message", (data) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer);
    socket.pause();
    last = last
      .then(() => connection.receive(bytes))
      .then(() => socket.resume())
      .catch(() => socket.close(1002));
  });
  const end = () => connection.close();
  socket.on("close", end);
  socket.on("error", end);
}
