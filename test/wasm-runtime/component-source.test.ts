import "reflect-metadata";
import { generateKeyPairSync } from "node:crypto";
import type { webcrypto } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { BasicConstraintsExtension, PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import test from "ava";
import type { ExecutionContext } from "ava";
import { systemClock } from "../../core/api/clock.ts";
import { silentLog } from "../../core/api/log.ts";
import { componentStore } from "../../core/artifacts/component-store.ts";
import { modulesHandler } from "../../core/artifacts/modules-http.ts";
import { ociClient } from "../../core/artifacts/oci-client.ts";
import { sendTo } from "../../core/artifacts/push-connection.ts";
import { pushComponent } from "../../core/artifacts/push.ts";
import { ociRegistry } from "../../core/artifacts/registry.ts";
import { ImageError } from "../../edge-agent/runtimes/runtime.ts";
import { serverComponentSource } from "../../edge-agent/runtimes/wasi/component-source.ts";
import { moduleSigner, TRANSPILER, transpile } from "../../wasm-runtime/transpile.ts";
import { isSigned } from "../../wasm-runtime/process.ts";
import { digestOf, example } from "./support/components.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function authority() {
  const pair = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const pem = async (key: webcrypto.CryptoKey) => PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
  const [notBefore, notAfter] = [new Date(Date.now() - 60_000), new Date(Date.now() + 600_000)];
  const keys = await pair();
  const root = await X509CertificateGenerator.createSelfSigned({ name: "CN=ca", notBefore, notAfter, signingAlgorithm: algorithm, keys, extensions: [new BasicConstraintsExtension(true, 0, true)] });
  const issue = async (name: string) => {
    const own = await pair();
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${name}`, issuer: root.subject, notBefore, notAfter, signingAlgorithm: algorithm, publicKey: own.publicKey, signingKey: keys.privateKey,
      extensions: [new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
    });
    return { cert: certificate.toString("pem"), key: await pem(own.privateKey) };
  };
  return { ca: root.toString("pem"), issue };
}

/** The server's side of registry and modules over mutual TLS. */
async function server(t: ExecutionContext) {
  const { ca, issue } = await authority();
  const directory = mkdtempSync(join(tmpdir(), "server-"));
  const registry = ociRegistry({ directory: join(directory, "registry") });
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const signingKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const store = componentStore({ directory, registry, client: ociClient(), transpile, transpiler: TRANSPILER, sign: moduleSigner(signingKey), log: silentLog });
  const modules = modulesHandler({ store, clock: systemClock });
  const user = { name: "system:node:one", groups: [] };
  const https = createServer({ ...(await issue("server")), ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    t.is((request.socket as TLSSocket).getPeerCertificate().subject.CN, "device");
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void answer());
    const answer = async () => {
      const body = Buffer.concat(chunks);
      const url = `https://server${request.url ?? "/"}`;
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const given = new Request(url, { method: request.method ?? "GET", headers, ...(body.length > 0 ? { body } : {}) });
      const result = await (url.startsWith("https://server/v2/") ? registry.handle(given, user) : modules(given, user));
      response.writeHead(result.status, Object.fromEntries(result.headers));
      response.end(Buffer.from(await result.arrayBuffer()));
    };
  });
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    https.closeAllConnections();
    https.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { url: `https://127.0.0.1:${(https.address() as AddressInfo).port}`, ca, device: await issue("device"), publicPem };
}

test("what is pushed over mutual TLS arrives at a device signed and whole", async (t) => {
  const { url, ca, device, publicPem } = await server(t);
  const { send, close } = sendTo({ server: url, ca, ...device });
  t.teardown(close);
  const { image } = await pushComponent({ component: example("hello"), name: "examples/hello:1", send, created: "2026-01-01T00:00:00Z" });
  t.is(image, "registry.lichen.internal/examples/hello:1");
  const source = serverComponentSource({ server: url, ca, credentials: () => device, clock: systemClock });
  const fetch = (reference: string) => source.fetch(reference, { secrets: [], signal: AbortSignal.timeout(60_000) });
  const { descriptor, bytes } = await fetch(image);
  t.is(digestOf(bytes), descriptor.moduleDigest);
  t.is(descriptor.componentDigest, digestOf(example("hello")));
  t.is(descriptor.world, "http");
  t.true(isSigned(descriptor, [publicPem]));
  t.false(isSigned({ ...descriptor, componentDigest: digestOf(Buffer.from("other")) }, [publicPem]));

  const absent = await t.throwsAsync(fetch("registry.lichen.internal/absent:1"), { instanceOf: ImageError });
  t.is(absent?.reason, "ErrImagePull");
  t.regex(absent?.message ?? "", /there is no image .*lichen push/);
  t.is((await t.throwsAsync(fetch("BAD NAME"), { instanceOf: ImageError }))?.reason, "InvalidImageName");
});

test("a server that another CA signed is not asked", async (t) => {
  const { url, device } = await server(t);
  const other = await authority();
  const source = serverComponentSource({ server: url, ca: other.ca, credentials: () => device, clock: systemClock });
  const error = await t.throwsAsync(source.fetch("a:1", { secrets: [], signal: AbortSignal.timeout(60_000) }), { instanceOf: ImageError });
  t.is(error?.reason, "RegistryUnavailable");
});
