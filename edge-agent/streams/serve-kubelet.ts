/** HTTP/1.1 over a stream: each is one connection to the agent's pages, as if there were a port that nobody can reach. */
import { createServer } from "node:http";
import { streamSocket } from "../../core/api/stream-socket.ts";
import { CHANNEL, type DeviceStream } from "../../core/api/streams.ts";
import type { KubeletPages } from "./kubelet-pages.ts";

export function kubeletServer({ page, usage }: KubeletPages): { connection(stream: DeviceStream): Promise<void>; usage(stream: DeviceStream): Promise<void> } {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://agent").pathname;
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { "Content-Type": "text/plain; charset=utf-8", Allow: "GET, HEAD" }).end("Method Not Allowed\n");
      return;
    }
    page(path).then(
      ({ status, type, body }) => response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }).end(request.method === "HEAD" ? "" : body),
      (error: unknown) => response.writeHead(500, { "Content-Type": "text/plain; charset=utf-8" }).end(`${error instanceof Error ? error.message : String(error)}\n`),
    );
  });

  return {
    connection(stream) {
      const socket = streamSocket(stream);
      return new Promise((resolve) => {
        socket.once("close", resolve).on("error", () => {});
        server.emit("connection", socket);
      });
    },
    async usage(stream) {
      await stream.send({ channel: CHANNEL.stdout, data: Buffer.from(JSON.stringify(await usage())), end: true });
      stream.close();
    },
  };
}
