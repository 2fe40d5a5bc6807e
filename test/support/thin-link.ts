/**
 * A TCP forwarder with the bandwidth of a bad line: all connections together share it, in each direction. What does not
 * fit waits in the sender's socket, as behind a modem.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export interface ThinLink {
  readonly port: number;
  /** bytes that went through, both directions */
  carried(): number;
  close(): Promise<void>;
}

const STEP_MS = 50;

export async function thinLink(target: number, bitsPerSecond: number): Promise<ThinLink> {
  const perStep = Math.floor((bitsPerSecond / 8) * (STEP_MS / 1000));
  const sockets = new Set<Socket>();
  let carried = 0;

  const lane = () => {
    let left = perStep;
    let turn: Promise<unknown> = Promise.resolve();
    const take = async (bytes: number) => {
      while (bytes > 0) {
        if (left <= 0) {
          await pause(STEP_MS);
          left = perStep;
        }
        const part = Math.min(left, bytes);
        left -= part;
        bytes -= part;
      }
    };
    return (bytes: number) => (turn = turn.then(() => take(bytes)));
  };
  const [up, down] = [lane(), lane()];

  const pump = async (from: Socket, to: Socket, allowed: (bytes: number) => Promise<unknown>) => {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += 1_400) {
          const part = chunk.subarray(at, at + 1_400);
          await allowed(part.length);
          carried += part.length;
          if (!to.write(part)) await new Promise<void>((resolve) => to.once("drain", resolve).once("close", () => resolve()));
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  };

  const server = createServer({ highWaterMark: 4_096 }, (client) => {
    const upstream = connect({ port: target, host: "127.0.0.1" });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    }
    void pump(client, upstream, up);
    void pump(upstream, client, down);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    carried: () => carried,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
