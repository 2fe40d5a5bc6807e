/**
 * Errors → answers, in one place. What handlers throw on purpose is an ApiError and becomes its Status; anything else is
 * our fault, is logged with its cause, and tells the client nothing but the request's id.
 */
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { Message } from "./reply.ts";
import { json } from "./reply.ts";
import { MalformedRequest } from "./target.ts";

export function errorReply(error: unknown, log: Log, request: { readonly id: string; readonly method: string; readonly path: string }): Message {
  if (error instanceof MalformedRequest) {
    return { status: error.code, headers: { "Content-Type": "text/plain; charset=utf-8", ...NOT_SNIFFED }, body: error.message };
  }
  const known = error instanceof ApiError ? error : internalError(request.id);
  if (known !== error || (known.code >= 500 && known.cause !== undefined)) {
    log.error({ ...request, error: describe(error) }, "request failed");
  }
  const retry = known.details?.retryAfterSeconds;
  return json(known.toStatus(), known.code, { ...(retry === undefined ? {} : { "Retry-After": String(retry) }), ...(known.code === 403 ? NOT_SNIFFED : {}) });
}

/** What the URL said is repeated in these answers: no browser shall take it for a page. */
const NOT_SNIFFED = { "X-Content-Type-Options": "nosniff" } as const;

function internalError(id: string): ApiError {
  return new ApiError("InternalError", `Internal error occurred: the server could not handle the request (audit id ${id})`, {
    details: { causes: [{ message: `the server log has more under ${id}` }] },
  });
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  return { message: error.message, stack: error.stack, ...(error.cause === undefined ? {} : { cause: describe(error.cause) }) };
}
