/** The HTTPS connection of `lichen push`: a server's address, its CA, and either a client certificate or a token. */
import { Agent, request } from "node:https";
import type { Send } from "./push.ts";

export interface Connection {
  /** "https://host:port" */
  readonly server: string;
  /** PEM */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

const MAX_ANSWER_BYTES = 8 << 20;
const IDLE_TIMEOUT_MS = 60_000;

export function sendTo({ server, ca, cert, key, token }: Connection): { readonly send: Send; close(): void } {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 2,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  const send: Send = (method, path, options = {}) =>
    new Promise((resolve, reject) => {
      const { body, headers = {} } = options;
      const call = request(
        new URL(path, server),
        {
          method,
          agent,
          timeout: IDLE_TIMEOUT_MS,
          headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(method === "GET" || method === "HEAD" ? {} : { "content-length": String(body?.length ?? 0) }) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`the server sent more than ${MAX_ANSWER_BYTES} bytes`));
            else chunks.push(chunk);
          });
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: (name) => {
                const value = response.headers[name];
                return Array.isArray(value) ? value[0] : value;
              },
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      call.on("timeout", () => call.destroy(new Error(`no answer from ${server} within ${IDLE_TIMEOUT_MS} ms`)));
      call.on("error", reject);
      call.end(body);
    });
  return { send, close: () => agent.destroy() };
}
