/** The device's half of streams: hand it the second connection and what serves a stream. */
import { ApiError } from "../api/status.ts";
import type { DeviceStream, StreamRequest } from "../api/streams.ts";
import type { DeviceLink } from "./link.ts";
import { streamMux } from "./stream-mux.ts";

/** Sends and reads at its own pace and ends with `stream.close()` or `stream.close(new ApiError(…))`; what it throws does the latter. */
export type Serve = (stream: DeviceStream) => Promise<void>;

/**
 * Calls `choose` for each stream that the server opens: it returns what will serve it, or throws ApiError, which the
 * client hears before its connection turns into a stream. The link stays the caller's to close.
 */
export function acceptStreams(link: DeviceLink, choose: (request: StreamRequest) => Serve, refused?: (reason: string) => void): void {
  const mux = streamMux({
    send: (payload) => link.publish(payload, { confirm: false }),
    accept(request) {
      const serve = choose(request);
      return (stream) => void serve(stream).catch((error: unknown) => stream.close(error instanceof Error ? error : new Error(String(error))));
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
