/**
 * The bytes of one protobuf message, read forward. Every length is checked against what is left of the message; whatever is
 * wrong is a BadRequest.
 */
import { badRequest } from "../status.ts";
import { BYTES, FIXED32, FIXED64, VARINT } from "./protobuf-plan.ts";

export const malformed = (what: string) => badRequest(`protobuf: ${what}`);

/** One position in the bytes of one message. */
export class Reader {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** 64 bits, two's complement, as a number: exact up to 2^53 */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw malformed("unexpected end of a number");
      const byte = this.bytes[this.at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) return (high | 0) * 2 ** 32 + (low >>> 0);
    }
    throw malformed("a number has more than ten bytes");
  }

  tag(): { number: number; wire: number } {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw malformed("a field has no valid number");
    return { number: Math.floor(tag / 8), wire: tag % 8 };
  }

  double(): number {
    if (this.end - this.at < 8) throw malformed("unexpected end of a double");
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  /** the bytes of a string or message; moves behind them */
  inner(): Reader {
    const length = this.varint();
    if (length < 0 || length > this.end - this.at) throw malformed("a length is beyond the end of the message");
    const start = this.at;
    this.at += length;
    return new Reader(this.bytes, start, this.at);
  }

  text(): string {
    return this.bytes.toString("utf8", this.at, this.end);
  }

  rest(): Buffer {
    return this.bytes.subarray(this.at, this.end);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === FIXED64) this.#forward(8);
    else if (wire === BYTES) this.inner();
    else if (wire === FIXED32) this.#forward(4);
    else throw malformed(`wire type ${wire} is not supported`);
  }

  #forward(length: number): void {
    if (this.end - this.at < length) throw malformed("unexpected end of a field");
    this.at += length;
  }
}
