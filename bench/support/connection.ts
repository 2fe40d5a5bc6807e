/**
 * HTTP/1.1 over one TLS connection, one request after another, with as little work as possible: client and server share
 * the processors of a small machine, and what the client costs is taken from the server.
 */
import { once } from "node:events";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import type { Access } from "../../core/cli/kubeconfig.ts";

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Connection {
  send(method: string, path: string, body?: string | Buffer, type?: string): Promise<Answer>;
  /** GET of a watch: each line of the stream as it comes, for as long as the connection lives */
  watch(path: string, onLine: (line: string) => void): void;
  readonly bytesRead: number;
  close(): void;
}

const END_OF_HEAD = "\r\n\r\n";

export async function openConnection({ server, ca, certificate, key }: Access): Promise<Connection> {
  const { hostname, port } = new URL(server);
  const socket = connect({ host: hostname, port: Number(port), ca, cert: certificate, key, ALPNProtocols: ["http/1.1"] });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  let waiting: PromiseWithResolvers<Answer> | undefined;
  let parts: Buffer[] = [];
  let size = 0;
  /** bytes without which a look at the parts is of no use: joining a long answer with every chunk would cost more than it */
  let needed = 0;
  const onData = (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    const got = parts.length === 1 ? chunk : Buffer.concat(parts, size);
    const answer = answerIn(got);
    parts = [got];
    needed = answer.length;
    if (answer.body === undefined) return;
    parts = [];
    size = needed = 0;
    const settled = waiting;
    waiting = undefined;
    settled?.resolve({ status: answer.status, body: answer.body });
  };
  socket.on("data", onData);
  const fail = (error: unknown) => waiting?.reject(error);
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the connection was closed")));

  return {
    send(method, path, body, type = "application/json") {
      waiting = Promise.withResolvers();
      if (socket.destroyed) waiting.reject(new Error("the connection was closed"));
      const head = `${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAccept: application/json\r\n`;
      if (body === undefined) socket.write(`${head}\r\n`);
      else if (typeof body === "string") socket.write(`${head}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      else {
        socket.cork();
        socket.write(`${head}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.write(body);
        socket.uncork();
      }
      return waiting.promise;
    },
    watch(path, onLine) {
      socket.off("data", onData);
      followLines(socket, onLine);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAccept: application/json\r\n\r\n`);
    },
    get bytesRead() {
      return socket.bytesRead;
    },
    close: () => void socket.destroy(),
  };
}

/** The answer in `got`, without a body while that is not complete; `length` is what the whole takes. Bodies come with Content-Length. */
function answerIn(got: Buffer): { readonly status: number; readonly body: Buffer | undefined; readonly length: number } {
  const headEnd = got.indexOf(END_OF_HEAD);
  if (headEnd < 0) return { status: 0, body: undefined, length: 0 };
  const head = got.toString("latin1", 0, headEnd);
  const start = headEnd + END_OF_HEAD.length;
  const length = start + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return { status: Number(head.slice(9, 12)), body: got.length < length ? undefined : got.subarray(start, length), length };
}

/** The lines of a chunked body. Chunk sizes stand on lines of their own, and events begin with a brace. */
function followLines(socket: TLSSocket, onLine: (line: string) => void): void {
  let rest = "";
  let inBody = false;
  let chunkLeft = 0;
  let head: Buffer = Buffer.alloc(0);
  const take = (data: Buffer) => {
    let at = 0;
    while (at < data.length) {
      if (chunkLeft === 0) {
        const lineEnd = data.indexOf("\r\n", at === 0 && data[0] === 13 ? 2 : at);
        if (lineEnd < 0) break;
        const size = data.toString("latin1", at, lineEnd).trim();
        at = lineEnd + 2;
        if (size !== "") chunkLeft = Number.parseInt(size, 16);
        continue;
      }
      const part = data.subarray(at, at + chunkLeft);
      at += part.length;
      chunkLeft -= part.length;
      const lines = (rest + part.toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const each of lines) onLine(each);
    }
    return data.subarray(at);
  };
  socket.on("data", (chunk: Buffer) => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (!inBody) {
      const end = head.indexOf(END_OF_HEAD);
      if (end < 0) return;
      inBody = true;
      head = head.subarray(end + END_OF_HEAD.length);
    }
    head = Buffer.from(take(head));
  });
}
