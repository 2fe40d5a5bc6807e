/** The device's half of streams: hand it the second connection and what serves a stream. */
import { ApiError } from "../api/status.ts";
import type { DeviceStream, StreamRequest } from "../api/streams.ts";
import type { DeviceLink } from "./link.ts";
import { streamMux } from "./stream-mux.ts";

/**
 * Calls `handler` for each stream that the server opens. The handler sends and reads at its own pace, and ends with
 * `stream.close()` or `stream.close(new ApiError(…))`; what it throws closes the stream with an error.
 * The link stays the caller's to close.
 */
export function acceptStreams(
  link: DeviceLink,
  handler: (request: StreamRequest, stream: DeviceStream) => void | Promise<void>,
  refused?: (reason: string) => void,
): void {
  const mux = streamMux({
    send: (payload) => link.publish(payload, { confirm: false }),
    accept(request, stream) {
      const fail = (error: unknown) => stream.close(error instanceof Error ? error : new Error(String(error)));
      try {
        Promise.resolve(handler(request, stream)).catch(fail);
      } catch (error) {
        fail(error);
      }
    },
    ...(refused === undefined ? {} : { refused }),
  });
  link.onMessage((payload) => mux.receive(payload));
  link.onConnected((connected) => {
    // an external broker does not tell the server that this connection was lost
    if (connected) mux.announce();
    else mux.fail(new ApiError("ServiceUnavailable", "the connection to the server was lost"));
  });
}
