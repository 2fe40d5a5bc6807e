/** `kubectl port-forward`: a TCP connection between two streams. How the pod is reached is the caller's affair. */
import { connect, type Socket } from "node:net";
import { CHANNEL, type DeviceStream } from "../../core/api/streams.ts";

const CONNECT_MS = 10_000;

/** A connection from the device's own network. @throws Error */
export function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, timeout: CONNECT_MS });
    socket.once("connect", () => {
      socket.setTimeout(0).off("error", reject);
      resolve(socket);
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
  });
}

export async function servePortForward(dial: () => Promise<Socket>, port: number, stream: DeviceStream): Promise<void> {
  let socket: Socket;
  try {
    socket = await dial();
  } catch (error) {
    await tell(stream, port, error);
    stream.close();
    return;
  }
  // a socket that came from another process was made without it
  socket.allowHalfOpen = true;
  socket.on("error", () => {});
  const input = (async () => {
    for await (const { channel, data, end } of stream.frames) {
      if (channel !== CHANNEL.stdout) continue;
      if (data.length > 0 && !socket.write(data)) await drained(socket);
      if (end === true) socket.end();
    }
    socket.destroy();
  })().catch(() => socket.destroy());
  try {
    for await (const data of socket as AsyncIterable<Buffer>) await stream.send({ channel: CHANNEL.stdout, data });
    await stream.send({ channel: CHANNEL.stdout, data: new Uint8Array(0), end: true });
  } catch (error) {
    await tell(stream, port, error);
  }
  stream.close();
  await input;
}

async function tell(stream: DeviceStream, port: number, error: unknown): Promise<void> {
  const message = `error forwarding port ${port}: ${error instanceof Error ? error.message : String(error)}`;
  await stream.send({ channel: CHANNEL.error, data: Buffer.from(message) }).catch(() => {});
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
