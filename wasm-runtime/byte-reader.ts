/**
 * Bytes of a WebAssembly binary, read forward and never past an end; what the bytes mean, and how a broken file is reported,
 * is the reader's own. Binary format: WebAssembly core specification, 5.2.
 */
export abstract class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** The error for bytes that end too soon, or for a number that does not end. */
  protected abstract broken(what: "bytes" | "number"): Error;

  done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    const value = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
    if (value === undefined) throw this.broken("bytes");
    return value;
  }

  /** LEB128 of at most `bytes` bytes: 5 for 32 bits, 10 for 64 */
  protected leb128(bytes: number): number {
    let value = 0;
    for (let shift = 0; shift < bytes * 7; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.broken("number");
  }

  /** Steps over `size` bytes: where they stand, for a reader of their own. */
  protected span(size: number): [bytes: Uint8Array, at: number, end: number] {
    const [at, end] = [this.#at, this.#at + size];
    if (end > this.#end) throw this.broken("bytes");
    this.#at = end;
    return [this.#bytes, at, end];
  }

  /** UTF-8 of `size` bytes */
  protected text(size: number): string {
    const [bytes, at] = this.span(size);
    return Buffer.from(bytes.buffer, bytes.byteOffset + at, size).toString("utf8");
  }
}
