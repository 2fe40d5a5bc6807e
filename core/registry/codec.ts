/**
 * Between entries of the store and objects of one row of the kind table. An entry is decoded when somebody reads it, once
 * for all readers for as long as one of them holds the object (a WeakRef: what nobody uses does not fill the memory of a
 * small machine). Rows other than the stored version convert.
 */
import { isCustom, type Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { parseJson } from "../api/schema/parse-json.ts";
import type { Entry } from "../store/store.ts";
import type { StoredBytes } from "./encoded.ts";
import { keepBytes } from "./encoded.ts";
import { hasMisreadNames } from "./managed-fields/misread-names.ts";
import { sharedFields, textOfFields } from "./managed-fields/shared-fields.ts";

export interface Codec {
  /** bytes to store: without resourceVersion */
  encode(object: AnyObject): Buffer;
  /** the object of an entry, shared by all readers */
  decode(entry: Entry): AnyObject;
  /** the entry just written holds this object: nobody needs to decode it */
  adopt(entry: Entry, object: AnyObject): AnyObject;
  /** to be awaited before entries are decoded; undefined: nothing to wait for (only conversion by webhook has) */
  prepare(entries: readonly Entry[]): Promise<void> | undefined;
  /** the same for an object before it is encoded */
  prepareWrite(object: AnyObject): Promise<void> | undefined;
  /** bytes of an entry in this row's version, not decoded when it is the stored version */
  bytes(entry: Entry): StoredBytes;
}

export interface CodecOptions {
  /** freeze what is handed out, all the way down: tests find writers to shared objects */
  readonly freeze: boolean;
}

const headOf = (apiVersion: string, kind: string) =>
  Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},"metadata":{`);

export function codecOf(kind: Kind, { freeze }: CodecOptions): Codec {
  const apiVersion = apiVersionOf(kind);
  const storedVersion = apiVersionOf({ group: kind.storageGroup ?? kind.group, version: kind.storageVersion });
  const sameVersion = apiVersion === storedVersion;
  // what may change by reading cannot be answered with the bytes that were written
  const asStored = kind.hooks.read === undefined;
  const head = headOf(apiVersion, kind.kind);
  const decoded = new WeakMap<Entry, WeakRef<AnyObject>>();
  /** by stored value, and by object to store: what a webhook made of them */
  const incoming = new WeakMap<object, AnyObject>();
  const outgoing = new WeakMap<AnyObject, AnyObject>();

  function remember(entry: Entry, object: AnyObject, stored: StoredBytes): AnyObject {
    if (freeze) deepFreeze(object);
    keepBytes(object, stored);
    decoded.set(entry, new WeakRef(object));
    return object;
  }

  const isCurrent = (value: Buffer) => sameVersion && head.compare(value, 0, head.length) === 0;

  function parse(value: Buffer, source?: object): AnyObject {
    const stored = (source === undefined ? undefined : incoming.get(source)) ?? read(value.toString("utf8"));
    if (stored.apiVersion === apiVersion && stored.kind === kind.kind) return kind.hooks.read?.(stored) ?? stored;
    const converted = { ...(kind.hooks.fromStored?.(stored) ?? stored), apiVersion, kind: kind.kind };
    return kind.hooks.read?.(converted) ?? converted;
  }

  /** Of fields whose names have escapes, those of a built-in kind are owners' alone; others may stand anywhere. */
  function read(text: string): AnyObject {
    if (isCustom(kind)) return parseJson(text, { duplicates: false }).value as AnyObject;
    const stored = JSON.parse(text) as AnyObject;
    return hasMisreadNames(stored.metadata.managedFields) ? (parseJson(text, { duplicates: false }).value as AnyObject) : stored;
  }

  function encode(object: AnyObject): Buffer {
    const stored = outgoing.get(object) ?? kind.hooks.toStored?.(object) ?? object;
    return layOut(stored, storedVersion, kind.kind);
  }

  function bytes(entry: Entry): StoredBytes {
    const value = bufferOf(entry.value);
    if (asStored && isCurrent(value)) return { bytes: value, head: head.length, revision: entry.revision };
    return { bytes: layOut(decode(entry), apiVersion, kind.kind), head: head.length, revision: entry.revision };
  }

  function decode(entry: Entry): AnyObject {
    const known = decoded.get(entry)?.deref();
    if (known !== undefined) return known;
    const value = bufferOf(entry.value);
    const parsed = parse(value, entry.value);
    const object = withVersion(parsed, entry.revision);
    const own = asStored && isCurrent(value) ? value : layOut(object, apiVersion, kind.kind);
    return remember(entry, object, { bytes: own, head: head.length, revision: entry.revision });
  }

  async function convertIncoming(entries: readonly Entry[], convert: NonNullable<Kind["hooks"]["convert"]>): Promise<void> {
    const stored = entries.map((entry) => read(bufferOf(entry.value).toString("utf8")));
    const converted = await convert(stored, apiVersion);
    for (const [index, entry] of entries.entries()) {
      const object = converted[index];
      if (object !== undefined) incoming.set(entry.value, object);
    }
  }

  function prepare(entries: readonly Entry[]): Promise<void> | undefined {
    const { convert } = kind.hooks;
    if (convert === undefined) return undefined;
    const foreign = entries.filter((entry) => !incoming.has(entry.value) && head.compare(bufferOf(entry.value), 0, head.length) !== 0);
    return foreign.length === 0 ? undefined : convertIncoming(foreign, convert);
  }

  function prepareWrite(object: AnyObject): Promise<void> | undefined {
    const { convert } = kind.hooks;
    if (convert === undefined || sameVersion) return undefined;
    return convertOutgoing(object, convert);
  }

  async function convertOutgoing(object: AnyObject, convert: NonNullable<Kind["hooks"]["convert"]>): Promise<void> {
    const [converted] = await convert([object], storedVersion);
    if (converted !== undefined) outgoing.set(object, converted);
  }

  return {
    encode,
    decode,
    prepare,
    prepareWrite,
    bytes,
    adopt(entry, object) {
      if (outgoing.has(object)) incoming.set(entry.value, object);
      if (!sameVersion) return decode(entry);
      const stored = { bytes: bufferOf(entry.value), head: head.length, revision: entry.revision };
      return remember(entry, withVersion(object, entry.revision), stored);
    },
  };
}

/** The object as of a revision. */
export function withVersion(object: AnyObject, revision: number): AnyObject {
  const { managedFields } = object.metadata;
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  if (managedFields !== undefined) metadata.managedFields = sharedFields(managedFields);
  return { ...object, metadata };
}

/** As encoded.ts describes it; ownership comes last in metadata, with texts that equal objects share. */
function layOut(object: AnyObject, apiVersion: string, kind: string): Buffer {
  const { managedFields = [] } = object.metadata;
  const metadata = JSON.stringify({ ...object.metadata, resourceVersion: undefined, managedFields: undefined });
  const rest = JSON.stringify({ ...object, apiVersion: undefined, kind: undefined, metadata: undefined });
  const text = [
    `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},"metadata":${metadata.slice(0, -1)}`,
    managedFields.length === 0 ? "" : `${metadata === "{}" ? "" : ","}"managedFields":${textOfFields(managedFields)}`,
    rest === "{}" ? "}}" : `},${rest.slice(1)}`,
  ];
  return ownBuffer(text.join(""));
}

const utf8 = new TextEncoder();

/** Bytes of their own: the store would copy what is cut from Node's pool of small buffers. */
function ownBuffer(text: string): Buffer {
  return bufferOf(utf8.encode(text));
}

function bufferOf(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
}
