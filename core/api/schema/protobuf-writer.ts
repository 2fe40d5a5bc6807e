/**
 * Protobuf bytes, written from the end to the beginning: the length of an inner message is known when its tag is due, and
 * nothing is measured or copied twice.
 */
import { BYTES } from "./protobuf-plan.ts";

/** Most objects fit; larger ones double it. */
const FIRST_SIZE = 2048;

export class Writer {
  #bytes = Buffer.allocUnsafe(FIRST_SIZE);
  #start = FIRST_SIZE;

  /** bytes written so far; the difference of two readings is the length of what came between */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#start);
  }

  /** room for `size` bytes before all others; returns where they begin */
  #reserve(size: number): number {
    if (size > this.#start) {
      const used = this.length;
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, used + size));
      this.#bytes.copy(grown, grown.length - used, this.#start);
      this.#bytes = grown;
      this.#start = grown.length - used;
    }
    this.#start -= size;
    return this.#start;
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  text(text: string): void {
    const size = Buffer.byteLength(text);
    const at = this.#reserve(size);
    this.#bytes.write(text, at, size, "utf8");
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** negative numbers are 64 bits, two's complement */
  varint(value: number): void {
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    let at = this.#reserve(size);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[at++] = (rest % 0x80) | 0x80;
    this.#bytes[at] = rest;
  }

  #bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.raw(Uint8Array.from(bytes));
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** closes a message or string whose bytes were written since `before` */
  close(number: number, before: number): void {
    this.varint(this.length - before);
    this.tag(number, BYTES);
  }
}
