/**
 * How a device becomes one of ours, and stays it.
 *
 *   GET  /lichen/v1/ca                                              the CA, PEM; the join token says whether to believe it
 *   POST /lichen/v1/enroll  {token, csr, name?, site?}              a first certificate for a join token
 *   POST /lichen/v1/renew   {name, certificate, csr, signature}     the next one, signed for by the old key (base64, SHA-256
 *                                                                   of the csr text), also long after it has expired
 *   over the live link      renew {csr} → certificate {pem}         the usual way
 *
 * A certificate that ends soon limits what a stolen one is worth; that its end does not lock the device out is why keys
 * are on record (device-records.ts): the key is the identity, the certificate a ticket. A name belongs to the key that
 * took it, until its Node is deleted.
 */
import { createHash, verify, X509Certificate } from "node:crypto";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { NODES } from "../api/resources.gen.ts";
import { ApiError, badRequest, isReason, unlessGone } from "../api/status.ts";
import { NODES as NODES_GROUP } from "../api/user.ts";
import { budget } from "../wire/budget.ts";
import type { Body } from "./json-request.ts";
import { errorResponse, jsonBody, text } from "./json-request.ts";
import type { DeviceRecord, DeviceRecords } from "./device-records.ts";

export interface JoinGrant {
  /** public part of the token */
  readonly id: string;
  readonly site?: string | undefined;
  /** counts this use; called once, before the device gets anything */
  spend(): Promise<void>;
}

