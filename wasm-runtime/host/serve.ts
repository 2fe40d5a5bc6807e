/**
 * wasi:http/incoming-handler behind node:http. One request at a time is in the guest, because it runs synchronously; bodies
 * are read before, so that it never waits for a client. A guest that traps answers 500, one that does not return answers 504;
 * both are replaced by a fresh instance, and the next request goes on.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { guard, TimeoutError } from "./guard.ts";
import { IncomingRequest, ResponseOutparam } from "./http-types.ts";

/** A device has little memory, and the whole body is in it: larger uploads are refused with 413. */
const MAX_BODY_BYTES = 8 << 20;
/** All bodies being received together; beyond it 503. */
const MAX_BODIES_BYTES = 32 << 20;
const MAX_CONNECTIONS = 1024;
/** For all of a request; a body of the largest size takes this long at 1 Mbit/s. */
const REQUEST_TIMEOUT_MS = 70_000;
const noBody = new Uint8Array();

export type Handler = (request: IncomingRequest, out: ResponseOutparam) => void;

/** Requests that wait for their turn in the guest; pipelining clients could otherwise queue without end. */
const MAX_WAITING = 4096;
/** Requests share one arming of the time limit for this long: short against the limit, long against the arming. */
const TURN_MS = 20;

export interface ServeOptions {
  /** runs the guest and throws when it traps */
  readonly handle: Handler;
  /** the guest trapped or ran out of time: its instance is not to be used again */
  readonly failed: (error: unknown) => void;
  /** how long the guest may take for one request */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Uint8Array;
}

export function serverFor({ handle, failed, timeoutMs }: ServeOptions): Server {
  let held = 0;
  const waiting: Waiting[] = [];
  let current: Waiting | undefined;
  const within = guard();

  function respond({ request, response, body }: Waiting): void {
    const out = ResponseOutparam.of(response);
    handle(
      IncomingRequest.of({
        method: request.method ?? "GET",
        path: request.url ?? "/",
        authority: request.headers.host,
        headers: request.rawHeaders,
        body,
      }),
      out,
    );
    if (!out.complete()) refuse(response, 500, "the component gave no answer");
  }

  function fail(error: unknown): void {
    const response = current?.response;
    if (response?.headersSent === true) response.destroy();
    else if (response !== undefined && error instanceof TimeoutError) refuse(response, 504, "the component took too long");
    else if (response !== undefined) refuse(response, 500, "the component failed");
    failed(error);
  }

  /** Those that wait go into the guest one after another; what one of them does, the others do not notice. */
  function turn(): void {
    const began = performance.now();
    try {
      within(timeoutMs, () => {
        while (waiting.length > 0 && performance.now() - began < TURN_MS) {
          current = waiting.shift();
          if (current === undefined || current.response.destroyed) continue;
          try {
            respond(current);
          } catch (error) {
            fail(error);
          }
        }
      });
    } catch (error) {
      fail(error);
    }
    current = undefined;
    if (waiting.length > 0) setImmediate(turn);
  }

  function enqueue(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
    if (waiting.length >= MAX_WAITING) return refuse(response, 503, "too many requests wait");
    if (waiting.push({ request, response, body }) === 1 && current === undefined) setImmediate(turn);
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
