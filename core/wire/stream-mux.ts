/**
 * Many streams over one ordered link: ids, per-stream sequence numbers in both directions, bounds. Both ends use it; the
 * server opens, the device accepts. A frame of a stream that is not known is answered with a reset, so that neither side
 * keeps a stream that the other has forgotten; a lost frame resets its stream.
 */
import { ApiError } from "../api/status.ts";
import type { DeviceStream, StreamRequest } from "../api/streams.ts";
import { decodeFrame, encodeFrame } from "./stream-frames.ts";
import type { StreamFrame } from "./stream-frames.ts";
import type { Outgoing, StreamEnd } from "./stream.ts";
import { streamEnd } from "./stream.ts";

/** Streams of one device at a time: with full windows in both directions 32 MB. */
export const MAX_STREAMS = 64;

/** No stream has this id; a reset of it is a reset of all that were accepted. */
const ALL = 0;

export interface StreamMux {
  /** @throws ApiError "TooManyRequests" beyond MAX_STREAMS */
  open(request: StreamRequest): { readonly stream: DeviceStream; readonly accepted: Promise<void> };
  receive(payload: Uint8Array): void;
  /** tells the other side that no stream from before is known here: the connection is a fresh one */
  announce(): void;
  /** the link is gone: all streams end */
  fail(error: ApiError): void;
  size(): number;
}

interface Entry {
  readonly end: StreamEnd;
  received: number;
  readonly accepted: { resolve(): void; reject(error: ApiError): void };
}

export function streamMux(options: {
  readonly send: (payload: Uint8Array) => Promise<void>;
  /** first id; the opener's choice, random per process so that an earlier one's streams are not taken for its own */
  readonly firstId?: number;
  /** what serves the stream; throws what refuses it. undefined: this side accepts no streams */
  readonly accept?: (request: StreamRequest) => (stream: DeviceStream) => void;
  /** a frame that made no sense, for the log */
  readonly refused?: (reason: string) => void;
}): StreamMux {
  const entries = new Map<number, Entry>();
  let nextId = options.firstId === undefined || options.firstId === ALL ? 1 : options.firstId;

  const start = (id: number, accepted: Entry["accepted"]): { entry: Entry; emit: (frame: Outgoing) => Promise<void> } => {
    let sent = 0;
    const emit = (frame: Outgoing) => emitAs({ stream: id, seq: ++sent }, frame);
    const end = streamEnd({ emit, ended: () => void entries.delete(id) });
    const entry: Entry = { end, received: 0, accepted };
    entries.set(id, entry);
    return { entry, emit };
  };
  const emitAs = (address: { stream: number; seq: number }, frame: Outgoing) =>
    options.send(encodeFrame({ ...frame, ...address }));

  const resetUnknown = (stream: number) => {
    const error = new ApiError("ServiceUnavailable", "the stream is not known here: the connection was lost meanwhile");
    emitAs({ stream, seq: 0 }, { kind: "reset", error }).catch(() => {});
  };

  const accept = (frame: StreamFrame & { kind: "open" }) => {
    if (options.accept === undefined || entries.has(frame.stream)) return resetUnknown(frame.stream);
    let serve: (stream: DeviceStream) => void;
    try {
      if (entries.size >= MAX_STREAMS) throw new ApiError("TooManyRequests", `the device serves ${MAX_STREAMS} streams already`);
      serve = options.accept(frame.request);
    } catch (error) {
      const refusal = error instanceof ApiError ? error : new ApiError("InternalError", String(error));
      emitAs({ stream: frame.stream, seq: 1 }, { kind: "reset", error: refusal }).catch(() => {});
      return;
    }
    const { entry, emit } = start(frame.stream, { resolve() {}, reject() {} });
    entry.received = frame.seq;
    emit({ kind: "accept" }).catch(() => {});
    serve(entry.end);
  };

  return {
    size: () => entries.size,
    open(request) {
      if (entries.size >= MAX_STREAMS) throw new ApiError("TooManyRequests", `the device serves ${MAX_STREAMS} streams already`);
      const id = nextId;
      nextId = (nextId + 1) >>> 0 || 1;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // nobody may be waiting when the link fails
      promise.catch(() => {});
      const { entry, emit } = start(id, { resolve, reject });
      emit({ kind: "open", request }).catch((error: unknown) => {
        const failure = new ApiError("ServiceUnavailable", `the device cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
        entry.end.fail(failure);
        reject(failure);
      });
      return { stream: entry.end, accepted: promise };
    },
    receive(payload) {
      const frame = decodeFrame(payload);
      if (typeof frame === "string") return options.refused?.(frame);
      if (frame.kind === "open") return accept(frame);
      if (frame.kind === "reset" && frame.stream === ALL) {
        // those that wait to be accepted may still be on their way there
        for (const entry of entries.values()) if (entry.received > 0) entry.end.fail(frame.error);
        return;
      }
      const entry = entries.get(frame.stream);
      if (entry === undefined) {
        if (frame.kind !== "reset" && frame.kind !== "close") resetUnknown(frame.stream);
        return;
      }
      const unnumbered = frame.kind === "reset" && frame.seq === 0;
      if (!unnumbered && frame.seq !== entry.received + 1) {
        const error = new ApiError("ServiceUnavailable", "part of the stream was lost on the way");
        entry.accepted.reject(error);
        return entry.end.close(error);
      }
      entry.received = frame.seq;
      if (frame.kind === "accept") entry.accepted.resolve();
      if (frame.kind === "reset") entry.accepted.reject(frame.error);
      entry.end.receive(frame);
    },
    announce() {
      const error = new ApiError("ServiceUnavailable", "the device lost its connection");
      emitAs({ stream: ALL, seq: 0 }, { kind: "reset", error }).catch(() => {});
    },
    fail(error) {
      for (const entry of entries.values()) {
        entry.accepted.reject(error);
        entry.end.fail(error);
      }
    },
  };
}
