/**
 * How a device gets its first certificate, and how one that was off until its certificate expired gets back. The join
 * token pins the cluster's CA, so the first connection trusts nobody until the server has shown a CA with that hash;
 * only then is the token's secret sent. Later requests trust that CA alone.
 *
 *   POST /lichen/v1/enroll  {token, csr, name, site}                 → {name, certificate, ca, mqtt, moduleKeys …}
 *   POST /lichen/v1/renew   {name, certificate, csr, signature}      → the same; signature: of the CSR, by the old key
 */
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { certificateRequest, pem } from "./csr.ts";
import { keyHash, newKey, type Identity } from "./identity.ts";

export interface EnrollOptions {
  /** "https://host:port" */
  readonly server: string;
  /** "<hash of the CA's key>.<id>.<secret>" */
  readonly token: string;
  readonly name: string;
  readonly site?: string | undefined;
  /** PEM; the same for every try: to the server it is the key that makes the device */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Refused for a reason that asking again does not cure (token revoked, name taken). */
export class EnrollmentRefused extends Error {
  override readonly name = "EnrollmentRefused";
}

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1 << 20;
const TOKEN = /^([0-9a-f]{64})\.[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** @throws EnrollmentRefused, or Error when the server cannot be reached */
export async function enroll({ server, token, name, site, key, signal }: EnrollOptions): Promise<Identity> {
  const hash = TOKEN.exec(token)?.[1];
  if (hash === undefined) throw new EnrollmentRefused("the join token is not of the form <hash>.<id>.<secret>; make one with `lichen token create`");
  const ca = await pinnedCa(server, hash, signal);
  const csr = certificateRequest(createPrivateKey(key), name);
  return identityOf(await post(server, "/lichen/v1/enroll", { token, csr, name, ...(site === undefined ? {} : { site }) }, ca, signal), { key, ca, server, name });
}

/** @throws EnrollmentRefused, or Error when the server cannot be reached */
export async function renewExpired(identity: Identity, signal: AbortSignal): Promise<Identity> {
  const { server, ca, name, certificate } = identity;
  const key = newKey();
  const csr = certificateRequest(createPrivateKey(key), name);
  const signature = sign("sha256", Buffer.from(csr), createPrivateKey(identity.key)).toString("base64");
  const answer = await post(server, "/lichen/v1/renew", { name, certificate, csr, signature }, ca, signal);
  return { ...identity, ...identityOf({ mqtt: identity.mqtt, ...answer }, { key, ca, server, name }) };
}

type Answer = { readonly [field: string]: unknown };

function identityOf(answer: Answer, { key, ca, server, name }: { readonly key: string; readonly ca: string; readonly server: string; readonly name: string }): Identity {
  const { certificate, mqtt } = answer;
  if (typeof certificate !== "string") throw new Error("the server's answer has no certificate");
  const urls = texts(mqtt);
  if (urls.length === 0) throw new Error("the server's answer has no MQTT address");
  return {
    name: typeof answer["name"] === "string" ? answer["name"] : name,
    server,
    mqtt: urls,
    key,
    certificate,
    // a server may show more CAs (rotation); the pinned one stays among them
    ca: typeof answer["ca"] === "string" && answer["ca"].includes(ca.trim()) ? answer["ca"] : ca,
    moduleKeys: texts(answer["moduleKeys"]),
    ...(typeof answer["site"] === "string" ? { site: answer["site"] } : {}),
    ...(typeof answer["clusterDomain"] === "string" ? { clusterDomain: answer["clusterDomain"] } : {}),
    ...(answer["clusterDns"] === undefined ? {} : { clusterDns: texts(answer["clusterDns"]) }),
    ...(answer["podRanges"] === undefined ? {} : { podRanges: texts(answer["podRanges"]) }),
  };
}

function texts(value: unknown): readonly string[] {
  return typeof value === "string" ? [value] : Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** The CA with that hash, out of the chain the server shows or from /lichen/v1/ca; it must have signed the server's certificate. */
async function pinnedCa(server: string, hash: string, signal: AbortSignal): Promise<string> {
  const url = new URL(server);
  const chain = await shownChain(url, signal);
  const leaf = chain[0];
  const offered = [...chain];
  if (!offered.some((certificate) => keyHash(certificate) === hash)) offered.push(...(await publishedCa(server, signal)));
  const ca = offered.find((certificate) => keyHash(certificate) === hash);
  if (ca === undefined || leaf === undefined) throw new EnrollmentRefused(`${server} does not show the CA that the join token names: this is another cluster, or somebody sits in between`);
  if (leaf !== ca && !leaf.verify(ca.publicKey) && !chain.some((each) => each.verify(ca.publicKey))) throw new EnrollmentRefused(`the certificate of ${server} is not signed by the CA that the join token names`);
  return pem("CERTIFICATE", ca.raw);
}

function shownChain(url: URL, signal: AbortSignal): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    // nothing is sent on this connection: it only shows certificates, which are then checked against the token
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 443), rejectUnauthorized: false, timeout: TIMEOUT_MS });
    const abort = () => socket.destroy(new Error("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    socket.on("timeout", () => socket.destroy(new Error(`${url.origin} does not answer`)));
    socket.on("error", reject).on("close", () => {
      signal.removeEventListener("abort", abort);
      reject(new Error(`${url.origin} closed the connection`));
    });
    socket.on("secureConnect", () => {
      const chain: X509Certificate[] = [];
      const seen = new Set<string>();
      for (let each: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true); each?.raw !== undefined && !seen.has(each.fingerprint256); each = each.issuerCertificate) {
        seen.add(each.fingerprint256);
        chain.push(new X509Certificate(each.raw));
      }
      resolve(chain);
      socket.destroy();
    });
  });
}

/** For servers that do not send their root in the handshake. Public data; the hash decides whether it is believed. */
async function publishedCa(server: string, signal: AbortSignal): Promise<X509Certificate[]> {
  const { status, body } = await exchange(new URL("/lichen/v1/ca", server), { method: "GET", rejectUnauthorized: false, signal }, undefined).catch(() => ({ status: 0, body: "" }));
  if (status !== 200) return [];
  return (body.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => new X509Certificate(text));
}

async function post(server: string, path: string, body: object, ca: string, signal: AbortSignal): Promise<Answer> {
  const { status, body: text } = await exchange(new URL(path, server), { method: "POST", ca, signal }, JSON.stringify(body));
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = {};
  }
  const fields = (typeof answer === "object" && answer !== null ? answer : {}) as Answer;
  if (status === 200 || status === 201) return fields;
  const message = `${server} refused the device: ${typeof fields["message"] === "string" ? fields["message"] : `HTTP ${status}`}`;
  if (status >= 400 && status < 500 && status !== 429 && status !== 408) throw new EnrollmentRefused(message);
  throw new Error(message);
}

interface ExchangeOptions {
  readonly method: "GET" | "POST";
  readonly ca?: string;
  readonly rejectUnauthorized?: boolean;
  readonly signal: AbortSignal;
}

function exchange(url: URL, options: ExchangeOptions, body: string | undefined): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(url, { ...options, headers, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`the answer of ${url.origin} is larger than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }));
    });
    sent.on("timeout", () => sent.destroy(new Error(`${url.origin} does not answer`)));
    sent.on("error", reject);
    sent.end(body);
  });
}
