/**
 * /openapi/v3 and /openapi/v2. A document is made when somebody asks and kept compressed: plain, all of them would be
 * larger than the rest of the server's memory. Each has a hash of its text, so clients keep theirs until it changes.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Kind, KindTable } from "../../api/kinds.ts";
import { apiVersionOf } from "../../api/meta.ts";
import type { Call } from "../call.ts";
import { groupsOf } from "../discovery/groups.ts";
import { takesGzip } from "../format.ts";
import type { Page } from "../pages.ts";
import type { Message } from "../reply.ts";
import { json } from "../reply.ts";
import { noSuchPage } from "../target.ts";
import { documentV2, documentV3 } from "./documents.ts";
import { gnosticDocument } from "./gnostic.ts";

interface Kept {
  readonly kinds: readonly Kind[];
  readonly hash: string;
  readonly zipped: Buffer;
}

export function openApiPages(kinds: KindTable): { readonly [path: string]: Page } {
  const documents = new Map<string, Kept>();
  let second: Kept | undefined;
  let gnostic: Kept | undefined;

  /** "api/v1", "apis/apps/v1" → kinds */
  function groupVersions(): ReadonlyMap<string, readonly Kind[]> {
    const found = new Map<string, readonly Kind[]>();
    for (const { group, versions } of groupsOf(kinds)) {
      for (const { version, kinds: of } of versions) found.set(`${group === "" ? "api" : "apis"}/${apiVersionOf({ group, version })}`, of);
    }
    return found;
  }

  function documentOf(path: string, of: readonly Kind[]): Kept {
    const kept = documents.get(path);
    if (kept !== undefined && sameKinds(kept.kinds, of)) return kept;
    const made = keep(of, documentV3(of));
    documents.set(path, made);
    return made;
  }

  function root(call: Call): Message {
    const current = groupVersions();
    for (const path of documents.keys()) if (!current.has(path)) documents.delete(path);
    const paths: { [path: string]: { readonly serverRelativeURL: string } } = {};
    for (const [path, of] of current) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${documentOf(path, of).hash}` };
    const body = JSON.stringify({ paths });
    const etag = `"${hashOf(body)}"`;
    if (call.header("if-none-match") === etag) return { status: 304, headers: { ETag: etag }, body: null };
    return json({ paths }, 200, { ETag: etag, Vary: "Accept" });
  }

  function document(call: Call): Message {
    const path = call.segments.slice(2).join("/");
    const of = groupVersions().get(path);
    if (of === undefined) throw noSuchPage();
    const kept = documentOf(path, of);
    const asked = call.query.get("hash");
    if (asked !== null && asked !== kept.hash) {
      return { status: 301, headers: { Location: `/openapi/v3/${path}?hash=${kept.hash}` }, body: null };
    }
    // the address names the content: it never changes
    const headers = asked === null ? {} : { "Cache-Control": "public, immutable", Expires: new Date(Date.now() + YEAR_MS).toUTCString() };
    return sent(call, kept, headers);
  }

  function version2(call: Call): Message {
    const of = groupsOf(kinds).flatMap(({ versions }) => versions.flatMap((each) => each.kinds));
    if (second === undefined || !sameKinds(second.kinds, of)) second = keep(of, documentV2(of));
    if (!PROTOBUF.test(call.header("accept") ?? "")) return sent(call, second, {});
    if (gnostic?.kinds !== second.kinds) {
      const bytes = gnosticDocument(JSON.parse(gunzipSync(second.zipped).toString()) as object);
      gnostic = { kinds: second.kinds, hash: hashOf(bytes), zipped: gzipSync(bytes, { level: 6 }) };
    }
    return sent(call, gnostic, { "Content-Type": "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" });
  }

  // any method reads them, as in Kubernetes
  return { "/openapi/v3": root, "/openapi/v3/*": document, "/openapi/v2": version2 };
}

/** What client-go asks for, with a dot or, as it was once, an at sign; before any other type that could be meant. */
const PROTOBUF = /^\s*application\/com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf/;
const YEAR_MS = 365 * 24 * 3_600_000;

function keep(kinds: readonly Kind[], document: object): Kept {
  const text = JSON.stringify(document);
  return { kinds, hash: hashOf(text), zipped: gzipSync(text, { level: 6 }) };
}

const hashOf = (text: string | Buffer) => createHash("sha256").update(text).digest("hex").toUpperCase();

const sameKinds = (a: readonly Kind[], b: readonly Kind[]) => a.length === b.length && a.every((kind, index) => kind === b[index]);

function sent(call: Call, { hash, zipped }: Kept, more: { readonly [name: string]: string }): Message {
  const headers = { "Content-Type": "application/json", ETag: `"${hash}"`, Vary: "Accept, Accept-Encoding", ...more };
  if (call.header("if-none-match") === headers.ETag) return { status: 304, headers, body: null };
  if (!takesGzip(call.header("accept-encoding"))) return { status: 200, headers, body: gunzipSync(zipped) };
  return { status: 200, headers: { ...headers, "Content-Encoding": "gzip" }, body: zipped };
}
