/**
 * The keys of a cluster. One certificate authority, made on the first start, signs everything that speaks TLS: its hash
 * is what a join token pins, so one value is all that a device has to know. Server and client certificates differ by
 * their extended key usage, which both ends check. Two more keys sign tokens and components and nothing else, so that
 * a leak of one does not reach what the others protect.
 */
import { createHash } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../api/clock.ts";
import { systemClock } from "../../api/clock.ts";
import type { Entropy } from "../../api/entropy.ts";
import { systemEntropy } from "../../api/entropy.ts";
import { publicKeyOfCsr } from "./csr.ts";
import { PUBLIC, readText, writeDurably } from "./files.ts";
import type { Usage } from "./issue.ts";
import { issuer, newCaCertificate } from "./issue.ts";
import { keyAt, newKey, pemOf, publicKeyOf } from "./keys.ts";
import { servingCertificate } from "./serving.ts";
import * as x509 from "./x509.ts";

export interface ClientRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[] | undefined;
  readonly ttlMs: number;
}

export interface CertifiedKey {
  /** PEM */
  readonly certificate: string;
  /** PEM, PKCS #8 */
  readonly key: string;
}

export interface Pki {
  /** PEM */
  readonly caCertificate: string;
  /** SHA-256 of the CA's SubjectPublicKeyInfo, lower-case hex: what join tokens pin */
  readonly caHash: string;
  /**
   * The certificate that the server shows, for these DNS names and IP addresses. The one on disk is used again unless
   * the names differ or less than a third of its life is left: call it at start and now and then.
   */
  serving(names: readonly string[]): Promise<CertifiedKey>;
  /** A client certificate with a new key. */
  issueClient(request: ClientRequest): Promise<CertifiedKey>;
  /**
   * A certificate for the key of a PKCS #10 request; everything else in the request is ignored.
   * @throws ApiError BadRequest
   */
  signCsr(pem: string, request: ClientRequest & { readonly usages?: readonly Usage[]; readonly names?: readonly string[] }): Promise<string>;
  /** signs service account tokens, ES256 */
  readonly tokenKey: KeyObject;
  /** signs transpiled components, ECDSA P-256 */
  readonly componentKey: KeyObject;
}

export async function openPki(directory: string, clock: Clock = systemClock, entropy: Entropy = systemEntropy): Promise<Pki> {
  const file = (name: string) => join(directory, name);
  const caKey = keyAt(file("ca.key"));
  const ca = await issuer(await caCertificateAt(file("ca.crt"), caKey, entropy), caKey, clock, entropy);
  const client = { usages: ["client"] } as const satisfies { usages: readonly Usage[] };

  return {
    caCertificate: pem(ca.certificate),
    caHash: createHash("sha256").update(publicKeyOf(caKey).export({ type: "spki", format: "der" })).digest("hex"),
    tokenKey: keyAt(file("service-account.key")),
    componentKey: keyAt(file("component.key")),
    serving: (names) => servingCertificate({ certificatePath: file("server.crt"), keyPath: file("server.key"), names, ca, clock }),
    async issueClient(request) {
      const key = newKey();
      const publicKey = new x509.PublicKey(publicKeyOf(key).export({ type: "spki", format: "der" }));
      return { certificate: pem(await ca.issue({ ...request, ...client, publicKey })), key: pemOf(key) };
    },
    async signCsr(csr, request) {
      return pem(await ca.issue({ ...client, ...request, publicKey: await publicKeyOfCsr(csr) }));
    },
  };
}

/** The key is written first: after a crash between the two files, the certificate is made again for the same key. */
async function caCertificateAt(path: string, key: KeyObject, entropy: Entropy): Promise<x509.X509Certificate> {
  const text = readText(path);
  if (text === undefined) {
    const certificate = await newCaCertificate(key, entropy);
    writeDurably(path, pem(certificate), PUBLIC);
    return certificate;
  }
  let certificate: x509.X509Certificate;
  try {
    certificate = new x509.X509Certificate(text);
  } catch (cause) {
    throw new Error(`${path} holds no certificate; restore it from a backup`, { cause });
  }
  const own = publicKeyOf(key).export({ type: "spki", format: "der" });
  if (!own.equals(Buffer.from(certificate.publicKey.rawData))) throw new Error(`${path} does not belong to the key beside it; restore both from one backup`);
  return certificate;
}

const pem = (certificate: x509.X509Certificate) => `${certificate.toString("pem").trimEnd()}\n`;

