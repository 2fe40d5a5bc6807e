/**
 * A container's own streams. They belong to containerd, so this goes through its streaming server, whose WebSockets have
 * two habits to live with. A connection that did not ask for stdin counts as one whose input has ended, which closes the
 * stdin of a container that has it once: therefore every connection asks for it. And input ends only with the
 * connection: to end it and still see the output, a second connection without stdin is opened and left unread.
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
  const { tty } = options;
  // a terminal has one output
  const stdout = options.stdout || tty || !options.stderr;
  const stderr = options.stderr && !tty;
  const dial = async (stdin: boolean): Promise<BinarySocket> => {
    const { url = "" } = await cri.call("Attach", { container_id: containerId, tty, stdin, stdout, stderr });
    return openBinarySocket(url, PROTOCOL);
  };
  const socket = await dial(true);
  const split = channels(socket);
  let ending: BinarySocket | undefined;

  return {
    stdout: split.stdout,
    stderr: split.stderr,
    exitCode: split.ended.then(() => 0),
    async write(data) {
      await socket.send(onChannel(CHANNEL.stdin, data));
    },
    async closeStdin() {
      if (tty || ending !== undefined) return;
      await socket.taken();
      try {
        ending = await dial(false);
        void drain(ending);
      } catch {
        // the container has ended
      }
    },
    async resize(width, height) {
      await socket.send(onChannel(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: width, Height: height }))));
    },
    async close() {
      ending?.close();
      socket.close();
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
function channels(socket: BinarySocket): { readonly stdout: PassThrough; readonly stderr: PassThrough; readonly ended: Promise<void>; stop(): void } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stop = () => {
    stdout.end();
    stderr.end();
  };
  const pump = async () => {
    for await (const message of socket.messages) {
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
