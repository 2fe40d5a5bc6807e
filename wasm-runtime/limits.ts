/**
 * Bounds a core module's memories and tables by rewriting its sections: V8 has no limit per instance, and a heap limit does
 * not cover WebAssembly memory. Everything else is copied byte by byte.
 * Binary format: WebAssembly core specification, 5.5 (sections 4 "table" and 5 "memory").
 */
export const PAGE_BYTES = 65_536;
/** Function tables of the largest known guests have some 10,000 entries; an entry costs the host 8 to 16 bytes. */
const MAX_TABLE_ENTRIES = 1 << 20;

const SECTION_TABLE = 4;
const SECTION_MEMORY = 5;
const HAS_MAXIMUM = 1;
const SHARED = 2;
const MEMORY64 = 4;

/** The module needs more than it may have, or something that cannot be bounded. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

/** @returns the module with every memory's maximum at most `maxPages`. @throws LimitError */
export function boundMemory(module: Uint8Array, maxPages: number): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  const cursor = { bytes: module, at: 8 };
  while (cursor.at < module.length) {
    const start = cursor.at;
    const id = readByte(cursor);
    const size = readU32(cursor);
    const end = cursor.at + size;
    if (end > module.length) throw new LimitError("the module is cut off");
    if (id === SECTION_MEMORY) parts.push(section(id, rewrite(cursor, end, maxPages, false)));
    else if (id === SECTION_TABLE) parts.push(section(id, rewrite(cursor, end, MAX_TABLE_ENTRIES, true)));
    else parts.push(module.subarray(start, end));
    cursor.at = end;
  }
  return Buffer.concat(parts);
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function rewrite(cursor: Cursor, end: number, bound: number, tables: boolean): number[] {
  const count = readU32(cursor);
  const out = encodeU32(count);
  for (let index = 0; index < count; index++) {
    if (tables) {
      const start = cursor.at;
      const type = readByte(cursor);
      // 0x40 0x00 reftype limits expr: a table with an initializer, copied with its bounded limits is not worth the parser
      if (type === 0x40) throw new LimitError("the module has a table with an initializer expression, which cannot be bounded");
      if (type === 0x63 || type === 0x64) readU32(cursor);
      out.push(...cursor.bytes.subarray(start, cursor.at));
    }
    const flags = readByte(cursor);
    if (flags & SHARED) throw new LimitError("the module has a shared memory: threads are not supported");
    if (flags & MEMORY64) throw new LimitError("the module has a 64-bit memory, which is not supported");
    const initial = readU32(cursor);
    const maximum = flags & HAS_MAXIMUM ? readU32(cursor) : bound;
    if (initial > bound) {
      throw new LimitError(tables ? `a table begins with ${initial} entries, at most ${bound} are allowed` : `the module begins with ${initial * PAGE_BYTES} bytes of memory, the limit is ${bound * PAGE_BYTES}`);
    }
    out.push(flags | HAS_MAXIMUM, ...encodeU32(initial), ...encodeU32(Math.min(maximum, bound)));
  }
  if (cursor.at !== end) throw new LimitError("the module has a malformed section");
  return out;
}

const section = (id: number, body: readonly number[]) => Uint8Array.from([id, ...encodeU32(body.length), ...body]);

function readByte(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at++];
  if (value === undefined) throw new LimitError("the module is cut off");
  return value;
}

function readU32(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(cursor);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new LimitError("the module has a malformed number");
}

function encodeU32(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return out;
}
