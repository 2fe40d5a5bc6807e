import test from "ava";
import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { kubeconfig } from "../../core/auth/kubeconfig.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import * as x509 from "../../core/auth/pki/x509.ts";
import { ApiError } from "../../core/api/status.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const DAY = 86_400_000;
const root = mkdtempSync(join(tmpdir(), "lichen-test-pki-"));
test.after.always(() => rmSync(root, { recursive: true }));
let directories = 0;
const fresh = () => join(root, `${(directories += 1)}`, "pki");

type Algorithm = NonNullable<Parameters<typeof x509.Pkcs10CertificateRequestGenerator.create>[0]["signingAlgorithm"]>;

async function csr(keys: CryptoKeyPair, algorithm: Algorithm, name = "CN=whoever"): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  return request.toString("pem");
}
type CryptoKeyPair = Awaited<ReturnType<typeof ecKeys>>;
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const ecKeys = () => crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);

const pemOf = (der: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;

test("the authority is made once, survives, and no key is readable by others", async (t) => {
  const directory = fresh();
  const one = await openPki(directory);
  await one.serving(["localhost"]);
  const two = await openPki(directory);
  t.is(two.caCertificate, one.caCertificate);
  t.is(two.caHash, one.caHash);
  t.deepEqual(two.tokenKey.export({ type: "pkcs8", format: "der" }), one.tokenKey.export({ type: "pkcs8", format: "der" }));
  const ca = new X509Certificate(one.caCertificate);
  t.true(ca.ca);
  t.is(one.caHash, createHash("sha256").update(ca.publicKey.export({ type: "spki", format: "der" })).digest("hex"));
  const keys = readdirSync(directory).filter((name) => name.endsWith(".key"));
  t.deepEqual(keys.toSorted(), ["ca.key", "component.key", "server.key", "service-account.key"]);
  for (const name of keys) t.is(statSync(join(directory, name)).mode & 0o777, 0o600);
  t.is(statSync(directory).mode & 0o777, 0o700);
});

test("a start that was cut short after the key makes the certificate for that key", async (t) => {
  const directory = fresh();
  const one = await openPki(directory);
  rmSync(join(directory, "ca.crt"));
  const two = await openPki(directory);
  t.is(two.caHash, one.caHash);
});

test("damaged or mixed-up files are refused by name", async (t) => {
  const directory = fresh();
  await openPki(directory);
  const other = fresh();
  await openPki(other);
  writeFileSync(join(directory, "ca.crt"), readFileSync(join(other, "ca.crt")));
  await t.throwsAsync(openPki(directory), { message: /ca\.crt does not belong to the key beside it/ });
  writeFileSync(join(directory, "ca.crt"), "rubbish");
  await t.throwsAsync(openPki(directory), { message: /ca\.crt holds no certificate/ });
  truncateSync(join(directory, "ca.key"), 50);
  await t.throwsAsync(openPki(directory), { message: /ca\.key holds no private key/ });
});

test("the serving certificate is kept until names change or its end comes near", async (t) => {
  const clock = virtualClock();
  const directory = fresh();
  const pki = await openPki(directory, clock);
  const names = ["localhost", "127.0.0.1", "::1", "edge.example"];
  const first = await pki.serving(names);
  t.is((await pki.serving(names.toReversed())).certificate, first.certificate);
  t.is((await (await openPki(directory, clock)).serving(names)).certificate, first.certificate);
  const certificate = new X509Certificate(first.certificate);
  t.is(certificate.subjectAltName, "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:edge.example, DNS:localhost");
  const more = await pki.serving([...names, "10.0.0.1"]);
  t.not(more.certificate, first.certificate);
  await clock.advance(200 * DAY);
  t.is((await pki.serving([...names, "10.0.0.1"])).certificate, more.certificate);
  await clock.advance(100 * DAY);
  const renewed = await pki.serving([...names, "10.0.0.1"]);
  t.not(renewed.certificate, more.certificate);
  t.true(new X509Certificate(renewed.certificate).validToDate.getTime() > clock.now() + 300 * DAY);
});

test("a certificate made while the clock was wrong is made again when it is right", async (t) => {
  const directory = fresh();
  const early = await openPki(directory, virtualClock(1_000));
  const made = await early.serving(["a"]);
  const late = await openPki(directory, virtualClock(Date.UTC(2031, 0, 1)));
  const now = await late.serving(["a"]);
  t.not(now.certificate, made.certificate);
  t.is(late.caCertificate, early.caCertificate);
  t.true(new X509Certificate(late.caCertificate).validToDate.getTime() > Date.UTC(2200, 0, 1));
  // and back: one that would be renewed decades too late
  t.not((await early.serving(["a"])).certificate, now.certificate);
});

test("client certificates say who and in which groups, whatever the characters", async (t) => {
  const clock = virtualClock();
  const pki = await openPki(fresh(), clock);
  const { certificate, key } = await pki.issueClient({ commonName: "a, CN=root+b\"", organizations: ["system:masters", "x,O=y"], ttlMs: 7 * DAY });
  const parsed = new X509Certificate(certificate);
  t.true(parsed.verify(new X509Certificate(pki.caCertificate).publicKey));
  const subject = parsed.toLegacyObject().subject as unknown as { CN: string; O: string[] };
  t.is(subject.CN, "a, CN=root+b\"");
  t.deepEqual(subject.O, ["system:masters", "x,O=y"]);
  t.is(parsed.validToDate.getTime(), clock.now() + 7 * DAY);
  t.is(parsed.validFromDate.getTime(), 0);
  t.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  t.false(parsed.ca);
  t.true(parsed.checkPrivateKey(createPrivateKey(key)));
  const other = await pki.issueClient({ commonName: "b", ttlMs: DAY });
  t.not(new X509Certificate(other.certificate).serialNumber, parsed.serialNumber);
});

test("a signed request gets the name that the server chose and the key that it proved", async (t) => {
  const pki = await openPki(fresh(), virtualClock());
  const keys = await ecKeys();
  const signed = await pki.signCsr(await csr(keys, ecdsa, "CN=admin, O=system:masters"), { commonName: "system:node:pi", organizations: ["system:nodes"], ttlMs: DAY });
  const certificate = new X509Certificate(signed);
  const subject = certificate.toLegacyObject().subject;
  t.is(subject.CN, "system:node:pi");
  t.is(subject.O as unknown as string, "system:nodes");
  t.deepEqual(certificate.publicKey.export({ type: "spki", format: "der" }), Buffer.from(await crypto.subtle.exportKey("spki", keys.publicKey)));
  t.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  const served = await pki.signCsr(await csr(keys, ecdsa), { commonName: "pi", ttlMs: DAY, usages: ["server"], names: ["pi.local", "10.1.2.3"] });
  t.deepEqual(new X509Certificate(served).keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  t.is(new X509Certificate(served).subjectAltName, "DNS:pi.local, IP Address:10.1.2.3");
});

test("bad requests are refused: broken signature, weak key, rubbish", async (t) => {
  const pki = await openPki(fresh(), virtualClock());
  const request = { commonName: "x", ttlMs: DAY };
  const good = new x509.Pkcs10CertificateRequest(await csr(await ecKeys(), ecdsa));
  const broken = Buffer.from(good.rawData);
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  const another = Buffer.from(await crypto.subtle.exportKey("spki", (await ecKeys()).publicKey));
  const at = Buffer.from(good.rawData).indexOf(Buffer.from(good.publicKey.rawData));
  t.true(at > 0);
  const swapped = Buffer.from(good.rawData);
  another.copy(swapped, at);
  const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 1_024 };
  const weak = await csr(await crypto.subtle.generateKey(rsa, true, ["sign", "verify"]), rsa);
  const cases: readonly (readonly [string, RegExp])[] = [
    [pemOf(broken), /not signed by the key/],
    [pemOf(swapped), /not signed by the key/],
    [weak, /has 1024 bits/],
    ["", /not a certificate signing request/],
    [pemOf(Buffer.from("rubbish")), /not a certificate signing request/],
    [pki.caCertificate, /not a certificate signing request/],
    ["-----BEGIN CERTIFICATE REQUEST-----".padEnd(20_000, "A"), /longer than/],
  ];
  for (const [text, message] of cases) {
    const error = await t.throwsAsync<ApiError>(pki.signCsr(text, request), { instanceOf: ApiError, message });
    t.is(error.reason, "BadRequest");
  }
});

test("server and clients accept each other over TLS, and a server certificate does not log in", async (t) => {
  const pki = await openPki(fresh());
  const serving = await pki.serving(["localhost", "127.0.0.1"]);
  const stranger = await (await openPki(fresh())).issueClient({ commonName: "kubernetes-admin", organizations: ["system:masters"], ttlMs: DAY });
  const client = await pki.issueClient({ commonName: "device", ttlMs: DAY });
  const server = createServer({ cert: serving.certificate, key: serving.key, ca: pki.caCertificate, requestCert: true, rejectUnauthorized: false });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const authorized = async (credentials: { certificate: string; key: string }) => {
    const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
    const socket = connect({ port, host: "127.0.0.1", ca: pki.caCertificate, cert: credentials.certificate, key: credentials.key });
    const [peer] = await accepted;
    const result = peer.authorized;
    if (!socket.authorized) await once(socket, "secureConnect");
    t.true(socket.authorized);
    socket.destroy();
    peer.destroy();
    return result;
  };
  t.true(await authorized(client));
  t.false(await authorized(serving));
  t.false(await authorized(stranger));
  server.close();
});

test("the kubeconfig carries its credentials and is YAML whatever the names", (t) => {
  const text = kubeconfig({ server: "https://127.0.0.1:6443", caCertificate: "CA", user: 'a: "b"', credentials: { certificate: "CERT", key: "KEY" } });
  const config = parse(text);
  t.is(config["current-context"], 'a: "b"@lichen');
  t.deepEqual(config.users, [
    { name: 'a: "b"', user: { "client-certificate-data": Buffer.from("CERT").toString("base64"), "client-key-data": Buffer.from("KEY").toString("base64") } },
  ]);
  t.is(config.clusters[0].cluster.server, "https://127.0.0.1:6443");
  t.deepEqual(config.contexts[0].context, { cluster: "lichen", user: 'a: "b"' });
  t.regex(kubeconfig({ server: "s", caCertificate: "c", user: "u", credentials: { token: "t.x" } }), /token: "t\.x"/);
});
