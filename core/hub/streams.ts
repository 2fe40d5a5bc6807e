/**
 * Opens streams to devices for the HTTP layer, over each device's second connection. A device has one multiplexer as
 * long as it has streams; nothing is kept for devices without.
 */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { DeviceStreams } from "../api/streams.ts";
import type { HubLink } from "../wire/link.ts";
import type { StreamMux } from "../wire/stream-mux.ts";
import { streamMux } from "../wire/stream-mux.ts";

/** A device that is there accepts in two round trips; on the slowest links that is seconds. */
const ACCEPT_MS = 15_000;

export function hubStreams(options: { readonly link: HubLink; readonly clock: Clock; readonly entropy: Entropy; readonly log: Log }): DeviceStreams {
  const { link, clock, log } = options;
  const devices = new Map<string, StreamMux>();

  const muxOf = (node: string): StreamMux => {
    const known = devices.get(node);
    if (known !== undefined) return known;
    const mux = streamMux({
      send: (payload) => link.publish(node, payload, { confirm: false }),
      firstId: Math.floor(options.entropy.fraction() * 2 ** 32),
      refused: (reason) => log.warn({ node, reason }, "refused a stream frame of a device"),
    });
    devices.set(node, mux);
    return mux;
  };
  const forgetIdle = (node: string, mux: StreamMux) => {
    if (mux.size() === 0 && devices.get(node) === mux) devices.delete(node);
  };

  link.onMessage((node, payload) => {
    // frames of streams that this process never opened need no multiplexer to be ignored
    const mux = devices.get(node);
    if (mux === undefined) return;
    mux.receive(payload);
    forgetIdle(node, mux);
  });
  link.onPresence((node, present) => {
    if (present) return;
    devices.get(node)?.fail(new ApiError("ServiceUnavailable", `device ${node} lost its connection`));
    devices.delete(node);
  });
  link.onReachable?.((reachable) => {
    if (reachable) return;
    for (const mux of devices.values()) mux.fail(new ApiError("ServiceUnavailable", "the broker cannot be reached"));
    devices.clear();
  });

  return {
    async open(node, request, signal) {
      if (signal.aborted) throw new ApiError("ServiceUnavailable", "the request ended before the stream was open");
      const mux = muxOf(node);
      const { stream, accepted } = mux.open(request);
      const late = Promise.withResolvers<never>();
      const abandon = () => late.reject(new ApiError("ServiceUnavailable", "the request ended before the stream was open"));
      const cancel = clock.after(ACCEPT_MS, () => late.reject(new ApiError("ServiceUnavailable", `device ${node} does not answer`)));
      signal.addEventListener("abort", abandon, { once: true });
      try {
        await Promise.race([accepted, late.promise]);
      } catch (error) {
        stream.close(error instanceof Error ? error : undefined);
        forgetIdle(node, mux);
        throw error;
      } finally {
        cancel();
        signal.removeEventListener("abort", abandon);
      }
      signal.addEventListener("abort", () => stream.close(new ApiError("ServiceUnavailable", "the client went away")), { once: true });
      return stream;
    },
  };
}
