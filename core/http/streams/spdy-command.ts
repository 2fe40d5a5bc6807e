/**
 * exec and attach over SPDY: the client opens a stream for each of error, stdin, stdout, stderr and resize, named by the
 * header `streamtype`. The command starts when all that the query asked for are there.
 */
import type { Terminal } from "../../api/streams.ts";
import { CHANNEL } from "../../api/streams.ts";
import { plainText } from "./channels.ts";
import { frameQueue } from "./frames.ts";
import type { FrameQueue } from "./frames.ts";
import { statusBytes } from "./remote-command.ts";
import type { CommandClient } from "./remote-command.ts";
import type { SpdyStream } from "./spdy.ts";

export const spdyCommandProtocols = ["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"] as const;

/** The stream types that a client will open. */
export function expectedStreams(terminal: Terminal, protocol: string): readonly string[] {
  const resizes = terminal.tty && protocol !== "channel.k8s.io" && !protocol.startsWith("v2.");
  return [
    "error",
    ...(terminal.stdin ? ["stdin"] : []),
    ...(terminal.stdout ? ["stdout"] : []),
    ...(terminal.stderr ? ["stderr"] : []),
    ...(resizes ? ["resize"] : []),
  ];
}

export interface SpdyCommand {
  readonly add: (stream: SpdyStream) => void;
  /** resolves when every expected stream is open */
  readonly ready: Promise<CommandClient>;
}

/** `gone` aborts when the connection is lost, `close` closes it. */
export function spdyCommand(expected: readonly string[], protocol: string, gone: AbortSignal, close: () => void): SpdyCommand {
  const streams = new Map<string, SpdyStream>();
  const { promise: ready, resolve } = Promise.withResolvers<CommandClient>();
  return {
    ready,
    add(stream) {
      const type = stream.headers.get("streamtype") ?? "";
      if (!expected.includes(type) || streams.has(type)) return stream.reset();
      streams.set(type, stream);
      if (streams.size === expected.length) resolve(clientOf(streams, protocol, gone, close));
    },
  };
}

function clientOf(streams: ReadonlyMap<string, SpdyStream>, protocol: string, gone: AbortSignal, close: () => void): CommandClient {
  const hasStatus = protocol.startsWith("v4.") || protocol.startsWith("v5.");
  const gate = openGate();
  const frames = frameQueue(gate);
  if (gone.aborted) frames.end();
  gone.addEventListener("abort", frames.end, { once: true });
  void pump(streams.get("stdin"), CHANNEL.stdin, frames, gate);
  void pump(streams.get("resize"), CHANNEL.resize, frames, gate);
  return {
    frames,
    async send({ channel, data }) {
      await streams.get(channel === CHANNEL.stderr ? "stderr" : "stdout")?.write(data);
    },
    async finish(status) {
      const last = hasStatus ? statusBytes(status) : Buffer.from(plainText(status));
      if (last.length > 0) await streams.get("error")?.write(last);
      for (const stream of streams.values()) await stream.end();
      close();
    },
  };
}

async function pump(stream: SpdyStream | undefined, channel: number, frames: FrameQueue, gate: Gate): Promise<void> {
  if (stream === undefined) return;
  try {
    for await (const data of stream.data) {
      frames.push({ channel, data });
      await gate.open();
    }
  } catch {
    // the connection is lost: the queue ends by itself
    return;
  }
  if (channel === CHANNEL.stdin) frames.push({ channel, data: Buffer.alloc(0), end: true });
}

interface Gate {
  pause(): void;
  resume(): void;
  open(): Promise<void> | undefined;
}

function openGate(): Gate {
  let closed: PromiseWithResolvers<void> | undefined;
  return {
    pause() {
      closed = Promise.withResolvers();
    },
    resume() {
      closed?.resolve();
      closed = undefined;
    },
    open: () => closed?.promise,
  };
}
