/**
 * Where a chunked list goes on: the revision of its first page and the last key it returned, relative to the listed
 * prefix. Opaque to clients; the form is that of Kubernetes, so that what a client sends back by mistake gets the
 * answers it knows. Revision -1 goes on at the newest state: the inconsistent continuation offered after a compaction.
 */
import { isUtf8 } from "node:buffer";
import { parseJson } from "../api/schema/parse-json.ts";
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
  const bytes = Buffer.from(token, "base64url");
  const { v = "", rv = 0, start: key = "" } = fieldsOf(bytes);
  if (v !== VERSION) throw bad(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw bad("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  if (key === "") throw bad("encoded start key empty (version meta.k8s.io/v1)");
  if (key.split("/").includes("..")) throw bad(key);
  const start = key.startsWith("/") ? key.slice(1) : key;
  return { revision: rv, after: start.endsWith(AFTER) ? start.slice(0, -1) : start };
}

interface Fields {
  readonly v?: string;
  readonly rv?: number;
  readonly start?: string;
}

const TYPES = { v: "string", rv: "int64", start: "string" } as const;

/** @throws ApiError "BadRequest" in Go's words, for no JSON and for fields of other types */
function fieldsOf(bytes: Buffer): Fields {
  const value = parsed(bytes) ?? {};
  if (typeof value !== "object" || Array.isArray(value)) throw bad(`json: cannot unmarshal ${jsonType(value)} into Go value of type storage.continueToken`);
  for (const [name, type] of Object.entries(TYPES)) {
    const field: unknown = (value as { readonly [name: string]: unknown })[name];
    if (field === undefined || field === null || typeof field === (type === "int64" ? "number" : type)) continue;
    throw bad(`json: cannot unmarshal ${jsonType(field)} into Go struct field continueToken.${name} of type ${type}`);
  }
  return value;
}

function parsed(bytes: Buffer): unknown {
  try {
    // Go names the byte that it cannot read, not the character
    return parseJson(bytes.toString(isUtf8(bytes) ? "utf8" : "latin1"), { duplicates: false }).value;
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
}

function jsonType(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
}
