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
  return stored === undefined ? Buffer.from(JSON.stringify(object)) : enclosed("", stored, "");
}

/** One line of a watch: {"type":…,"object":…} and a line feed. */
export function encodedEvent(event: WatchEvent): Buffer {
  let bytes = ofEvent.get(event);
  if (bytes === undefined) {
    const stored = ofObject.get(event.object);
    const opening = `{"type":"${event.type}","object":`;
    bytes = stored === undefined ? Buffer.from(`${opening}${JSON.stringify(event.object)}${END_OF_EVENT}`) : enclosed(opening, stored, END_OF_EVENT);
    ofEvent.set(event, bytes);
  }
  return bytes;
}

const END_OF_EVENT = "}\n";
const METADATA = '"metadata":{';

/** The object with its version between two texts, copied once. */
function enclosed(before: string, stored: StoredBytes, after: string): Buffer {
  const out = Buffer.allocUnsafe(before.length + lengthOf(stored, false) + after.length);
  const end = splice(stored, false, out, out.write(before, 0, "latin1"));
  out.write(after, end, "latin1");
  return out;
}

/** Writes the object with its version at `at`. @returns where it ends */
function splice({ bytes, head, revision }: StoredBytes, bare: boolean, out: Buffer, at: number): number {
  let end = at + (bare ? out.write(`{${METADATA}`, at, "latin1") : bytes.copy(out, at, 0, head));
  end += out.write(`"resourceVersion":"${revision}",`, end, "latin1");
  return end + bytes.copy(out, end, head);
}

function lengthOf({ bytes, head, revision }: StoredBytes, bare: boolean): number {
  const version = 21 + String(revision).length;
  return bare ? bytes.length - head + METADATA.length + 1 + version : bytes.length + version;
}

/** Into one buffer of the right size: a list of thousands is copied once. */
function joined({ opening, items, bare }: ListBytes): Buffer {
  const commas = Math.max(0, items.length - 1);
  const size = items.reduce((sum, item) => sum + lengthOf(item, bare), Buffer.byteLength(opening) + commas + CLOSING.length);
  const out = Buffer.allocUnsafe(size);
  let at = out.write(opening, 0);
  for (const [index, item] of items.entries()) {
    if (index > 0) at += out.write(",", at, "latin1");
    at = splice(item, bare, out, at);
  }
  out.write(CLOSING, at, "latin1");
  return out;
}

const CLOSING = "]}";
