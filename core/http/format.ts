/**
 * A result in the format and view that the client takes. JSON of stored objects is their kept bytes; YAML and protobuf are
 * made on request.
 */
import { constants, gzip } from "node:zlib";
import { promisify } from "node:util";
import { stringify } from "yaml";
import type { Kind } from "../api/kinds.ts";
import type { KubeList, KubeObject } from "../api/meta.ts";
import { ApiError } from "../api/status.ts";
import type { Status } from "../api/status.ts";
import { encodeProtobuf } from "../api/schema/protobuf.ts";
import { type EncodedList, encodedList, encodedOf } from "../registry/encoded.ts";
import type { Call } from "./call.ts";
import { encodeCbor } from "./cbor.ts";
import { contentTypeOf, formatsOf, negotiate } from "./media.ts";
import type { Accepted, Format } from "./media.ts";
import { protobufType } from "./protobuf-types.ts";
import type { Message } from "./reply.ts";
import { whole } from "./reply.ts";
import { includeObject, table } from "./table.ts";
import { partial, partialList } from "./views.ts";

const zip = promisify(gzip);

/** Below this, compressing costs more than it saves on any link (apiserver: 128 KiB, level 1). */
const GZIP_BYTES_MIN = 128 * 1024;

/** `streams`: of a path that can be watched */
export function accepted(call: Call, kind: Kind, streams = false): Accepted {
  return negotiate(call.header("accept"), formatsOf(kind, call), { tables: kind.verbs.includes("get"), streams });
}

export async function objectReply(call: Call, kind: Kind, accept: Accepted, object: KubeObject | Status, status: number, now: number): Promise<Message> {
  if (object.kind === "Status" || accept.view === undefined) return await reply(call, accept.format, object, status);
  const { as, version } = accept.view;
  if (as === "PartialObjectMetadataList") {
    throw new ApiError("NotAcceptable", `you requested PartialObjectMetadataList, but the requested object is not a list (*${goType(kind, kind.kind)})`);
  }
  const shown = object as KubeObject;
  if (as === "PartialObjectMetadata") return await reply(call, accept.format, partial(shown, version), status);
  const { resourceVersion } = shown.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  const include = includeObject(call.query);
  return await reply(call, accept.format, table(kind, [shown], metadata, { version, include, now, withColumns: true }), status);
}

export async function listReply(call: Call, kind: Kind, accept: Accepted, list: KubeList, now: number): Promise<Message> {
  if (accept.view === undefined) return await reply(call, accept.format, list, 200);
  const { as, version } = accept.view;
  if (as === "PartialObjectMetadata") {
    throw new ApiError("NotAcceptable", `you requested PartialObjectMetadata, but the requested object is a list (*${goType(kind, kind.listKind)})`);
  }
  if (as === "PartialObjectMetadataList") return await reply(call, accept.format, partialList(list, version), 200);
  const include = includeObject(call.query);
  return await reply(call, accept.format, table(kind, list.items, list.metadata, { version, include, now, withColumns: true }), 200);
}

/** How apiserver names a type in those messages. */
function goType(kind: Kind, name: string): string {
  return `${kind.group === "" ? "core" : (kind.group.split(".", 1)[0] ?? "")}.${name}`;
}

async function reply(call: Call, format: Format, value: object, status: number): Promise<Message> {
  const headers = { "Content-Type": contentTypeOf[format] };
  return await compressed(call, { status, headers, body: inFormat(call, format, value) });
}

function inFormat(call: Call, format: Format, value: object): Uint8Array | string | EncodedList {
  if (format !== "json") return encodedAs(format, value);
  if (prettyWanted(call)) return `${JSON.stringify(plain(value), null, 2)}\n`;
  return encodedList(value) ?? encodedOf(value);
}

/** @throws ApiError NotAcceptable for what has no protobuf form */
export function encodedAs(format: Format, value: object): Uint8Array | string {
  switch (format) {
    case "json":
      return encodedOf(value);
    case "yaml":
      return stringify(plain(value));
    case "protobuf":
      return protobufOf(value);
    case "cbor":
      return encodeCbor(plain(value));
  }
}

/** What a client would read. */
const plain = (value: object): unknown => JSON.parse(encodedOf(value).toString());

/** @throws ApiError NotAcceptable for what has no protobuf form */
export function protobufOf(value: object): Uint8Array {
  const typed = value as { readonly apiVersion: string; readonly kind: string };
  const type = protobufType(typed.apiVersion, typed.kind);
  if (type === undefined) throw new ApiError("NotAcceptable", `${typed.kind} in ${typed.apiVersion} has no protobuf form: ask for application/json`);
  return encodeProtobuf(type, value as typeof typed & { readonly [field: string]: unknown });
}

/** Asked for, or a person looking with a browser or curl. */
function prettyWanted(call: Call): boolean {
  const asked = call.query.get("pretty");
  if (asked !== null) return asked !== "false" && asked !== "0" && asked !== "";
  return /^(?:curl|Wget|Mozilla)\b/.test(call.header("user-agent") ?? "");
}

/** Compresses large answers for those who take gzip. */
export async function compressed(call: Call, message: Message): Promise<Message> {
  const { body } = message;
  if (body === null || body instanceof ReadableStream || body.length < GZIP_BYTES_MIN) return message;
  if (!takesGzip(call.header("accept-encoding"))) return message;
  const small = await zip(whole(body), { level: constants.Z_BEST_SPEED });
  return { ...message, headers: { ...message.headers, "Content-Encoding": "gzip", Vary: "Accept-Encoding" }, body: small };
}

export function takesGzip(header: string | undefined): boolean {
  return header !== undefined && /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(header);
}
