/** `kubectl port-forward`: the agent reaches pod addresses directly, so this is a TCP connection between two streams. */
import { connect } from "node:net";
import { CHANNEL, type DeviceStream } from "../../core/api/streams.ts";

const CONNECT_MS = 10_000;

export async function servePortForward(address: string, port: number, stream: DeviceStream): Promise<void> {
  const socket = connect({ host: address, port, allowHalfOpen: true, timeout: CONNECT_MS });
  socket.once("connect", () => socket.setTimeout(0));
  socket.once("timeout", () => socket.destroy(new Error("no answer")));
  const input = (async () => {
    for await (const { channel, data, end } of stream.frames) {
      if (channel !== CHANNEL.stdout) continue;
      if (data.length > 0 && !socket.write(data)) await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
      if (end === true) socket.end();
    }
    socket.destroy();
  })().catch(() => socket.destroy());
  try {
    for await (const data of socket as AsyncIterable<Buffer>) await stream.send({ channel: CHANNEL.stdout, data });
    await stream.send({ channel: CHANNEL.stdout, data: new Uint8Array(0), end: true });
  } catch (error) {
    const message = `error forwarding port ${port}: ${error instanceof Error ? error.message : String(error)}`;
    await stream.send({ channel: CHANNEL.error, data: Buffer.from(message) }).catch(() => {});
  }
  stream.close();
  await input;
}
