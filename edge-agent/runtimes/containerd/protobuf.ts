/**
 * Protocol Buffers for the messages of one small table. The agent needs about a hundred fields of CRI and containerd;
 * generated classes or a reflection library would cost more memory than the agent's own state, so the fields are data
 * and two loops read them. Unknown fields are skipped, absent ones stay undefined (proto3 does not send defaults).
 *
 * Integers become numbers: nanosecond timestamps lose less than a microsecond, which no caller notices.
 */
export type Scalar = "string" | "bytes" | "bool" | "int" | "map";
/** [field number, type name, "repeated"] */
export type Field = readonly [number, string] | readonly [number, string, "repeated"];
export type Table = { readonly [message: string]: { readonly [field: string]: Field } };

type Single<T extends Table, N> = N extends "string" ? string
  : N extends "bytes" ? Uint8Array
  : N extends "bool" ? boolean
  : N extends "int" ? number
  : N extends "map" ? { readonly [key: string]: string }
  : N extends keyof T ? Message<T, N> : never;

/** The object type of message `N`: every field is optional. */
export type Message<T extends Table, N extends keyof T> = {
  readonly [F in keyof T[N]]?: (T[N][F] extends readonly [number, infer M, "repeated"] ? readonly Single<T, M>[]
    : T[N][F] extends readonly [number, infer M] ? Single<T, M> : never) | undefined;
};

export interface Codec<T extends Table> {
  encode<N extends keyof T & string>(message: N, value: Message<T, N>): Uint8Array;
  /** @throws Error on truncated or malformed input */
  decode<N extends keyof T & string>(message: N, bytes: Uint8Array): Message<T, N>;
}

type Loose = { readonly [field: string]: unknown };

const VARINT = 0;
const LENGTH = 2;
const TWO_32 = 2 ** 32;

export function protobuf<T extends Table>(table: T): Codec<T> {
  const byNumber = new Map<string, ReadonlyMap<number, readonly [string, Field]>>();
  for (const [name, fields] of Object.entries(table)) {
    byNumber.set(name, new Map(Object.entries(fields).map(([field, spec]) => [spec[0], [field, spec]])));
  }

  const encodeMessage = (name: string, value: Loose): Buffer => {
    const parts: Uint8Array[] = [];
    for (const [field, spec] of Object.entries(table[name] ?? {})) {
      const content = value[field];
      if (content === undefined) continue;
      const [number, type] = spec;
      if (type === "map") {
        for (const [key, text] of Object.entries(content as Record<string, string>)) {
          parts.push(delimited(number, Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, Buffer.from(text))])));
        }
      } else if (spec[2] === "repeated" && type === "int") {
        parts.push(delimited(number, Buffer.concat((content as number[]).map(varint))));
      } else {
        for (const item of spec[2] === "repeated" ? (content as unknown[]) : [content]) parts.push(encodeField(number, type, item));
      }
    }
    return Buffer.concat(parts);
  };

  const encodeField = (number: number, type: string, value: unknown): Uint8Array => {
    switch (type) {
      case "string":
        return delimited(number, Buffer.from(value as string));
      case "bytes":
        return delimited(number, value as Uint8Array);
      case "bool":
        return Buffer.concat([varint((number << 3) | VARINT), varint(value === true ? 1 : 0)]);
      case "int":
        return Buffer.concat([varint((number << 3) | VARINT), varint(value as number)]);
      default:
        return delimited(number, encodeMessage(type, value as Loose));
    }
  };

  const decodeMessage = (name: string, bytes: Uint8Array): Loose => {
    const fields = byNumber.get(name);
    const out: Record<string, unknown> = {};
    const reader = new Reader(bytes);
    while (!reader.done) {
      const key = reader.varint();
      const wire = key & 7;
      const known = fields?.get(Math.floor(key / 8));
      if (known === undefined) {
        reader.skip(wire);
        continue;
      }
      const [field, [, type, repeated]] = known;
      if (type === "map") {
        const [entryKey, entryValue] = mapEntry(reader.bytes());
        out[field] = { ...(out[field] as object | undefined), [entryKey]: entryValue };
      } else if (repeated === "repeated") {
        const list = (out[field] ??= []) as unknown[];
        if (type === "int" && wire === LENGTH) {
          const packed = new Reader(reader.bytes());
          while (!packed.done) list.push(packed.varint());
        } else list.push(decodeField(reader, type));
      } else out[field] = decodeField(reader, type);
    }
    return out;
  };

  const decodeField = (reader: Reader, type: string): unknown => {
    switch (type) {
      case "string":
        return Buffer.from(reader.bytes()).toString("utf8");
      case "bytes":
        return reader.bytes();
      case "bool":
        return reader.varint() !== 0;
      case "int":
        return reader.varint();
      default:
        return decodeMessage(type, reader.bytes());
    }
  };

  return {
    encode: (name, value) => encodeMessage(name, value as Loose),
    decode: (name, bytes) => decodeMessage(name, bytes) as never,
  };
}

function mapEntry(bytes: Uint8Array): [string, string] {
  const reader = new Reader(bytes);
  const entry = ["", ""];
  while (!reader.done) {
    const key = reader.varint();
    const number = Math.floor(key / 8);
    if ((key & 7) === LENGTH && (number === 1 || number === 2)) entry[number - 1] = Buffer.from(reader.bytes()).toString("utf8");
    else reader.skip(key & 7);
  }
  return [entry[0] ?? "", entry[1] ?? ""];
}

function delimited(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | LENGTH), varint(content.length), content]);
}

/** Negative numbers take ten bytes: two's complement of 64 bits, as int32 and int64 both do. */
function varint(value: number): Buffer {
  let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : BigInt(Math.trunc(value));
  const out: number[] = [];
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("protobuf: the message ends inside a number");
      const bits = byte & 127;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift === 28) {
        low += (bits & 15) * 2 ** 28;
        high += bits >> 4;
      } else high += bits * 2 ** (shift - 32);
      if (byte < 128) {
        high %= TWO_32;
        return high >= 2 ** 31 ? (high - TWO_32) * TWO_32 + low : high * TWO_32 + low;
      }
    }
    throw new Error("protobuf: a number is longer than ten bytes");
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new Error("protobuf: the message ends inside a field");
    const out = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return out;
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === LENGTH) this.bytes();
    else if (wire === 1) this.#at += 8;
    else if (wire === 5) this.#at += 4;
    else throw new Error(`protobuf: unknown wire type ${wire}`);
  }
}
