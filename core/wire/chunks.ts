/**
 * Messages larger than one MQTT packet should be travel in pieces. The pieces of one message follow each other in order
 * on an ordered link, so the joiner holds one message at most; whatever does not continue it drops it, with a reason for
 * the log, and the session above notices the missing sequence number and starts over. A repeated piece (QoS 1) is ignored.
 *
 * A piece: 0x00, message id u32, index u16, count u16, then data. No envelope starts with 0x00: it is a CBOR map.
 */
import { MAX_MESSAGE_BYTES } from "./scan.ts";

/** Largest MQTT payload that is accepted; brokers are set to this plus their header. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
/** Size of a piece: 8 s at 64 kbit/s, so that a keepalive behind it is never late. */
export const CHUNK_BYTES = 64 * 1024;

const MARK = 0x00;
const HEADER_BYTES = 9;
const MAX_CHUNKS = Math.ceil(MAX_MESSAGE_BYTES / CHUNK_BYTES);

/** @throws Error when the message is larger than MAX_MESSAGE_BYTES */
export function split(message: Uint8Array, id: number): readonly Uint8Array[] {
  if (message.length > MAX_MESSAGE_BYTES) throw new Error(`message of ${message.length} bytes is larger than ${MAX_MESSAGE_BYTES}`);
  if (message.length <= CHUNK_BYTES) return [message];
  const count = Math.ceil(message.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const data = message.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const piece = new Uint8Array(HEADER_BYTES + data.length);
    const view = new DataView(piece.buffer);
    view.setUint8(0, MARK);
    view.setUint32(1, id >>> 0);
    view.setUint16(5, index);
    view.setUint16(7, count);
    piece.set(data, HEADER_BYTES);
    return piece;
  });
}

export type Joined =
  | { readonly message: Uint8Array }
  /** more to come */
  | { readonly message?: undefined; readonly refused?: undefined }
  | { readonly message?: undefined; readonly refused: string };

export interface Joiner {
  accept(payload: Uint8Array): Joined;
  /** forgets a message that has begun: the link was lost */
  reset(): void;
  /** bytes held */
  held(): number;
}

/** @param maxBytes of one joined message */
export function joiner(maxBytes: number = MAX_MESSAGE_BYTES): Joiner {
  let pieces: Uint8Array[] = [];
  let id = 0;
  let expected = 0;
  let bytes = 0;

  const reset = () => {
    pieces = [];
    expected = 0;
    bytes = 0;
  };
  const refuse = (refused: string): Joined => {
    reset();
    return { refused };
  };

  return {
    reset,
    held: () => bytes,
    accept(payload) {
      if (payload.length > MAX_PAYLOAD_BYTES) return refuse(`payload of ${payload.length} bytes is larger than ${MAX_PAYLOAD_BYTES}`);
      if (payload[0] !== MARK) {
        reset();
        return { message: payload };
      }
      if (payload.length <= HEADER_BYTES) return refuse("piece without data");
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      const message = view.getUint32(1);
      const index = view.getUint16(5);
      const count = view.getUint16(7);
      if (count < 2 || count > MAX_CHUNKS || index >= count) return refuse(`piece ${index} of ${count} is out of bounds`);
      const known = pieces.length > 0 && message === id && count === expected;
      if (known && index < pieces.length) return {};
      if (index !== (known ? pieces.length : 0)) return refuse(`piece ${index} of message ${message} came without those before it`);
      if (!known) reset();
      if (bytes + payload.length - HEADER_BYTES > maxBytes) return refuse(`joined message is larger than ${maxBytes}`);
      id = message;
      expected = count;
      pieces.push(payload.slice(HEADER_BYTES));
      bytes += payload.length - HEADER_BYTES;
      if (pieces.length < count) return {};
      const whole = new Uint8Array(bytes);
      let offset = 0;
      for (const piece of pieces) {
        whole.set(piece, offset);
        offset += piece.length;
      }
      reset();
      return { message: whole };
    },
  };
}
