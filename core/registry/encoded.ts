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
  const list = encodedList(object);
  if (list !== undefined) return Buffer.concat([...list.parts()], list.length);
  const stored = ofObject.get(object);
  return stored === undefined ? Buffer.from(JSON.stringify(object)) : enclosed("", stored, "");
}

/** The JSON of a list in parts, which are made one after another: whoever sends them never holds all of it. */
export interface EncodedList {
  /** bytes of all parts together */
  readonly length: number;
  /** Each in room of its own, or in what `room` gives: whoever is done with a part may give its room again. */
  parts(room?: Room): Iterable<Buffer>;
}

/** at least so many bytes, whatever is in them */
export type Room = (bytes: number) => Buffer;

/** undefined for what is not a list of stored objects */
export function encodedList(object: object): EncodedList | undefined {
  const list = ofList.get(object);
  return list === undefined ? undefined : { length: lengthOfList(list), parts: (room = Buffer.allocUnsafe) => partsOf(list, room) };
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

/** The object with its version between two texts, copied once. */
function enclosed(before: string, stored: StoredBytes, after: string): Buffer {
  const out = Buffer.allocUnsafe(before.length + lengthOf(stored, false) + after.length);
  const end = splice(stored, false, out, out.write(before, 0, "latin1"));
  out.write(after, end, "latin1");
  return out;
}

/** Writes the object with its version at `at`. @returns where it ends */
function splice({ bytes, head, revision }: StoredBytes, bare: boolean, out: Buffer, at: number): number {
  let end = at + (bare ? 0 : bytes.copy(out, at, 0, head));
  end += out.write(`${bare ? BARE_HEAD : ""}"resourceVersion":"${revision}",`, end, "latin1");
  return end + bytes.copy(out, end, head);
}

function lengthOf({ bytes, head, revision }: StoredBytes, bare: boolean): number {
  const version = 21 + String(revision).length;
  return bare ? bytes.length - head + BARE_HEAD.length + version : bytes.length + version;
}

const BARE_HEAD = '{"metadata":{';
const CLOSING = "]}";

/** One part is encrypted while the client works on the one before, few of them wait for a slow client, and TLS holds no second copy of all. */
export const PART_BYTES = 256 * 1024;

function lengthOfList({ opening, items, bare }: ListBytes): number {
  const commas = Math.max(0, items.length - 1);
  return items.reduce((sum, item) => sum + lengthOf(item, bare), Buffer.byteLength(opening) + commas + CLOSING.length);
}

/** Parts of whole items, of PART_BYTES at most or one item: the first begins with the opening, the last ends with the closing. */
function* partsOf({ opening, items, bare }: ListBytes, room: Room): Generator<Buffer> {
  let at = 0;
  let before = opening;
  do {
    let size = Buffer.byteLength(before);
    let end = at;
    for (let item = items[end]; item !== undefined; item = items[end]) {
      const more = lengthOf(item, bare) + (end > 0 ? 1 : 0);
      if (end > at && size + more + CLOSING.length > PART_BYTES) break;
      size += more;
      end += 1;
    }
    const after = end === items.length ? CLOSING : "";
    const out = room(size + after.length).subarray(0, size + after.length);
    let written = out.write(before, 0);
    for (const item of items.slice(at, end)) {
      if (at > 0) out[written++] = COMMA;
      written = splice(item, bare, out, written);
      at += 1;
    }
    out.write(after, written, "latin1");
    yield out;
    before = "";
  } while (at < items.length);
}

const COMMA = 0x2c;
