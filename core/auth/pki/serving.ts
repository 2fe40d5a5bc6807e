/** The server's own certificate, kept on disk and made again when it no longer fits. */
import { X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIP } from "node:net";
import type { Clock } from "../../api/clock.ts";
import { PUBLIC, readText, writeDurably } from "./files.ts";
import type { Issuer } from "./issue.ts";
import { keyAt, pemOf, publicDer } from "./keys.ts";

const DAY_MS = 86_400_000;
/** Apple's and the CA/Browser Forum's limit for serving certificates, which some clients apply to private CAs too. */
const LIFE_MS = 397 * DAY_MS;
/** Renewed with a third left: a server that restarts a few times a year never shows an expired certificate. */
const RENEW_BELOW_MS = LIFE_MS / 3;

export interface ServingOptions {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly names: readonly string[];
  /** PEM */
  readonly caCertificate: string;
  readonly issue: Issuer["issue"];
  readonly clock: Clock;
}

export async function servingCertificate({ certificatePath, keyPath, names, caCertificate, issue, clock }: ServingOptions): Promise<{ certificate: string; key: string }> {
  const key = keyAt(keyPath);
  const wanted = [...new Set(names)].toSorted();
  const there = readText(certificatePath);
  if (there !== undefined && fits(there, { wanted, key, caCertificate, now: clock.now() })) return { certificate: there, key: pemOf(key) };
  const issued = await issue({ commonName: "lichen", publicKey: publicDer(key), ttlMs: LIFE_MS, usages: ["server"], names: wanted });
  // The chain ends with the CA, which a joining device compares with the hash in its token.
  const certificate = issued + caCertificate;
  writeDurably(certificatePath, certificate, PUBLIC);
  return { certificate, key: pemOf(key) };
}

interface Wanted {
  readonly wanted: readonly string[];
  readonly key: KeyObject;
  readonly caCertificate: string;
  readonly now: number;
}

function fits(pem: string, { wanted, key, caCertificate, now }: Wanted): boolean {
  try {
    const certificate = new X509Certificate(pem);
    const left = certificate.validToDate.getTime() - now;
    // More left than a whole life: it was made while the clock was ahead, and would be renewed late.
    if (left < RENEW_BELOW_MS || left > LIFE_MS + DAY_MS) return false;
    return carries(certificate, wanted) && certificate.checkPrivateKey(key) && certificate.verify(new X509Certificate(caCertificate).publicKey);
  } catch {
    return false;
  }
}

/** These names and no others. */
function carries(certificate: X509Certificate, wanted: readonly string[]): boolean {
  // "DNS:localhost, IP Address:127.0.0.1"
  const there = certificate.subjectAltName?.split(", ") ?? [];
  return there.length === wanted.length && wanted.every((name) => (isIP(name) === 0 ? there.includes(`DNS:${name}`) : certificate.checkIP(name) !== undefined));
}
