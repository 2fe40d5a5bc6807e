/**
 * The request target, read once from the bytes the client sent. URL libraries quietly resolve "..", "%2e" and "//", so a
 * path that a proxy in front judged harmless can name something else here; this reader resolves nothing and refuses what
 * two readers could understand differently. Everything later works on the decoded segments.
 */
import { ApiError } from "../api/status.ts";

export interface RequestTarget {
  /** "/api/v1/pods", decoded, without the query */
  readonly path: string;
  /** the path as sent, for what passes it on */
  readonly rawPath: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
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
  const segments: string[] = [];
  const parts = rawPath.slice(1).split("/");
  for (const [index, part] of parts.entries()) {
    // one trailing slash is how clients ask for a collection
    if (part === "" && index === parts.length - 1) break;
    segments.push(decodeSegment(part));
  }
  return {
    path: `/${segments.join("/")}`,
    rawPath,
    segments,
    query: new URLSearchParams(mark < 0 ? "" : raw.slice(mark + 1)),
  };
}

function decodeSegment(part: string): string {
  let decoded: string;
  try {
    decoded = part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    throw new MalformedRequest(400, "400 Bad Request");
  }
  // a name is never empty, never a path step, and never holds a separator or a control character
  if (decoded === "" || decoded === "." || decoded === ".." || /[/\\\p{Cc}]/u.test(decoded)) throw noSuchResource();
  return decoded;
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
