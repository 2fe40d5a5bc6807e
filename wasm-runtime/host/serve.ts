/**
 * wasi:http/incoming-handler behind node:http: what is not the guest's business. Bodies are read before it is called, so that
 * it never waits for a client; what waits is bounded, and so is what one client may send.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { IncomingRequest, ResponseOutparam } from "./http-types.ts";

/** A device has little memory, and the whole body is in it: larger uploads are refused with 413. */
const MAX_BODY_BYTES = 8 << 20;
/** All bodies being received together; beyond it 503. */
const MAX_BODIES_BYTES = 32 << 20;
const MAX_CONNECTIONS = 1024;
/** For all of a request; a body of the largest size takes this long at 1 Mbit/s. */
const REQUEST_TIMEOUT_MS = 70_000;
const noBody = new Uint8Array();

/** A request whose body is there. */
export interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Uint8Array;
}

/** What the guest is called with. */
export function argumentsOf({ request, response, body }: Arrived): readonly [IncomingRequest, ResponseOutparam] {
  const incoming = IncomingRequest.of({
    method: request.method ?? "GET",
    path: request.url ?? "/",
    authority: request.headers.host,
    headers: request.rawHeaders,
    body,
  });
  return [incoming, ResponseOutparam.of(response)];
}

/** The guest returned. */
export function complete({ response }: Arrived, out: ResponseOutparam): void {
  if (!out.complete()) refuse(response, 500, "the component gave no answer");
}

/** The guest failed, or had no more time. */
export function giveUp({ response }: Arrived, timedOut: boolean): void {
  if (response.headersSent) response.destroy();
  else if (timedOut) refuse(response, 504, "the component took too long");
  else refuse(response, 500, "the component failed");
}

/** @param take hands it to the guest; false: too many wait already */
export function serverFor(take: (arrived: Arrived) => boolean): Server {
  let held = 0;

  function enqueue(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
    if (!take({ request, response, body })) refuse(response, 503, "too many requests wait");
  }

  const server = createServer((request, response) => {
    if (request.headers["content-length"] === undefined && request.headers["transfer-encoding"] === undefined) {
      enqueue(request, response, noBody);
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const release = () => {
      held -= size;
      size = 0;
    };
    const stop = (status: number, text: string) => {
      request.removeAllListeners("data");
      request.removeAllListeners("end");
      release();
      // the rest is read and dropped: a connection closed on a client that still writes would hide the answer
      request.resume();
      refuse(response, status, text);
    };
    if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return stop(413, `a request body may have ${MAX_BODY_BYTES} bytes`);
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      held += chunk.length;
      if (size > MAX_BODY_BYTES) stop(413, `a request body may have ${MAX_BODY_BYTES} bytes`);
      else if (held > MAX_BODIES_BYTES) stop(503, "too many request bodies at once");
    });
    request.on("end", () => {
      release();
      enqueue(request, response, Buffer.concat(chunks));
    });
    request.on("close", release);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  return server;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, ["content-type", "text/plain"]);
  response.end(`${text}\n`);
}
