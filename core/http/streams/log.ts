/** GET pods/{name}/log: the device's log bytes as they come. */
import type { DeviceStream, DeviceStreams } from "../../api/streams.ts";
import type { Clock } from "../../api/clock.ts";
import { CHANNEL } from "../../api/streams.ts";
import type { AnyObject } from "../../api/meta.ts";
import { ApiError } from "../../api/status.ts";
import type { Status } from "../../api/status.ts";
import type { Call } from "../call.ts";
import type { Reply } from "../reply.ts";
import { openSink } from "../sink.ts";
import { chooseContainer, logOptions, podView } from "./pod-target.ts";

const headers = { "Content-Type": "text/plain" };

/** A follower of a silent container gets its headers after this, so that it knows the log is open. */
const FIRST_BYTES_MS = 500;

export async function logs(call: Call, pod: AnyObject, streams: DeviceStreams | undefined, clock: Clock): Promise<Reply> {
  const view = podView(pod);
  const options = logOptions(call.query, view.name);
  const container = chooseContainer(view, call.query.get("container"));
  // no node has anything to say about it yet
  if (view.node === "") return { status: 204, headers: {}, body: null };
  const ending = new AbortController();
  const stream = await opened(streams).open(view.node, { type: "log", ...container, ...options }, ending.signal);
  const chunks = logChunks(stream, options.limitBytes);
  const first = chunks.next();
  await (options.follow === true ? soon(first, clock) : first);
  const sink = openSink(call, headers);
  const end = () => {
    ending.abort();
    stream.close();
  };
  for (const signal of [sink.closed, call.signal]) signal.addEventListener("abort", end, { once: true });
  void (async () => {
    try {
      for (let next = await first; next.done !== true; next = await chunks.next()) await sink.write(next.value);
      sink.end();
    } catch {
      sink.abort();
    } finally {
      end();
      call.signal.removeEventListener("abort", end);
    }
  })();
  return sink.reply;
}

export function opened(streams: DeviceStreams | undefined): DeviceStreams {
  if (streams === undefined) throw new ApiError("ServiceUnavailable", "this server has no connection to devices: logs, exec, attach and port-forward are off");
  return streams;
}

/** The bytes of a log; an error of the device before the first of them is an answer of its own. */
export async function* logChunks(stream: DeviceStream, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  let left = limit;
  for await (const frame of stream.frames) {
    if (frame.channel === CHANNEL.error) throwFailure(frame.data);
    if (frame.channel !== CHANNEL.stdout && frame.channel !== CHANNEL.stderr) continue;
    if (frame.data.length > 0) yield frame.data.subarray(0, Math.min(left, frame.data.length));
    left -= frame.data.length;
    if (frame.end === true || left <= 0) return;
  }
}

/** A Status on the error channel. @throws ApiError when it is a failure */
function throwFailure(data: Uint8Array): void {
  const status = readStatus(data);
  if (status?.status !== "Failure") return;
  const { code, reason, message = "the device could not read the log", details } = status;
  throw new ApiError((reason ?? "InternalError") as ApiError["reason"], message, { code, ...(details === undefined ? {} : { details }) });
}

export function readStatus(data: Uint8Array): Status | undefined {
  if (data.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(data).toString()) as Status;
  } catch {
    return undefined;
  }
}

/** Waits for the first bytes, so that a failure still gets a status code, but not for long. */
async function soon(first: Promise<unknown>, clock: Clock): Promise<void> {
  const waited = Promise.withResolvers<void>();
  const cancel = clock.after(FIRST_BYTES_MS, waited.resolve);
  try {
    await Promise.race([first, waited.promise]);
  } finally {
    cancel();
  }
}
