/**
 * CBOR (RFC 8949) as the Kubernetes API uses it (KEP-4222): JSON-like data behind the self-described tag, strings as byte
 * strings, no indefinite lengths. The reader builds nothing but JSON-like data and trusts no length: depth and number of
 * values are bounded as for JSON, every container must fit into the bytes that are there, other tags are refused.
 * Its own few lines, because libraries write strings as text, which Go clients do not take for `[]byte` fields.
 */
import { badRequest } from "../api/status.ts";
import { MAX_DEPTH, MAX_OBJECTS, setField } from "../api/schema/parse-json.ts";

const SELF_DESCRIBED = 55_799;
/** RFC 8949, 3.4.5.2: how the bytes would be written as text */
const asText: { readonly [tag: number]: BufferEncoding } = { 21: "base64url", 22: "base64", 23: "hex" };
/** Tags of times: Kubernetes writes them as text, which is inside. */
const TIME_TEXT = 0;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws ApiError "BadRequest" */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(MAX_DEPTH);
  if (reader.position !== bytes.length) throw refused(`${bytes.length - reader.position} bytes of extraneous data starting at index ${reader.position}`);
  return value;
}

const refused = (why: string) => badRequest(`error decoding CBOR: ${why}`);

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #values = 0;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): unknown {
    if (depth === 0) throw refused(`exceeded max depth of ${MAX_DEPTH}`);
    if (++this.#values > MAX_OBJECTS) throw refused(`more than ${MAX_OBJECTS} values`);
    const initial = this.#byte();
    const major = initial >> 5;
    const short = initial & 31;
    if (major === 7) return this.#simple(short);
    const argument = this.#argument(short);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
      case 3:
        return this.#text(argument);
      case 4:
        return this.#list(argument, depth);
      case 5:
        return this.#map(argument, depth);
      default:
        return this.#tagged(argument, depth);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.position++];
    if (byte === undefined) throw refused("unexpected end of data");
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.position) throw refused("unexpected end of data");
    this.position += length;
    return this.#bytes.subarray(this.position - length, this.position);
  }

  #argument(short: number): number {
    if (short < 24) return short;
    if (short > 27) throw refused(short === 31 ? "indefinite lengths are not accepted" : "reserved length");
    const size = 1 << (short - 24);
    const at = this.position;
    this.#take(size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    const wide = this.#view.getBigUint64(at);
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw refused("integer beyond 2^53");
    return Number(wide);
  }

  #text(length: number): string {
    try {
      return utf8.decode(this.#take(length));
    } catch (error) {
      if (error instanceof TypeError) throw refused("invalid UTF-8 string");
      throw error;
    }
  }

  #list(length: number, depth: number): unknown[] {
    if (length > this.#bytes.length - this.position) throw refused("unexpected end of data");
    const list: unknown[] = [];
    for (let index = 0; index < length; index++) list.push(this.value(depth - 1));
    return list;
  }

  #map(length: number, depth: number): { [key: string]: unknown } {
    if (length * 2 > this.#bytes.length - this.position) throw refused("unexpected end of data");
    const map: { [key: string]: unknown } = {};
    for (let index = 0; index < length; index++) {
      const major = (this.#bytes[this.position] ?? 0) >> 5;
      if (major !== 2 && major !== 3) throw refused("a map key is not a string");
      const key = this.value(1) as string;
      if (Object.hasOwn(map, key)) throw refused(`found duplicate map key ${JSON.stringify(key)}`);
      setField(map, key, this.value(depth - 1));
    }
    return map;
  }

  #tagged(tag: number, depth: number): unknown {
    if (tag === SELF_DESCRIBED || tag === TIME_TEXT) return this.value(depth - 1);
    const encoding = asText[tag];
    const initial = this.#byte();
    if (encoding === undefined || initial >> 5 !== 2) throw refused(`tag ${tag} is not accepted`);
    return Buffer.from(this.#take(this.#argument(initial & 31))).toString(encoding);
  }

  #simple(short: number): boolean | number | null {
    if (short === 20) return false;
    if (short === 21) return true;
    if (short === 22) return null;
    if (short < 25 || short > 27) throw refused("simple value is not accepted");
    const at = this.position;
    this.#take(1 << (short - 24));
    const number = short === 25 ? half(this.#view.getUint16(at)) : short === 26 ? this.#view.getFloat32(at) : this.#view.getFloat64(at);
    if (!Number.isFinite(number)) throw refused("number is not finite");
    return number;
  }
}

/** IEEE 754 binary16 */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  if (exponent === 31) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** JSON-like data behind the self-described tag. */
export function encodeCbor(value: unknown): Uint8Array {
  const writer = new Writer();
  writer.head(6, SELF_DESCRIBED);
  writer.value(value);
  return writer.bytes();
}

/** First allocation; grows by doubling. A Pod is some 2 KB. */
const FIRST_BYTES = 4096;

class Writer {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return this.head(7, value ? 21 : 20);
      case "object":
        if (value === null) return this.head(7, 22);
        return Array.isArray(value) ? this.#list(value) : this.#map(value);
      default:
        throw new TypeError(`a ${typeof value} is not JSON`);
    }
  }

  head(major: number, argument: number): void {
    this.#reserve(9);
    const first = major << 5;
    if (argument < 24) this.#length = this.#buffer.writeUInt8(first | argument, this.#length);
    else if (argument < 0x100) this.#length = this.#buffer.writeUInt8(argument, this.#buffer.writeUInt8(first | 24, this.#length));
    else if (argument < 0x10000) this.#length = this.#buffer.writeUInt16BE(argument, this.#buffer.writeUInt8(first | 25, this.#length));
    else if (argument < 0x100000000) this.#length = this.#buffer.writeUInt32BE(argument, this.#buffer.writeUInt8(first | 26, this.#length));
    else this.#length = this.#buffer.writeBigUInt64BE(BigInt(argument), this.#buffer.writeUInt8(first | 27, this.#length));
  }

  #string(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.head(2, bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(text, this.#length);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) return value < 0 ? this.head(1, -1 - value) : this.head(0, value);
    this.#reserve(9);
    this.#length = this.#buffer.writeDoubleBE(value, this.#buffer.writeUInt8((7 << 5) | 27, this.#length));
  }

  #list(list: readonly unknown[]): void {
    this.head(4, list.length);
    for (const item of list) this.value(item ?? null);
  }

  #map(map: object): void {
    const entries = Object.entries(map).filter(([, value]) => value !== undefined);
    this.head(5, entries.length);
    for (const [key, value] of entries) {
      this.#string(key);
      this.value(value);
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
