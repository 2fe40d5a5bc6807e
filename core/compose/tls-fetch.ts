/** `fetch` for a service with a CA or a client certificate of its own: the global one knows the system's CAs only. */
import { Agent, request } from "node:https";
import type { Fetch } from "../auth/ask-json.ts";

export interface TlsOptions {
  /** PEM */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Takes what askJson gives: a URL, method, headers, a text body and a signal. */
export function tlsFetch({ ca, cert, key }: TlsOptions): Fetch {
  const agent = new Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) });
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const { method = "GET", body, signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers).entries());
      const sent = request(String(input), { agent, method, headers, ...(signal == null ? {} : { signal }) }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 502 })));
      });
      sent.on("error", reject);
      sent.end(typeof body === "string" ? body : undefined);
    });
}
