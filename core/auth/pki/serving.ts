/** The server's own certificate, kept on disk and made again when it no longer fits. */
import type { Clock } from "../../api/clock.ts";
import { PUBLIC, readText, writeDurably } from "./files.ts";
import type { Issuer } from "./issue.ts";
import { generalName } from "./issue.ts";
import { keyAt, pemOf, publicKeyOf } from "./keys.ts";
import * as x509 from "./x509.ts";

const DAY_MS = 86_400_000;
/** Apple's and the CA/Browser Forum's limit for serving certificates, which some clients apply to private CAs too. */
const LIFE_MS = 397 * DAY_MS;
/** Renewed with a third left: a server that restarts a few times a year never shows an expired certificate. */
const RENEW_BELOW_MS = LIFE_MS / 3;

export interface ServingOptions {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly names: readonly string[];
  readonly ca: Issuer;
  readonly clock: Clock;
}

export async function servingCertificate({ certificatePath, keyPath, names, ca, clock }: ServingOptions): Promise<{ certificate: string; key: string }> {
  const key = keyAt(keyPath);
  const publicKey = new x509.PublicKey(publicKeyOf(key).export({ type: "spki", format: "der" }));
  const wanted = [...new Set(names)].toSorted();
  const there = readText(certificatePath);
  if (there !== undefined && (await fits(there, { wanted, publicKey, ca, now: clock.now() }))) return { certificate: there, key: pemOf(key) };
  const issued = await ca.issue({ commonName: "lichen", publicKey, ttlMs: LIFE_MS, usages: ["server"], names: wanted });
  // The chain ends with the CA, which a joining device compares with the hash in its token.
  const certificate = `${issued.toString("pem")}\n${ca.certificate.toString("pem")}\n`;
  writeDurably(certificatePath, certificate, PUBLIC);
  return { certificate, key: pemOf(key) };
}

interface Wanted {
  readonly wanted: readonly string[];
  readonly publicKey: x509.PublicKey;
  readonly ca: Issuer;
  readonly now: number;
}

async function fits(pem: string, { wanted, publicKey, ca, now }: Wanted): Promise<boolean> {
  try {
    const certificate = new x509.X509Certificate(pem);
    const left = certificate.notAfter.getTime() - now;
    // More left than a whole life: it was made while the clock was ahead, and would be renewed late.
    if (left < RENEW_BELOW_MS || left > LIFE_MS + DAY_MS) return false;
    const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map((name) => name.value) ?? [];
    return (
      names.toSorted().join() === wanted.map(canonical).toSorted().join() &&
      Buffer.from(certificate.publicKey.rawData).equals(Buffer.from(publicKey.rawData)) &&
      (await certificate.verify({ publicKey: ca.certificate.publicKey, signatureOnly: true }))
    );
  } catch {
    return false;
  }
}

/** An address as the certificate library prints it after parsing. */
function canonical(name: string): string {
  const { type, value } = generalName(name);
  return new x509.GeneralName(type, value).value;
}
