/**
 * The request target, read once from the bytes the client sent. URL libraries quietly resolve "..", "%2e" and "//", so a
 * path that a proxy in front judged harmless can name something else here; this reader resolves nothing, and what two
 * readers could understand differently names nothing: who asks is authenticated and authorized, then told so. Everything
 * later works on the decoded segments.
 */
import { ApiError } from "../api/status.ts";

export interface RequestTarget {
  /** "/api/v1/pods", decoded, without the query; ends with a slash when the client wrote one */
  readonly path: string;
  /** the path as sent, for what passes it on */
  readonly rawPath: string;
  /** empty for a path that names nothing */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** what a path that names nothing seems to ask for: only who may ask is decided by it */
  readonly misread?: readonly string[];
}

/** Answered in plain text, as Go's net/http does: the request is not understood at all. */
export class MalformedRequest extends Error {
  override readonly name = "MalformedRequest";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Longest request line that is read; selectors and continue tokens are the longest things in real ones. */
export const URL_BYTES_MAX = 16 * 1024;

export function parseTarget(raw: string): RequestTarget {
  if (raw.length > URL_BYTES_MAX) throw new MalformedRequest(414, "414 URI Too Long");
  if (!raw.startsWith("/")) throw new MalformedRequest(400, "400 Bad Request");
  const mark = raw.indexOf("?");
  const rawPath = mark < 0 ? raw : raw.slice(0, mark);
  const parts = rawPath.slice(1).split("/");
  // one trailing slash is how clients ask for a collection
  if (parts.at(-1) === "") parts.pop();
  const segments = parts.map(decoded);
  const path = rawPath === "/" ? "/" : `/${segments.join("/")}${rawPath.endsWith("/") ? "/" : ""}`;
  const query = new URLSearchParams(mark < 0 ? "" : raw.slice(mark + 1));
  return segments.every(isName) ? { path, rawPath, segments, query } : { path, rawPath, segments: [], query, misread: path.replace(/^\/+|\/+$/g, "").split("/") };
}

function decoded(part: string): string {
  try {
    return part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    throw new MalformedRequest(400, "400 Bad Request");
  }
}

/** A name is never empty, never a path step, and never holds a separator or a control character. */
function isName(segment: string): boolean {
  return segment !== "" && segment !== "." && segment !== ".." && !/[/\\\p{Cc}]/u.test(segment);
}

/** The answer to a path that is under /api or /apis and names nothing. */
export function noSuchResource(): ApiError {
  return new ApiError("NotFound", "the server could not find the requested resource", { details: {} });
}

/** The answer to a path outside the API. */
export function noSuchPage(): MalformedRequest {
  return new MalformedRequest(404, "404 page not found\n");
}

export function methodNotAllowed(): ApiError {
  return new ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource", { details: {} });
}
