/**
 * wasi:http/incoming-handler behind node:http. One request at a time is in the guest, because it runs synchronously; bodies
 * are read before, so that it never waits. A guest that traps answers 500 and is replaced by a fresh instance.
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

export type Handler = (request: IncomingRequest, out: ResponseOutparam) => void;

/** `handle` runs the guest and throws when it traps; `trapped` decides what then. */
export function serverFor(options: { readonly handle: Handler; readonly trapped: (error: unknown) => void }): Server {
  let held = 0;

  function respond(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
    const out = ResponseOutparam.of(response);
    try {
      options.handle(
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
    } catch (error) {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "the component failed");
      options.trapped(error);
    }
  }

  const server = createServer((request, response) => {
    if (request.headers["content-length"] === undefined && request.headers["transfer-encoding"] === undefined) {
      respond(request, response, noBody);
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
      respond(request, response, Buffer.concat(chunks));
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
