/**
 * The bytes of an object, kept beside it. An object that came from the store remembers the stored bytes, which differ
 * from the answer only by the resource version: it is spliced in, nothing is serialized again. A list joins the bytes of
 * its items without decoding them; an event is encoded once for all its watchers.
 *
 * Layout of stored bytes: {"apiVersion":…,"kind":…,"metadata":{… then the rest. `head` is the length up to and including
 * the brace after "metadata": the place of the splice.
 */
import type { KubeList, KubeObject } from "../api/meta.ts";
import type { WatchEvent } from "../api/client.ts";

export interface StoredBytes {
  readonly bytes: Buffer;
  readonly head: number;
  readonly revision: number;
}

/** `bare`: items of this kind carry no apiVersion and kind, as those of built-in kinds in Kubernetes */
export interface ListBytes {
  readonly opening: string;
  readonly items: readonly StoredBytes[];
  readonly bare: boolean;
}

const ofObject = new WeakMap<object, StoredBytes>();
const ofList = new WeakMap<object, ListBytes>();
const ofEvent = new WeakMap<object, Buffer>();

export function keepBytes(object: KubeObject, stored: StoredBytes): void {
  ofObject.set(object, stored);
}

export function keepListBytes(list: KubeList, bytes: ListBytes): void {
  ofList.set(list, bytes);
}

/** JSON of an object as the API answers it. */
export function encodedOf(object: object): Buffer {
  const list = ofList.get(object);
  if (list !== undefined) return joined(list);
  const stored = ofObject.get(object);
  return stored === undefined ? Buffer.from(JSON.stringify(object)) : spliced(stored, false);
}

/** One line of a watch: {"type":…,"object":…} and a line feed. */
export function encodedEvent(event: WatchEvent): Buffer {
  let bytes = ofEvent.get(event);
  if (bytes === undefined) {
    bytes = Buffer.concat([Buffer.from(`{"type":"${event.type}","object":`), encodedOf(event.object), Buffer.from("}\n")]);
    ofEvent.set(event, bytes);
  }
  return bytes;
}

const METADATA = '"metadata":{';

function spliced({ bytes, head, revision }: StoredBytes, bare: boolean): Buffer {
  const version = `"resourceVersion":"${revision}",`;
  const out = Buffer.allocUnsafe(length({ bytes, head, revision }, bare));
  let at = bare ? out.write(`{${METADATA}`, 0, "latin1") : bytes.copy(out, 0, 0, head);
  at += out.write(version, at, "latin1");
  bytes.copy(out, at, head);
  return out;
}

function length({ bytes, head, revision }: StoredBytes, bare: boolean): number {
  const version = 21 + String(revision).length;
  return bare ? bytes.length - head + METADATA.length + 1 + version : bytes.length + version;
}

function joined({ opening, items, bare }: ListBytes): Buffer {
  const parts: Buffer[] = [Buffer.from(opening)];
  const comma = Buffer.from(",");
  for (const item of items) {
    if (parts.length > 1) parts.push(comma);
    parts.push(spliced(item, bare));
  }
  parts.push(Buffer.from("]}"));
  return Buffer.concat(parts);
}
