/**
 * Accept and Content-Type as Kubernetes negotiates them: up to four formats, and three views of an object (Table and metadata
 * only) that are asked for as parameters of the media type.
 */
import type { Kind } from "../api/kinds.ts";
import { ApiError } from "../api/status.ts";
import { wordTable } from "../api/word-table.ts";

export type Format = "json" | "yaml" | "protobuf" | "cbor";

export interface View {
  readonly as: "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  readonly version: "v1" | "v1beta1";
}

export interface Accepted {
  readonly format: Format;
  readonly view: View | undefined;
}

export const contentTypeOf: { readonly [format in Format]: string } = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf",
  cbor: "application/cbor",
};

const formatOf = wordTable<Format>({
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
  "application/cbor": "cbor",
  // of a watch
  "application/cbor-seq": "cbor",
  "application/*": "json",
  "*/*": "json",
});

/** The formats a kind can be sent in: only what has protobuf field numbers has a protobuf form. */
export function formatsOf(kind: Kind, { cbor }: { readonly cbor: boolean }): readonly Format[] {
  return servedFormats[hasProtobuf(kind) ? "all" : "custom"][cbor ? "withCbor" : "plain"];
}

const servedFormats = {
  all: { plain: ["json", "yaml", "protobuf"], withCbor: ["json", "yaml", "protobuf", "cbor"] },
  custom: { plain: ["json", "yaml"], withCbor: ["json", "yaml", "cbor"] },
} as const;

/** true for the kinds of Kubernetes, false for custom resources */
export function hasProtobuf(kind: Kind): boolean {
  for (const field of kind.schema.fields.values()) if (field.number !== undefined) return true;
  return false;
}

export interface MediaType {
  readonly type: string;
  readonly parameters: { readonly [name: string]: string };
  readonly quality: number;
}

/** More clauses than any client sends; the rest of a longer header is not read. */
const CLAUSES_MAX = 32;

/** Headers read lately: each client program sends the same few with every request. */
const READ_MAX = 256;
/** A longer one is not worth its place. */
const READ_LENGTH_MAX = 512;
const read = new Map<string, readonly MediaType[]>();

/** In order of preference: by quality, then as written. Clauses that are not media types are left out. */
export function parseAccept(header: string): readonly MediaType[] {
  let clauses = read.get(header);
  if (clauses !== undefined) return clauses;
  clauses = clausesOf(header);
  if (header.length > READ_LENGTH_MAX) return clauses;
  if (read.size >= READ_MAX) read.clear();
  read.set(header, clauses);
  return clauses;
}

function clausesOf(header: string): readonly MediaType[] {
  return header
    .split(",", CLAUSES_MAX)
    .map(parseMediaType)
    .filter((clause) => clause !== undefined)
    .toSorted((a, b) => b.quality - a.quality);
}

export function parseMediaType(text: string): MediaType | undefined {
  const [type = "", ...rest] = text.split(";");
  const name = type.trim().toLowerCase();
  if (!/^[\w.+*-]+\/[\w.+*-]+$/.test(name)) return undefined;
  const parameters: { [name: string]: string } = Object.create(null);
  let quality = 1;
  for (const each of rest) {
    const equals = each.indexOf("=");
    if (equals < 0) continue;
    const key = each.slice(0, equals).trim().toLowerCase();
    const value = each.slice(equals + 1).trim().replace(/^"(.*)"$/, "$1");
    if (key === "q") quality = Number(value) || 0;
    else parameters[key] = value;
  }
  return { type: name, parameters, quality };
}

export interface Offer {
  /** false for what is never read back (reviews): such kinds have no Table form */
  readonly tables?: boolean;
  /** the path can be watched, and says so */
  readonly streams?: boolean;
}

/**
 * What the answer will be in.
 * @throws ApiError NotAcceptable when nothing the client takes can be made
 */
export function negotiate(header: string | undefined, formats: readonly Format[], { tables = true, streams = false }: Offer = {}): Accepted {
  if (header === undefined || header.trim() === "") return { format: "json", view: undefined };
  let known = false;
  for (const clause of parseAccept(header)) {
    const format = formatOf[clause.type];
    if (format === undefined || !formats.includes(format)) continue;
    known = true;
    const { as, v, g } = clause.parameters;
    if (as === undefined) return { format, view: undefined };
    if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) continue;
    // Table has no protobuf form
    if (as === "Table" && tables && format !== "protobuf") return { format, view: { as, version: v } };
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return { format, view: { as, version: v } };
  }
  throw known ? noSuchView(formats) : notAcceptable(formats, streams);
}

const STREAMED: ReadonlySet<Format> = new Set(["json", "protobuf"]);

/** A format that could be made, not what it shall show. */
export function noSuchView(formats: readonly Format[]): ApiError {
  return new ApiError("NotAcceptable", `only the following media types are accepted: ${formats.map((format) => contentTypeOf[format]).join(", ")}`);
}

/** `streams`: those of the path's watches are among the representations */
export function notAcceptable(formats: readonly Format[], streams = false): ApiError {
  const watched = streams ? formats.filter((format) => STREAMED.has(format)) : [];
  const available = [...formats.map((format) => contentTypeOf[format]), ...watched.map((format) => `${contentTypeOf[format]};stream=watch`)].join(", ");
  return new ApiError("NotAcceptable", `406: Not Acceptable\n\nAvailable representations: ${available}`, { details: {} });
}

/**
 * The format of a request body; no Content-Type means JSON.
 * @throws ApiError UnsupportedMediaType
 */
export function bodyFormat(contentType: string | undefined, formats: readonly Format[]): Format {
  if (contentType === undefined || contentType === "") return "json";
  const type = parseMediaType(contentType)?.type;
  const format = type === undefined || type.includes("*") ? undefined : formatOf[type];
  if (format === undefined || !formats.includes(format)) throw unsupportedMediaType(formats.map((each) => contentTypeOf[each]));
  return format;
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const types = accepted.join(", ");
  return new ApiError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types}`,
  );
}
