/**
 * One stream, the same at both ends: what it sends waits for credit, what it receives is held until the reader takes it,
 * never more than the window. The multiplexer (stream-mux.ts) owns frames and ids.
 */
import { ApiError } from "../api/status.ts";
import type { DeviceStream, Frame } from "../api/streams.ts";
import type { StreamFrame } from "./stream-frames.ts";
import { FRAME_BYTES, FRAME_COST, WINDOW_BYTES } from "./stream-frames.ts";

/** A frame without its address: the mux adds stream and sequence. */
type Unaddressed<F> = F extends unknown ? Omit<F, "stream" | "seq"> : never;
export type Outgoing = Unaddressed<StreamFrame>;

export interface StreamEnd extends DeviceStream {
  /** a frame that came for this stream, in order */
  receive(frame: StreamFrame): void;
  /** ends it without telling the other side */
  fail(error: ApiError): void;
}

/** Credit goes back in halves of the window: two frames per 256 KB. */
const CREDIT_STEP = WINDOW_BYTES / 2;

const costOf = (data: Uint8Array) => data.length + FRAME_COST;

export function streamEnd(options: {
  /** resolves when the link has taken the frame */
  readonly emit: (frame: Outgoing) => Promise<void>;
  readonly ended: () => void;
}): StreamEnd {
  const { emit } = options;
  const incoming: Frame[] = [];
  let held = 0;
  let taken = 0;
  let credit = WINDOW_BYTES;
  let closing = false;
  let over = false;
  let failure: ApiError | undefined;
  let wakeReader: (() => void) | undefined;
  let wakeWriter: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();

  const wake = () => {
    wakeReader?.();
    wakeWriter?.();
  };
  const finish = (error: ApiError | undefined) => {
    if (over) return;
    over = true;
    failure = error;
    wake();
    options.ended();
  };

  const write = async (frame: Frame) => {
    let offset = 0;
    do {
      const data = frame.data.subarray(offset, offset + FRAME_BYTES);
      for (;;) {
        if (over || credit >= costOf(data)) break;
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
      if (over) throw failure ?? new ApiError("ServiceUnavailable", "the stream is closed");
      credit -= costOf(data);
      offset += data.length;
      await emit({ kind: "data", channel: frame.channel, end: frame.end === true && offset >= frame.data.length, data });
    } while (offset < frame.data.length);
  };

  const giveCredit = (bytes: number) => {
    held -= bytes;
    taken += bytes;
    if (taken < CREDIT_STEP || over) return;
    emit({ kind: "credit", bytes: taken }).catch(() => {});
    taken = 0;
  };

  async function* frames(): AsyncGenerator<Frame> {
    for (;;) {
      const frame = incoming.shift();
      if (frame !== undefined) {
        giveCredit(costOf(frame.data));
        yield frame;
        continue;
      }
      if (failure !== undefined) throw failure;
      if (over) return;
      await new Promise<void>((resolve) => {
        wakeReader = resolve;
      });
    }
  }

  const flushAndClose = async () => {
    // what was handed to `send` before goes out first
    await writing;
    if (!over) await emit({ kind: "close" });
  };
  const close = (why?: Error) => {
    if (over || closing) return;
    closing = true;
    if (why === undefined) {
      flushAndClose().catch(() => {}).finally(() => finish(undefined));
      return;
    }
    const reset = asApiError(why);
    emit({ kind: "reset", error: reset }).catch(() => {});
    finish(reset);
  };

  return {
    frames: { [Symbol.asyncIterator]: frames },
    send(frame) {
      if (closing) return Promise.reject(failure ?? new ApiError("ServiceUnavailable", "the stream is closed"));
      const sending = writing.then(() => write(frame));
      writing = sending.catch(() => {});
      return sending;
    },
    close,
    fail: finish,
    receive(frame) {
      switch (frame.kind) {
        case "data":
          held += costOf(frame.data);
          if (held > WINDOW_BYTES) return close(new ApiError("BadRequest", "the other side sent more than it has credit for"));
          incoming.push({ channel: frame.channel, data: frame.data, ...(frame.end ? { end: true } : {}) });
          wakeReader?.();
          break;
        case "credit":
          credit = Math.min(credit + frame.bytes, WINDOW_BYTES);
          wakeWriter?.();
          break;
        case "close":
          finish(undefined);
          break;
        case "reset":
          finish(frame.error);
          break;
        default:
      }
    },
  };
}

function asApiError(error: Error): ApiError {
  return error instanceof ApiError ? error : new ApiError("InternalError", error.message, { cause: error });
}
