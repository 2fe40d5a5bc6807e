/**
 * The keys of a cluster. One certificate authority, made on the first start, signs everything that speaks TLS: its hash
 * is what a join token pins, so one value is all that a device has to know. Server and client certificates differ by
 * their extended key usage, which both ends check. Two more keys sign tokens and components and nothing else, so that
 * a leak of one does not reach what the others protect.
 */
import { createHash, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../api/clock.ts";
import { systemClock } from "../../api/clock.ts";
import type { Entropy } from "../../api/entropy.ts";
import { systemEntropy } from "../../api/entropy.ts";
import { PUBLIC, readText, writeDurably } from "./files.ts";
import type { Issuer, Usage } from "./issue.ts";
import { keyAt, newKey, pemOf, publicDer } from "./keys.ts";
import { servingCertificate } from "./serving.ts";

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
  const caCertificate = await caCertificateAt(file("ca.crt"), caKey, entropy);
  let loaded: Promise<Issuer> | undefined;
  const issue: Issuer["issue"] = async (leaf) => (await (loaded ??= import("./issue.ts").then(({ issuer }) => issuer(caCertificate, caKey, clock, entropy)))).issue(leaf);
  const client = { usages: ["client"] } as const satisfies { usages: readonly Usage[] };

  return {
    caCertificate,
    caHash: createHash("sha256").update(publicDer(caKey)).digest("hex"),
    tokenKey: keyAt(file("service-account.key")),
    componentKey: keyAt(file("component.key")),
    serving: (names) => servingCertificate({ certificatePath: file("server.crt"), keyPath: file("server.key"), names, caCertificate, issue, clock }),
    async issueClient(request) {
      const key = newKey();
      return { certificate: await issue({ ...request, ...client, publicKey: publicDer(key) }), key: pemOf(key) };
    },
    async signCsr(csr, request) {
      const { publicKeyOfCsr } = await import("./csr.ts");
      return issue({ ...client, ...request, publicKey: await publicKeyOfCsr(csr) });
    },
  };
}

/** PEM. The key is written first: after a crash between the two files, the certificate is made again for the same key. */
async function caCertificateAt(path: string, key: KeyObject, entropy: Entropy): Promise<string> {
  const text = readText(path);
  if (text === undefined) {
    const { newCaCertificate } = await import("./issue.ts");
    const made = await newCaCertificate(key, entropy);
    writeDurably(path, made, PUBLIC);
    return made;
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(text);
  } catch (cause) {
    throw new Error(`${path} holds no certificate; restore it from a backup`, { cause });
  }
  if (!certificate.checkPrivateKey(key)) throw new Error(`${path} does not belong to the key beside it; restore both from one backup`);
  return certificate.toString();
}