export interface EnrollmentOptions {
  /** @throws ApiError "Unauthorized" for a token that is not good */
  readonly checkToken: (token: string) => Promise<JoinGrant>;
  /** @throws ApiError "BadRequest" for a request that is not good */
  readonly signCsr: (csr: string, subject: { readonly commonName: string; readonly organizations: readonly string[]; readonly ttlMs: number }) => Promise<string>;
  readonly records: DeviceRecords;
  /** may get Nodes */
  readonly client: Client;
  /** PEM */
  readonly ca: string;
  /** where this device reaches the broker, from how it reached this server */
  readonly mqttUrls: (request: Request) => readonly string[];
  /** PEM of the keys that sign components */
  readonly moduleKeys: readonly string[];
  /** more fields of the answer: cluster domain, DNS addresses */
  readonly facts?: { readonly [field: string]: unknown };
  readonly certificateTtlMs?: number;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface EnrollmentCounters {
  enrolled: number;
  renewed: number;
  refused: number;
  limited: number;
}

export interface Enrollment {
  /** all of /lichen/v1/{ca,enroll,renew}; never throws: errors are Status objects */
  handle(request: Request): Promise<Response>;
  /** over the live link. @throws ApiError */
  renew(node: string, csr: string): Promise<string>;
  /** for the broker: why a device with this certificate (DER) may not connect */
  refuse(node: string, certificate: Uint8Array): Promise<string | undefined>;
  /** the node is gone: its device has to enroll again */
  forget(node: string): Promise<void>;
  readonly counters: Readonly<EnrollmentCounters>;
}

/** A week: renewed after about two thirds, so a device may be off for days without a detour. */
const CERTIFICATE_TTL_MS = 7 * 86_400_000;
/** Certificates signed: a site of 500 devices that powers up, then what one core signs beside its work. */
const SIGNING = { burst: 500, perSecond: 50 };
/** Tokens and signatures looked at. Guessing is hopeless anyway; this keeps a flood from being expensive. */
const ATTEMPTS = { burst: 1_000, perSecond: 100 };
/** Keys on record: the newest, the one in use, and those of answers that may have been lost. */
const MAX_KEYS = 4;
/** RFC 1123 label: also a host name, a label value and a topic level */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function enrollment(options: EnrollmentOptions): Enrollment {
  const { records, client, clock, log } = options;
  const counters: EnrollmentCounters = { enrolled: 0, renewed: 0, refused: 0, limited: 0 };
  const signing = budget(clock, SIGNING);
  const attempts = budget(clock, ATTEMPTS);
  /** key of each device's present connection: it has to survive a renewal whose answer is lost */
  const inUse = new Map<string, string>();

  const limited = (): ApiError => {
    counters.limited++;
    return new ApiError("TooManyRequests", "too many devices enroll at once, try again later", { details: { retryAfterSeconds: 5 } });
  };
  const sign = async (node: string, csr: string) => {
    if (!signing.take(1)) throw limited();
    const ttlMs = options.certificateTtlMs ?? CERTIFICATE_TTL_MS;
    const certificate = await options.signCsr(csr, { commonName: node, organizations: [NODES_GROUP], ttlMs });
    return { certificate, key: keyOf(new X509Certificate(certificate)) };
  };
  const answer = (request: Request, node: string, certificate: string, site: string | undefined) =>
    Response.json({
      ...options.facts,
      name: node,
      certificate,
      ca: options.ca,
      mqtt: options.mqttUrls(request),
      moduleKeys: options.moduleKeys,
      ...(site === undefined ? {} : { site }),
    });

  const enroll = async (request: Request): Promise<Response> => {
    const body = await jsonBody(request);
    const grant = await options.checkToken(text(body, "token"));
    const node = nameOf(body, options.entropy);
    const { certificate, key } = await sign(node, text(body, "csr"));
    const record = await records.get(node);
    // the request is signed by its key, so the same key is the same device
    if (record !== undefined && !record.keys.includes(key)) throw taken(node);
    if (record === undefined && (await nodeExists(client, node))) throw taken(node);
    await grant.spend();
    if (record === undefined) await records.put({ node, keys: [key], site: grant.site, token: grant.id }).catch(asTaken(node));
    counters.enrolled++;
    log.info({ node, token: grant.id, site: grant.site, again: record !== undefined }, "a device enrolled");
    return answer(request, node, certificate, grant.site);
  };

  const renewExpired = async (request: Request): Promise<Response> => {
    const body = await jsonBody(request);
    const node = text(body, "name");
    const csr = text(body, "csr");
    const record = await records.get(node);
    const proof = publicKeyIn(text(body, "certificate"));
    const proven =
      record !== undefined &&
      proof !== undefined &&
      record.keys.includes(keyOf(proof)) &&
      verify("sha256", Buffer.from(csr), proof.publicKey, Buffer.from(text(body, "signature"), "base64"));
    // one answer for all: it does not help to find out which devices exist
    if (!proven) throw new ApiError("Unauthorized", "the device is not enrolled, or the signature is not by its key; enroll it again with a join token");
    const { certificate } = await replaceKey(record, csr, keyOf(proof));
    return answer(request, node, certificate, record.site);
  };

  const replaceKey = async (record: DeviceRecord, csr: string, current: string | undefined) => {
    const { node } = record;
    const { certificate, key } = await sign(node, csr);
    const keys = [...new Set([key, ...(current === undefined ? [] : [current]), ...record.keys])].slice(0, MAX_KEYS);
    await records.put({ ...record, keys });
    counters.renewed++;
    log.info({ node }, "a device's certificate was renewed");
    return { certificate };
  };

  const routes: { readonly [route: string]: (request: Request) => Promise<Response> } = {
    "GET /lichen/v1/ca": async () => new Response(options.ca, { headers: { "content-type": "application/x-pem-file" } }),
    "POST /lichen/v1/enroll": enroll,
    "POST /lichen/v1/renew": renewExpired,
  };

  return {
    counters,
    async handle(request) {
      try {
        const path = new URL(request.url).pathname;
        const route = routes[`${request.method} ${path}`];
        if (route === undefined) throw new ApiError("NotFound", `${request.method} ${path} is not served`);
        if (!attempts.take(1)) throw limited();
        return await route(request);
      } catch (error) {
        counters.refused++;
        return errorResponse(error, log);
      }
    },
    async renew(node, csr) {
      const record = await records.get(node);
      if (record === undefined) throw new ApiError("Forbidden", `device ${node} is not enrolled`);
      return (await replaceKey(record, csr, inUse.get(node))).certificate;
    },
    async refuse(node, certificate) {
      const record = await records.get(node);
      if (record === undefined) return "the device is not enrolled, or its node was deleted";
      const key = keyOf(new X509Certificate(certificate));
      if (!record.keys.includes(key)) return "the certificate's key is not on record for this device";
      inUse.set(node, key);
      return undefined;
    },
    async forget(node) {
      inUse.delete(node);
      await records.remove(node);
    },
  };
}

/** A device that chose no name gets one. @throws ApiError "BadRequest" */
function nameOf(body: Body, entropy: Entropy): string {
  const name = body["name"];
  if (name === undefined || name === "") return `device-${entropy.suffix(8)}`;
  if (typeof name === "string" && NAME.test(name)) return name;
  throw badRequest(`name ${JSON.stringify(name)} is not valid: use at most 63 of a-z, 0-9 and "-", with a letter or digit at both ends`);
}

const taken = (node: string) =>
  new ApiError("Conflict", `the name ${node} is taken by another key; choose another name, or free it with: kubectl delete node ${node} (and secret lichen-device-${node} in kube-system)`);

const asTaken = (node: string) => (error: unknown) => {
  throw isReason(error, "AlreadyExists") ? taken(node) : error;
};

async function nodeExists(client: Client, name: string): Promise<boolean> {
  return (await unlessGone(client.get(NODES, { name }))) !== undefined;
}

function keyOf(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.publicKey.export({ type: "spki", format: "der" })).digest("hex");
}

function publicKeyIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
