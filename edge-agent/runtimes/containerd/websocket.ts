/**
 * The little of a WebSocket client (RFC 6455) that containerd's own streaming server on the loopback needs: binary
 * messages in both directions. Node's WebSocket has no way to stop reading, and a container that prints without end
 * over a thin link would fill the memory; a socket that is read as an iterable waits.
 */
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";

export interface BinarySocket {
  /** whole messages; ends when the other side closes */
  readonly messages: AsyncIterable<Buffer>;
  /** resolves when there is room for more */
  send(message: Uint8Array): Promise<void>;
  /** resolves when the other side has taken everything that was sent before, or is gone */
  taken(): Promise<void>;
  close(): void;
}

/** RFC 6455, 1.3 */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** containerd writes what it read at once, at most 32 KiB. */
const MAX_MESSAGE = 1 << 20;

/** @throws Error when the server does not agree */
export async function openBinarySocket(url: string, protocol: string): Promise<BinarySocket> {
  const key = randomBytes(16).toString("base64");
  const { socket, head } = await new Promise<{ socket: Socket; head: Buffer }>((resolve, reject) => {
    const asked = request(url.replace(/^ws/, "http"), {
      headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": protocol },
    });
    asked.once("error", reject);
    asked.once("response", (response) => {
      response.resume();
      reject(new Error(`the runtime answered ${response.statusCode} instead of opening a stream`));
    });
    asked.once("upgrade", (response, upgraded: Socket, first) => {
      const expected = createHash("sha1").update(key + GUID).digest("base64");
      if (response.headers["sec-websocket-accept"] !== expected) reject(new Error("the runtime opened a stream that is no WebSocket"));
      else resolve({ socket: upgraded, head: first });
    });
    asked.end();
  });
  socket.on("error", () => {});
  if (head.length > 0) socket.unshift(head);
  let ended = false;
  const pongs: (() => void)[] = [];

  const write = (opcode: number, data: Uint8Array): Promise<void> => {
    if (ended || socket.destroyed || !socket.writable) return Promise.resolve();
    if (socket.write(frame(opcode, data))) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        socket.off("drain", done).off("close", done);
        resolve();
      };
      socket.on("drain", done).on("close", done);
    });
  };

  async function* messages(): AsyncGenerator<Buffer> {
    let pending: Buffer = Buffer.alloc(0);
    let parts: Buffer[] = [];
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        for (let next = parse(pending); next !== undefined; next = parse(pending)) {
          pending = pending.subarray(next.size);
          if (next.opcode === OPCODE.close) return;
          if (next.opcode === OPCODE.ping) await write(OPCODE.pong, next.data);
          if (next.opcode === OPCODE.pong) pongs.shift()?.();
          if (next.opcode > OPCODE.binary) continue;
          parts.push(next.data);
          if (parts.reduce((sum, { length }) => sum + length, 0) > MAX_MESSAGE) throw new Error("the runtime sent a message without end");
          if (!next.last) continue;
          yield Buffer.concat(parts);
          parts = [];
        }
      }
    } catch (error) {
      // a reset is how the runtime says that the container is gone
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    } finally {
      ended = true;
      for (const resolve of pongs) resolve();
      socket.destroy();
    }
  }

  return {
    messages: { [Symbol.asyncIterator]: messages },
    send: (message) => write(OPCODE.binary, message),
    async taken() {
      if (ended || socket.destroyed) return;
      // frames are handled in order: the answer to a ping comes after what was sent before it
      const answered = new Promise<void>((resolve) => void pongs.push(resolve));
      await write(OPCODE.ping, Buffer.alloc(0));
      await answered;
    },
    close() {
      if (ended || socket.destroyed) return;
      void write(OPCODE.close, Buffer.from([0x03, 0xe8]));
      socket.end();
    },
  };
}

function frame(opcode: number, data: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const size = data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8;
  const out = Buffer.alloc(2 + size + 4 + data.length);
  out[0] = 0x80 | opcode;
  out[1] = 0x80 | (size === 0 ? data.length : size === 2 ? 126 : 127);
  if (size === 2) out.writeUInt16BE(data.length, 2);
  if (size === 8) out.writeBigUInt64BE(BigInt(data.length), 2);
  mask.copy(out, 2 + size);
  const at = 6 + size;
  for (let i = 0; i < data.length; i++) out[at + i] = (data[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return out;
}

/** undefined: not all of a frame is there yet */
function parse(bytes: Buffer): { readonly opcode: number; readonly last: boolean; readonly data: Buffer; readonly size: number } | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const header = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < header) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (length > MAX_MESSAGE) throw new Error("the runtime sent a message without end");
  if (bytes.length < header + length) return undefined;
  return { opcode: first & 0x0f, last: (first & 0x80) !== 0, data: bytes.subarray(header, header + length), size: header + length };
}
