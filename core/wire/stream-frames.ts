/**
 * How streams look on the second connection. A frame is small, so that many streams share a link fairly, and it is
 * counted per stream and direction, because MQTT QoS 0 may drop it: a gap resets the stream instead of corrupting it.
 *
 *   kind u8 · stream u32 · sequence u32 · rest by kind
 *   open    the StreamRequest as CBOR              accept  —
 *   data    channel u8 · end u8 · bytes            credit  bytes u32 that the receiver has room for again
 *   close   —                                      reset   {reason, message} as CBOR
 */
import type { StreamRequest } from "../api/streams.ts";
import { ApiError, httpCodeOf } from "../api/status.ts";
import type { StatusReason } from "../api/status.ts";
import { decodePayload, encodeData } from "./codec.ts";
import type { Shape } from "./shape.ts";
import { flag, integer, list, literal, oneOf, Refusal, shape, text } from "./shape.ts";

/** Data of one frame: 16 KB is where throughput stops growing and latency of others is still low. */
export const FRAME_BYTES = 16 * 1024;
/**
 * What may be on its way in one direction of one stream: at 100 ms round trip 2.5 MB/s. It is also what a reader that
 * stops reading costs in memory.
 */
export const WINDOW_BYTES = 256 * 1024;
/** Counted for each data frame beside its bytes: empty frames are not free. */
export const FRAME_COST = 16;

const KINDS = ["open", "accept", "data", "credit", "close", "reset"] as const;
const HEADER_BYTES = 9;
const MAX_TEXT = 64 * 1024;

export type StreamFrame = { readonly stream: number; readonly seq: number } & (
  | { readonly kind: "open"; readonly request: StreamRequest }
  | { readonly kind: "accept" | "close" }
  | { readonly kind: "data"; readonly channel: number; readonly end: boolean; readonly data: Uint8Array }
  | { readonly kind: "credit"; readonly bytes: number }
  | { readonly kind: "reset"; readonly error: ApiError }
);

const container = { namespace: text(), pod: text(), uid: text(), container: text() };
const terminal = { stdin: flag, stdout: flag, stderr: flag, tty: flag };
const request = oneOf<StreamRequest>({
  log: shape(
    { type: literal("log"), ...container },
    {
      follow: flag,
      previous: flag,
      timestamps: flag,
      sinceSeconds: integer,
      sinceTime: text(),
      tailLines: integer,
      limitBytes: integer,
      stream: literal("All", "Stdout", "Stderr"),
    },
  ),
  exec: shape({ type: literal("exec"), ...container, ...terminal, command: list(text(MAX_TEXT), 4_096) }),
  attach: shape({ type: literal("attach"), ...container, ...terminal }),
  portforward: shape({ type: literal("portforward"), namespace: text(), pod: text(), uid: text(), port: integer }),
  kubelet: shape({ type: literal("kubelet") }),
  usage: shape({ type: literal("usage") }),
});
const failure = shape({ reason: text(), message: text(MAX_TEXT) });

export function encodeFrame(frame: StreamFrame): Uint8Array {
  const rest = restOf(frame);
  const bytes = new Uint8Array(HEADER_BYTES + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS.indexOf(frame.kind));
  view.setUint32(1, frame.stream);
  view.setUint32(5, frame.seq);
  bytes.set(rest, HEADER_BYTES);
  return bytes;
}

function restOf(frame: StreamFrame): Uint8Array {
  switch (frame.kind) {
    case "open":
      return encodeData(frame.request);
    case "data": {
      const rest = new Uint8Array(2 + frame.data.length);
      rest[0] = frame.channel;
      rest[1] = frame.end ? 1 : 0;
      rest.set(frame.data, 2);
      return rest;
    }
    case "credit": {
      const rest = new Uint8Array(4);
      new DataView(rest.buffer).setUint32(0, frame.bytes);
      return rest;
    }
    case "reset":
      return encodeData({ reason: frame.error.reason, message: frame.error.message.slice(0, 1024) });
    default:
      return new Uint8Array(0);
  }
}

/** @returns why it is refused, when it is text */
export function decodeFrame(bytes: Uint8Array): StreamFrame | string {
  if (bytes.length < HEADER_BYTES) return "frame is shorter than its header";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS[view.getUint8(0)];
  const stream = view.getUint32(1);
  const seq = view.getUint32(5);
  const rest = bytes.subarray(HEADER_BYTES);
  try {
    switch (kind) {
      case "open":
        return { kind, stream, seq, request: decoded(rest, request) };
      case "accept":
      case "close":
        return { kind, stream, seq };
      case "data":
        if (rest.length < 2 || rest.length > 2 + FRAME_BYTES) return `data frame of ${rest.length} bytes`;
        return { kind, stream, seq, channel: rest[0] ?? 0, end: rest[1] === 1, data: rest.slice(2) };
      case "credit":
        if (rest.length !== 4) return "credit frame is not 4 bytes";
        return { kind, stream, seq, bytes: view.getUint32(HEADER_BYTES) };
      case "reset": {
        const { reason, message } = decoded(rest, failure);
        return { kind, stream, seq, error: new ApiError(isStatusReason(reason) ? reason : "InternalError", message) };
      }
      default:
        return "frame kind is not known: the sender is newer";
    }
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function decoded<T>(bytes: Uint8Array, as: Shape<T>): T {
  let data: unknown;
  try {
    data = decodePayload(bytes);
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error));
  }
  return as(data, "");
}

function isStatusReason(reason: string): reason is StatusReason {
  return Object.hasOwn(httpCodeOf, reason);
}
