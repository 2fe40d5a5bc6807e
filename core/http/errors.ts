/**
 * Errors → answers, in one place. What handlers throw on purpose is an ApiError and becomes its Status; anything else is
 * our fault, is logged with its cause, and tells the client nothing but the request's id.
 */
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { Status } from "../api/status.ts";
import { encodedAs } from "./format.ts";
import { contentTypeOf, negotiate } from "./media.ts";
import type { Format } from "./media.ts";
import type { Message } from "./reply.ts";
import { json } from "./reply.ts";
import { MalformedRequest } from "./target.ts";

export interface FailedRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** its Accept header: a Status comes in the format of the answer that was asked for */
  readonly accept?: string | undefined;
  /** what that may be */
  readonly formats?: readonly Format[];
}

export function errorReply(error: unknown, log: Log, request: FailedRequest): Message {
  if (error instanceof MalformedRequest) {
    return { status: error.code, headers: { "Content-Type": "text/plain; charset=utf-8", ...(error.code === 404 ? NOT_SNIFFED : {}) }, body: error.message };
  }
  const known = error instanceof ApiError ? error : internalError(request.id);
  if (known !== error || (known.code >= 500 && known.cause !== undefined)) {
    const { id, method, path } = request;
    log.error({ id, method, path, error: describe(error) }, "request failed");
  }
  const retry = known.details?.retryAfterSeconds;
  const headers = { ...(retry === undefined ? {} : { "Retry-After": String(retry) }), ...(known.atTheDoor ? NOT_SNIFFED : {}) };
  return statusIn(formatOf(request), known.toStatus(), known.code, headers);
}

/** JSON for everybody who takes nothing that we have: an error is never hidden behind another. */
function formatOf({ accept, formats = ["json"] }: FailedRequest): Format {
  try {
    return negotiate(accept, formats).format;
  } catch {
    return "json";
  }
}

function statusIn(format: Format, status: Status, code: number, headers: Message["headers"]): Message {
  if (format === "json") return json(status, code, headers);
  return { status: code, headers: { "Content-Type": contentTypeOf[format], ...headers }, body: encodedAs(format, status) };
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
