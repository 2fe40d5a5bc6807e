/** A device that answers streams with what a test tells it: no broker, no containers. */
import type { DeviceStream, DeviceStreams, Frame, StreamRequest } from "../../../core/api/streams.ts";
import { CHANNEL } from "../../../core/api/streams.ts";

export interface FakeDevice extends DeviceStreams {
  readonly requests: readonly StreamRequest[];
}

export type Answer = (input: AsyncIterable<Frame>, request: StreamRequest) => AsyncIterable<Frame>;

export function fakeDevice(answer: Answer): FakeDevice {
  const requests: StreamRequest[] = [];
  return {
    requests,
    async open(_node, request, signal): Promise<DeviceStream> {
      requests.push(request);
      const waiting: Frame[] = [];
      let closed = false;
      let wake = () => {};
      const close = () => {
        closed = true;
        wake();
      };
      signal.addEventListener("abort", close, { once: true });
      async function* input(): AsyncGenerator<Frame> {
        for (;;) {
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else if (closed) return;
          else {
            const { promise, resolve } = Promise.withResolvers<void>();
            wake = resolve;
            await promise;
          }
        }
      }
      return {
        frames: answer(input(), request),
        async send(frame) {
          waiting.push(frame);
          wake();
        },
        close,
      };
    },
  };
}

/** Writes back what comes in until stdin ends, then exits with 0. */
export async function* echo(input: AsyncIterable<Frame>): AsyncGenerator<Frame> {
  for await (const frame of input) {
    if (frame.channel === CHANNEL.resize) yield { channel: CHANNEL.stdout, data: Buffer.from(`resized ${Buffer.from(frame.data).toString()}`) };
    else if (frame.data.length > 0) yield { channel: CHANNEL.stdout, data: frame.data };
    if (frame.end === true) break;
  }
  yield { channel: CHANNEL.error, data: Buffer.from(JSON.stringify({ metadata: {}, status: "Success" })), end: true };
}
