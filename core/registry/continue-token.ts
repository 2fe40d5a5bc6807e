/**
 * Where a chunked list goes on: the revision of its first page and the last key it returned, relative to the listed
 * prefix. Opaque to clients; the form is that of Kubernetes, so that what a client sends back by mistake gets the
 * answers it knows. Revision -1 goes on at the newest state: the inconsistent continuation offered after a compaction.
 */
import { badRequest } from "../api/status.ts";

const VERSION = "meta.k8s.io/v1";
/** The key after the last one: no name contains it. */
const AFTER = "\u0000";

export interface Continuation {
  readonly revision: number;
  /** last key returned, relative to the prefix */
  readonly after: string;
}

export function encodeContinue({ revision, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start: after + AFTER })).toString("base64url");
}

const bad = (why: string) => badRequest(`invalid continue token: continue key is not valid: ${why}`);

/** @throws ApiError "BadRequest" */
export function decodeContinue(token: string): Continuation {
  const wrong = /[^A-Za-z0-9_-]/.exec(token);
  if (wrong !== null) throw bad(`illegal base64 data at input byte ${wrong.index}`);
  if (token.length % 4 === 1) throw bad(`illegal base64 data at input byte ${Math.floor(token.length / 4) * 4}`);
  const text = Buffer.from(token, "base64url").toString("utf8");
  let value: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    value = (JSON.parse(text) ?? {}) as typeof value;
  } catch {
    throw bad(text === "" ? "unexpected end of JSON input" : `invalid character '${text[0]}' looking for beginning of value`);
  }
  if (value.v !== VERSION) throw bad(`server does not recognize this encoded version ${JSON.stringify(value.v ?? "")}`);
  if (typeof value.rv !== "number" || value.rv === 0) throw bad("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  if (typeof value.start !== "string" || value.start === "") throw bad("encoded start key empty (version meta.k8s.io/v1)");
  if (value.start.split("/").includes("..")) throw bad(value.start);
  const start = value.start.startsWith("/") ? value.start.slice(1) : value.start;
  return { revision: value.rv, after: start.endsWith(AFTER) ? start.slice(0, -1) : start };
}
