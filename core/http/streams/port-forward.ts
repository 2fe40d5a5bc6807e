/**
 * Port-forward: for each TCP connection that kubectl accepts it opens two SPDY streams with the same `requestid`: "error",
 * where a failure is told as text, and "data", which is the connection. Older WebSocket clients name the ports in the
 * query instead and use two channels for each.
 */
import type { WebSocket } from "ws";
import { ApiError } from "../../api/status.ts";
import { CHANNEL } from "../../api/streams.ts";
import type { DeviceStream } from "../../api/streams.ts";
import { bytesOf, decodeMessage, encodeMessage, sendMessage } from "./channels.ts";
import type { ChannelForm } from "./channels.ts";
import { frameQueue } from "./frames.ts";
import type { SpdyStream } from "./spdy.ts";

export const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
export const portForwardProtocol = "portforward.k8s.io";

/** Opens the connection to a port of the pod. */
export type OpenPort = (port: number) => Promise<DeviceStream>;

/** Takes the streams of one SPDY connection and pairs them. */
export function forwardStreams(open: OpenPort, pod: string): (stream: SpdyStream) => void {
  const errors = new Map<string, SpdyStream>();
  return (stream) => {
    const id = stream.headers.get("requestid") ?? stream.headers.get("port") ?? "";
    const type = stream.headers.get("streamtype");
    if (type === "error") errors.set(id, stream);
    else if (type === "data") {
      const error = errors.get(id);
      errors.delete(id);
      if (error === undefined) stream.reset();
      else void forward(stream, error, open, pod);
    } else stream.reset();
  };
}

async function forward(data: SpdyStream, error: SpdyStream, open: OpenPort, pod: string): Promise<void> {
  const port = portNumber(data.headers.get("port") ?? "");
  let device: DeviceStream | undefined;
  try {
    if (port === undefined) throw new ApiError("BadRequest", "the port is not a number between 1 and 65535");
    const to = await open(port);
    device = to;
    // a client that goes away in the middle is no failure to tell it about
    upstream(data, to).catch(() => to.close());
    await downstream(data, to);
  } catch (failure) {
    await error.write(Buffer.from(`error forwarding port ${port ?? 0} to pod ${pod}: ${textOf(failure)}`)).catch(() => {});
  } finally {
    device?.close();
    await Promise.allSettled([data.end(), error.end()]);
  }
}

async function upstream(data: SpdyStream, device: DeviceStream): Promise<void> {
  for await (const chunk of data.data) await device.send({ channel: CHANNEL.stdout, data: chunk });
  await device.send({ channel: CHANNEL.stdout, data: new Uint8Array(0), end: true });
}

async function downstream(data: SpdyStream, device: DeviceStream): Promise<void> {
  for await (const frame of device.frames) {
    if (frame.channel === CHANNEL.stdout && frame.data.length > 0) await data.write(frame.data);
    if (frame.channel === CHANNEL.error && frame.data.length > 0) throw new ApiError("ServiceUnavailable", Buffer.from(frame.data).toString());
  }
  await data.end();
}

/** Ports of `?ports=80&ports=443,8080`. @throws ApiError BadRequest */
export function portsOf(query: URLSearchParams): readonly number[] {
  const texts = query.getAll("ports").flatMap((each) => each.split(","));
  if (texts.length === 0) throw new ApiError("BadRequest", "query parameter \"ports\" is required");
  return texts.map((text) => {
    const port = portNumber(text);
    if (port === undefined) throw new ApiError("BadRequest", `query parameter "ports" has a value that is no port: ${JSON.stringify(text)}`);
    return port;
  });
}

/** Each port has channel 2n for data and 2n + 1 for errors; the first message on both is the port, little endian. */
export async function forwardChannels(socket: WebSocket, form: ChannelForm, ports: readonly number[], open: OpenPort): Promise<void> {
  const lanes = ports.map(() => frameQueue({ pause: () => socket.pause(), resume: () => socket.resume() }));
  socket.on("message", (message) => {
    const frame = decodeMessage(bytesOf(message), form);
    if (frame !== undefined && frame.channel % 2 === 0) lanes[frame.channel / 2]?.push(frame);
  });
  const endAll = () => {
    for (const lane of lanes) lane.end();
  };
  socket.on("close", endAll);
  socket.on("error", endAll);
  const send = (channel: number, data: Uint8Array) => sendMessage(socket, encodeMessage({ channel, data }, form));
  await Promise.all(
    ports.map(async (port, index) => {
      const number = Buffer.alloc(2);
      number.writeUInt16LE(port);
      await send(index * 2, number);
      await send(index * 2 + 1, number);
      let device: DeviceStream | undefined;
      try {
        device = await open(port);
        const to = device;
        void (async () => {
          for await (const frame of lanes[index] ?? []) await to.send({ channel: CHANNEL.stdout, data: frame.data });
          to.close();
        })().catch(() => {});
        for await (const frame of device.frames) if (frame.channel === CHANNEL.stdout) await send(index * 2, frame.data);
      } catch (failure) {
        await send(index * 2 + 1, Buffer.from(textOf(failure)));
      } finally {
        device?.close();
      }
    }),
  );
  socket.close();
}

function portNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

const textOf = (error: unknown) => (error instanceof ApiError ? error.message : "the stream to the device broke");
