/**
 * Looks through CBOR (RFC 8949) without building anything, in one pass and constant memory, and refuses what a message
 * never needs. After it a decoder can neither be made to hang, nor to allocate more than the payload justifies, nor to
 * make anything but JSON-like data.
 */

/** A Pod is 9 levels deep, a structural schema in a ConfigMap is text. */
export const MAX_DEPTH = 32;
/** Largest message after joining: 110 pods with large ConfigMaps fit; the smallest device still holds it in memory. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** A Pod has some 500 items in 2.3 KB; no honest message is this dense. */
const ITEMS_PER_BYTE = 0.4;
const MIN_ITEMS = 256;

const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;

/**
 * @param keys size of the key table: integer map keys have to be below it
 * @returns undefined when the payload is acceptable, else why not
 */
export function scan(bytes: Uint8Array, keys: number): string | undefined {
  if (bytes.length > MAX_MESSAGE_BYTES) return `message of ${bytes.length} bytes is larger than ${MAX_MESSAGE_BYTES}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const maxItems = Math.max(MIN_ITEMS, bytes.length * ITEMS_PER_BYTE);
  /** items still to come, per open container; of a map twice its entries, keys at even positions */
  const left: number[] = [];
  const isMap: boolean[] = [];
  let position = 0;
  let items = 0;

  for (;;) {
    if (position >= bytes.length) return "message ends within an item";
    if (++items > maxItems) return `message has more than ${maxItems} items`;
    const initial = bytes[position++] ?? 0;
    const major = initial >> 5;
    const short = initial & 31;
    const top = left.length - 1;
    const isKey = top >= 0 && isMap[top] === true && (left[top] ?? 0) % 2 === 0;

    if (short > 27) return short === 31 ? "indefinite lengths are not accepted" : "reserved length";
    let argument = short;
    if (short >= 24) {
      const size = 1 << (short - 24);
      if (position + size > bytes.length) return "message ends within an item";
      if (size === 1) argument = view.getUint8(position);
      else if (size === 2) argument = view.getUint16(position);
      else if (size === 4) argument = view.getUint32(position);
      else if (major !== SIMPLE) {
        const wide = view.getBigUint64(position);
        if (wide > BigInt(Number.MAX_SAFE_INTEGER)) return "integer beyond 2^53";
        argument = Number(wide);
      } else if (!Number.isFinite(view.getFloat64(position))) return "number is not finite";
      position += size;
    }
    if (isKey && !(major === TEXT || (major === 0 && argument < keys))) {
      return major === 0 ? `field number ${argument} is not in the key table: the sender is newer` : "map key is not text";
    }

    let opened = false;
    switch (major) {
      case 0:
      case 1:
        break;
      case BYTES:
        return "byte strings are not accepted";
      case TEXT:
        if (argument > bytes.length - position) return "text is longer than the message";
        position += argument;
        break;
      case ARRAY:
      case MAP: {
        const count = major === MAP ? argument * 2 : argument;
        if (count > bytes.length - position) return "container is longer than the message";
        if (left.length >= MAX_DEPTH) return `nesting is deeper than ${MAX_DEPTH}`;
        if (count > 0) {
          left.push(count);
          isMap.push(major === MAP);
          opened = true;
        }
        break;
      }
      case TAG:
        return `CBOR tag ${argument} is not accepted`;
      default:
        // false, true, null; floating point of 16, 32, 64 bits
        if (!(short >= 20 && short <= 22) && !(short >= 25 && short <= 27)) return "simple value is not accepted";
        if (short === 25 && (argument & 0x7c00) === 0x7c00) return "number is not finite";
        if (short === 26 && (argument & 0x7f800000) === 0x7f800000) return "number is not finite";
    }
    if (opened) continue;
    while (left.length > 0) {
      const inner = left.length - 1;
      const remaining = (left[inner] ?? 0) - 1;
      left[inner] = remaining;
      if (remaining > 0) break;
      left.pop();
      isMap.pop();
    }
    if (left.length === 0) return position === bytes.length ? undefined : "bytes after the message";
  }
}
