/**
 * As much of the protobuf encoding as etcd's messages need (protobuf.dev, "Encoding"): varints and length-delimited
 * fields. Revisions fit a double until 2^53.
 */
export type Field = readonly [number: number, value: number | boolean | string | Uint8Array | undefined];

const VARINT = 0;
const DELIMITED = 2;

/** Fields that are undefined are left out. */
export function encode(fields: readonly Field[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === "number" || typeof value === "boolean") {
      parts.push(varint(BigInt(number << 3) | BigInt(VARINT)), varint(BigInt.asUintN(64, BigInt(Number(value)))));
      continue;
    }
    const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
    parts.push(varint(BigInt((number << 3) | DELIMITED)), varint(BigInt(bytes.length)), bytes);
  }
  return Buffer.concat(parts);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

/** A decoded message: the values of each field in their order. */
export interface Message {
  /** 0 if absent, as proto3 has it */
  integer(number: number): number;
  bytes(number: number): Buffer;
  text(number: number): string;
  has(number: number): boolean;
  message(number: number): Message;
  messages(number: number): readonly Message[];
}

/** @throws Error when the bytes are not a message */
export function decode(bytes: Buffer): Message {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;

  function readVarint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      if (shift < 28) low += (byte & 0x7f) * 2 ** shift;
      else high += (byte & 0x7f) * 2 ** (shift - 28);
      // Negative numbers are written as 64-bit two's complement: the sum is then at least 2^63.
      if (byte < 0x80) return high >= 2 ** 35 ? Number(BigInt.asIntN(64, BigInt(high) * 2n ** 28n + BigInt(low))) : low + high * 2 ** 28;
    }
    throw new Error("protobuf: a number is cut short");
  }

  function readDelimited(): Buffer {
    const length = readVarint();
    if (length < 0 || at + length > bytes.length) throw new Error("protobuf: a field is cut short");
    at += length;
    return bytes.subarray(at - length, at);
  }

  while (at < bytes.length) {
    const tag = readVarint();
    const type = tag & 7;
    if (type !== VARINT && type !== DELIMITED) throw new Error(`protobuf: wire type ${type} is not expected`);
    const value = type === VARINT ? readVarint() : readDelimited();
    const values = fields.get(tag >>> 3);
    if (values === undefined) fields.set(tag >>> 3, [value]);
    else values.push(value);
  }

  const bytesOf = (number: number): Buffer => {
    const value = fields.get(number)?.at(-1);
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
  };
  return {
    integer: (number) => Number(fields.get(number)?.at(-1) ?? 0),
    bytes: bytesOf,
    text: (number) => bytesOf(number).toString("utf8"),
    has: (number) => fields.has(number),
    message: (number) => decode(bytesOf(number)),
    messages: (number) => (fields.get(number) ?? []).flatMap((value) => (Buffer.isBuffer(value) ? [decode(value)] : [])),
  };
}
