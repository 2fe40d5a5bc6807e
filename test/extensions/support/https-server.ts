/** An HTTPS server on loopback with a certificate of its own authority, for webhooks and other API servers. */
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { testCa } from "../../hub/certificates.ts";

export interface HttpsServer {
  readonly port: number;
  /** base64 of the PEM, as configurations have it */
  readonly caBundle: string;
}

export type Answer = { readonly status?: number; readonly body: unknown };

export async function httpsServer(
  t: { readonly teardown: (end: () => Promise<void>) => void },
  answer: (request: IncomingMessage, body: string) => Answer | Promise<Answer>,
  clientCa?: string,
): Promise<HttpsServer> {
  const authority = await testCa("CN=webhook-ca");
  const { cert, key } = await authority.leaf("CN=localhost");
  const asked = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const server = createServer({ cert, key, ...asked }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      void (async () => {
        const { status = 200, body } = await answer(request, Buffer.concat(chunks).toString());
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, caBundle: Buffer.from(authority.pem).toString("base64") };
}
