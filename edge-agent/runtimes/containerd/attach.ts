/**
 * A container's own streams. They belong to containerd, so this goes through its streaming server. That server closes
 * stdin only together with the connection: input therefore has a connection of its own, which can end before the output.
 */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { CHANNEL } from "../../../core/api/streams.ts";
import type { AttachOptions, ExecSession } from "../runtime.ts";
import type { Cri } from "./cri.ts";
import { openBinarySocket, type BinarySocket } from "./websocket.ts";

const PROTOCOL = "v4.channel.k8s.io";

/** @throws Error when the container does not run */
export async function attachToContainer(cri: Cri, containerId: string, options: AttachOptions): Promise<ExecSession> {
  const { tty, stdin } = options;
  // a terminal has one output, and its size goes with its input
  const stdout = options.stdout || tty;
  const stderr = options.stderr && !tty;
  const dial = async (wanted: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }): Promise<BinarySocket> => {
    const { url = "" } = await cri.call("Attach", { container_id: containerId, tty, ...wanted });
    return openBinarySocket(url, PROTOCOL);
  };
  const output = stdout || stderr ? await dial({ stdin: false, stdout, stderr }) : undefined;
  let input: BinarySocket | undefined;
  try {
    input = stdin ? await dial({ stdin: true, stdout: false, stderr: false }) : undefined;
  } catch (error) {
    output?.close();
    throw error;
  }
  const split = channels(output ?? input);
  // nobody reads what an input says, but its frames have to be taken
  if (output !== undefined && input !== undefined) void drain(input);

  return {
    stdout: split.stdout,
    stderr: split.stderr,
    exitCode: split.ended.then(() => 0),
    async write(data) {
      await input?.send(onChannel(CHANNEL.stdin, data));
    },
    async closeStdin() {
      input?.close();
    },
    async resize(width, height) {
      await (output ?? input)?.send(onChannel(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: width, Height: height }))));
    },
    async close() {
      input?.close();
      output?.close();
      split.stop();
      // a reader that waits for room would wait for ever
      split.stdout.resume();
      split.stderr.resume();
    },
  };
}

async function drain(socket: BinarySocket): Promise<void> {
  try {
    for await (const message of socket.messages) void message;
  } catch {
    // the output tells how it ended
  }
}

/** One reader takes the messages and hands each to whoever reads its channel; it waits for the slower of both. */
function channels(socket: BinarySocket | undefined): { readonly stdout: PassThrough; readonly stderr: PassThrough; readonly ended: Promise<void>; stop(): void } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stop = () => {
    stdout.end();
    stderr.end();
  };
  const pump = async () => {
    for await (const message of socket?.messages ?? []) {
      const to = message[0] === CHANNEL.stdout ? stdout : message[0] === CHANNEL.stderr ? stderr : undefined;
      if (to === undefined || message.length === 1 || to.writableEnded) continue;
      if (!to.write(message.subarray(1))) await once(to, "drain");
    }
  };
  return { stdout, stderr, ended: pump().catch(() => {}).finally(stop), stop };
}

function onChannel(channel: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([channel]), data]);
}
