/**
 * The WebSocket form of exec and attach: one message per piece, its first byte the channel (`channel.k8s.io`), or its
 * first digit with base64 after it (`base64.channel.k8s.io`). v4 made the last word a Status, v5 lets the client close
 * one channel: byte 255, then the channel (KEP-4006).
 */
import type { WebSocket } from "ws";
import type { Status } from "../../api/status.ts";
import { CHANNEL } from "../../api/streams.ts";
import type { Frame } from "../../api/streams.ts";
import { frameQueue } from "./frames.ts";
import { statusBytes } from "./remote-command.ts";
import type { CommandClient } from "./remote-command.ts";

/** What the server takes, best first. A client that asks for no protocol gets the oldest. */
export const channelProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
] as const;

const CLOSE_SIGNAL = 255;
const NORMAL = 1000;

export interface ChannelForm {
  readonly base64: boolean;
  /** the error channel gets a Status, not text */
  readonly status: boolean;
  /** the close signal is understood */
  readonly halfClose: boolean;
}

export function channelForm(protocol: string): ChannelForm {
  return {
    base64: protocol.includes("base64."),
    status: protocol.startsWith("v4.") || protocol.startsWith("v5."),
    halfClose: protocol.startsWith("v5."),
  };
}

/** undefined: nothing of use to the device */
export function decodeMessage(message: Buffer, form: ChannelForm): Frame | undefined {
  const [first] = message;
  if (first === undefined) return undefined;
  if (form.base64) {
    const channel = first - 0x30;
    return channel < 0 || channel > 9 ? undefined : { channel, data: Buffer.from(message.toString("latin1", 1), "base64") };
  }
  if (form.halfClose && first === CLOSE_SIGNAL) {
    const channel = message[1];
    return channel === undefined ? undefined : { channel, data: Buffer.alloc(0), end: true };
  }
  return { channel: first, data: message.subarray(1) };
}

export function encodeMessage({ channel, data }: Frame, form: ChannelForm): Buffer | string {
  if (form.base64) return `${channel}${Buffer.from(data).toString("base64")}`;
  return Buffer.concat([Uint8Array.of(channel), data]);
}

const fromClient: ReadonlySet<number> = new Set([CHANNEL.stdin, CHANNEL.resize]);

export function channelClient(socket: WebSocket, form: ChannelForm, output: number): CommandClient {
  const frames = frameQueue({ pause: () => socket.pause(), resume: () => socket.resume() });
  socket.on("message", (data) => {
    const frame = decodeMessage(bytesOf(data), form);
    if (frame !== undefined && fromClient.has(frame.channel)) frames.push(frame);
  });
  socket.on("close", () => frames.end());
  socket.on("error", () => frames.end());
  const send = (frame: Frame) => sendMessage(socket, encodeMessage(frame, form));
  // old clients take the first message as the sign that the command runs
  void send({ channel: output, data: Buffer.alloc(0) });
  return {
    frames,
    send,
    async finish(status) {
      const last = form.status ? statusBytes(status) : Buffer.from(plainText(status));
      if (last.length > 0) await send({ channel: CHANNEL.error, data: last });
      socket.close(NORMAL);
    },
  };
}

/** Before v4 the error channel had text, and none when all went well. */
export function plainText(status: Status): string {
  return status.status === "Success" ? "" : (status.message ?? "the command failed");
}

/** Resolves when the message is with the kernel, so a slow client slows the sender. */
export function sendMessage(socket: WebSocket, message: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    socket.send(message, { binary: typeof message !== "string" }, () => resolve());
  });
}

export function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
