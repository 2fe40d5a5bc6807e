/**
 * Kubernetes' protobuf bodies ("application/vnd.kubernetes.protobuf"): four magic bytes and an envelope that names the kind
 * around the message of the object. kubectl sends them and takes no other form for them. The codec is driven by the table
 * of facts, so it knows every type that JSON knows.
 */
import { types } from "./facts.ts";
import { parseJson } from "./parse-json.ts";
import { decodeMessage } from "./protobuf-decode.ts";
import { encodeMessage } from "./protobuf-encode.ts";
import { BYTES } from "./protobuf-plan.ts";
import { malformed, Reader } from "./protobuf-reader.ts";
import { Writer } from "./protobuf-writer.ts";
import type { ObjectType } from "./schema.ts";

const MAGIC = Buffer.from("k8s\0");

/** Numbers of runtime.Unknown and of the runtime.TypeMeta in it. */
const envelope = { typeMeta: 1, raw: 2, contentEncoding: 3, contentType: 4 } as const;
const typeMeta = { apiVersion: 1, kind: 2 } as const;
/** Numbers of metav1.WatchEvent, and of the RawExtension in it. */
const watchEvent = { type: 1, object: 2, raw: 1 } as const;

export type TypeOf = (apiVersion: string, kind: string) => ObjectType | undefined;

/** Envelopes inside raw extensions inside envelopes: two levels are what Kubernetes writes. */
const MAX_ENVELOPES = 4;

/**
 * The JSON value of an object, with its apiVersion and kind, as raw as a parsed JSON body (see decodeBody). Throws
 * BadRequest for bytes that are no such object and for kinds that `typeOf` does not know.
 */
export function decodeProtobuf(bytes: Uint8Array, typeOf: TypeOf): { readonly [field: string]: unknown } {
  return decodeEnvelope(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), typeOf, MAX_ENVELOPES);
}

export const isProtobuf = (bytes: Uint8Array) => bytes.length >= MAGIC.length && MAGIC.equals(bytes.subarray(0, MAGIC.length));

function decodeEnvelope(bytes: Buffer, typeOf: TypeOf, left: number): { readonly [field: string]: unknown } {
  if (!isProtobuf(bytes)) throw malformed('the body does not begin with the bytes "k8s\\0"');
  if (left === 0) throw malformed("too many objects inside each other");
  const parts = new Map<number, Reader>();
  readTexts(new Reader(bytes, MAGIC.length), parts);
  const meta = new Map<number, Reader>();
  const metaReader = parts.get(envelope.typeMeta);
  if (metaReader !== undefined) readTexts(metaReader, meta);
  const apiVersion = meta.get(typeMeta.apiVersion)?.text() ?? "";
  const kind = meta.get(typeMeta.kind)?.text() ?? "";

  const encoding = parts.get(envelope.contentEncoding)?.text() ?? "";
  if (encoding !== "") throw malformed(`content encoding "${encoding}" is not supported`);
  const contentType = parts.get(envelope.contentType)?.text() ?? "";
  const raw = parts.get(envelope.raw) ?? new Reader(Buffer.alloc(0));
  if (contentType === "application/json") return asObject(parseJson(raw.text(), { duplicates: false }).value);
  if (contentType !== "" && contentType !== "application/vnd.kubernetes.protobuf") {
    throw malformed(`content type "${contentType}" is not supported`);
  }

  const type = typeOf(apiVersion, kind);
  if (type === undefined) throw malformed(`no kind "${kind}" is known for version "${apiVersion}"`);
  const nested = (inner: Uint8Array) => (isProtobuf(inner) ? decodeEnvelope(Buffer.from(inner), typeOf, left - 1) : undefined);
  return { apiVersion, kind, ...decodeMessage(type, raw, nested) };
}

function asObject(value: unknown): { readonly [field: string]: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("the envelope holds no object");
  return { ...value };
}

function readTexts(reader: Reader, into: Map<number, Reader>): void {
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (wire === BYTES) into.set(number, reader.inner());
    else reader.skip(wire);
  }
}

/** The object in its envelope. `object` must be of `type` already: what does not fit is written as the zero value. */
export function encodeProtobuf(type: ObjectType, object: { readonly apiVersion?: unknown; readonly kind?: unknown; readonly [field: string]: unknown }): Buffer {
  const writer = new Writer();
  for (const number of [envelope.contentType, envelope.contentEncoding]) writer.close(number, writer.length);
  const rawStart = writer.length;
  encodeMessage(writer, type, object);
  writer.close(envelope.raw, rawStart);
  const metaStart = writer.length;
  writeText(writer, typeMeta.kind, object.kind);
  writeText(writer, typeMeta.apiVersion, object.apiVersion);
  writer.close(envelope.typeMeta, metaStart);
  writer.raw(MAGIC);
  return writer.finish();
}

function writeText(writer: Writer, number: number, text: unknown): void {
  const before = writer.length;
  writer.text(typeof text === "string" ? text : "");
  writer.close(number, before);
}

/** One event of a watch as it goes over the wire: its length in four bytes, then a WatchEvent without envelope. */
export function encodeWatchFrame(type: string, object: Uint8Array): Buffer {
  const writer = new Writer();
  const extension = writer.length;
  writer.raw(object);
  writer.close(watchEvent.raw, extension);
  writer.close(watchEvent.object, extension);
  writeText(writer, watchEvent.type, type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(writer.length);
  writer.raw(length);
  return writer.finish();
}

/** Kinds of meta/v1 that travel under any group's version: DeleteOptions, Status, WatchEvent, … */
export function metaTypeOf(kind: string): ObjectType | undefined {
  const model = `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`;
  return types().has(model) ? types().get(model) : undefined;
}
