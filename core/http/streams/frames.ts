/** A queue of frames between a callback that fills it and a loop that reads it. */
import type { Frame } from "../../api/streams.ts";

/** Bytes that wait before the side that fills it is asked to pause. */
const QUEUE_BYTES_MAX = 256 * 1024;

export interface FrameQueue extends AsyncIterable<Frame> {
  push(frame: Frame): void;
  end(): void;
}

/** `pause` and `resume` are those of the connection that fills the queue. */
export function frameQueue(flow: { readonly pause: () => void; readonly resume: () => void }): FrameQueue {
  const frames: Frame[] = [];
  let bytes = 0;
  let ended = false;
  let paused = false;
  let wake: (() => void) | undefined;
  return {
    push(frame) {
      if (ended) return;
      frames.push(frame);
      bytes += frame.data.length;
      if (bytes >= QUEUE_BYTES_MAX && !paused) {
        paused = true;
        flow.pause();
      }
      wake?.();
    },
    end() {
      ended = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = frames.shift();
        if (next !== undefined) {
          bytes -= next.data.length;
          if (paused && bytes < QUEUE_BYTES_MAX) {
            paused = false;
            flow.resume();
          }
          yield next;
        } else if (ended) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
