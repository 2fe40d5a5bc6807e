/** The server on a free port with certificates of its own, and one client certificate. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate } from "node:crypto";
import { systemClock } from "../../../core/api/clock.ts";
import { PODS } from "../../../core/api/resources.gen.ts";
import { openPki } from "../../../core/auth/pki/pki.ts";
import type { CertifiedKey } from "../../../core/auth/pki/pki.ts";
import { startHttp } from "../../../core/http/server.ts";
import type { HttpServer } from "../../../core/http/server.ts";
import type { HttpServices } from "../../../core/http/services.ts";
import { openApi } from "./api.ts";
import type { Api } from "./api.ts";

export interface Served {
  readonly api: Api;
  readonly server: HttpServer;
  readonly ca: string;
  readonly client: CertifiedKey;
}

export async function serve(t: { readonly teardown: (end: () => Promise<void> | void) => void }, more: Partial<HttpServices> = {}): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), "http-test-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const pki = await openPki(directory);
  const { certificate: cert, key } = await pki.serving(["127.0.0.1", "localhost"]);
  const client = await pki.issueClient({ commonName: "admin", ttlMs: 3_600_000 });
  const api = await openApi({ ...more });
  const { authenticate } = api.services;
  const server = await startHttp({
    ...api.services,
    clock: systemClock,
    authenticate: (credentials) => authenticate(credentials.certificate === undefined ? credentials : { ...credentials, bearer: commonName(credentials.certificate) }),
    tls: { cert, key, clientCa: pki.caCertificate },
    host: "127.0.0.1",
    port: 0,
  });
  t.teardown(() => server.close());
  return { api, server, ca: pki.caCertificate, client };
}

const commonName = (der: Uint8Array) => /CN=(.*)/.exec(new X509Certificate(der).subject)?.[1];

/** A pod that is bound to a node, with two containers. */
export async function boundPod({ admin }: Api, name: string): Promise<void> {
  const containers = [
    { name: "main", image: "x" },
    { name: "other", image: "x" },
  ];
  await admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: { nodeName: "device", containers } }, { namespace: "default" });
}
