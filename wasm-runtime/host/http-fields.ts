/**
 * wasi:http `fields`: header names with values as bytes. Order and repetitions are kept; names compare without case. What
 * belongs to the connection is the host's and refused.
 */
import { Failure } from "./io.ts";

/** Node's own limit for the whole header section is 16 KiB; a guest's answer may be somewhat larger. */
const MAX_FIELDS_BYTES = 64 << 10;

/** RFC 9110 7.6.1 and 7.2, as wasi:http hosts commonly do */
const forbidden = new Set(["connection", "host", "http2-settings", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]);
/** RFC 9110 5.6.2 */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

type HeaderError = { readonly tag: "invalid-syntax" | "forbidden" | "immutable" | "size-exceeded" };
const fail = (tag: HeaderError["tag"]) => new Failure<HeaderError>({ tag });

type Entry = readonly [name: string, value: Uint8Array];

export class Fields {
  #entries: Entry[] = [];
  #immutable = false;
  #bytes = 0;

  static fromList(entries: readonly Entry[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  /** the headers of a request, as node:http gives them: name, value, name, value, … */
  static fromRaw(raw: readonly string[]): Fields {
    const fields = new Fields();
    for (let at = 0; at + 1 < raw.length; at += 2) {
      const name = (raw[at] ?? "").toLowerCase();
      if (!forbidden.has(name)) fields.#entries.push([name, Buffer.from(raw[at + 1] ?? "", "latin1")]);
    }
    fields.#immutable = true;
    return fields;
  }

  /** for node:http: name, value, name, value, … */
  raw(): string[] {
    const out: string[] = [];
    for (const [name, value] of this.#entries) out.push(name, latin1(value));
    return out;
  }

  /** A message owns its headers: what the guest reads back later may not be changed. */
  freeze(): this {
    this.#immutable = true;
    return this;
  }

  get(name: string): Uint8Array[] {
    const key = name.toLowerCase();
    return this.#entries.filter(([of]) => of.toLowerCase() === key).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.get(name).length > 0;
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#check(name, values);
    this.delete(name);
    for (const value of values) this.#push(name, value);
  }

  delete(name: string): void {
    this.#check(name, []);
    const key = name.toLowerCase();
    this.#entries = this.#entries.filter(([of]) => of.toLowerCase() !== key);
    this.#bytes = this.#entries.reduce((sum, [of, value]) => sum + of.length + value.length, 0);
  }

  append(name: string, value: Uint8Array): void {
    this.#check(name, [value]);
    this.#push(name, value);
  }

  entries(): Entry[] {
    return [...this.#entries];
  }

  clone(): Fields {
    const copy = new Fields();
    copy.#entries = [...this.#entries];
    copy.#bytes = this.#bytes;
    return copy;
  }

  #push(name: string, value: Uint8Array): void {
    this.#bytes += name.length + value.length;
    // a trap, not an error: 0.2.0 has no case for it, and a guest that needs this much is broken
    if (this.#bytes > MAX_FIELDS_BYTES) throw new Error(`more than ${MAX_FIELDS_BYTES} bytes of header fields`);
    this.#entries.push([name, value.slice()]);
  }

  #check(name: string, values: readonly Uint8Array[]): void {
    if (this.#immutable) throw fail("immutable");
    if (!token.test(name) || values.some(hasControl)) throw fail("invalid-syntax");
    if (forbidden.has(name.toLowerCase())) throw fail("forbidden");
  }
}

/** RFC 9110 5.5: no CR, LF or NUL, which would split the message. */
function hasControl(value: Uint8Array): boolean {
  return value.includes(13) || value.includes(10) || value.includes(0);
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
}
