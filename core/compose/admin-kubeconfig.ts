/**
 * The administrator's kubeconfig in the data directory. Its certificate is kept from start to start while it is good: to
 * make another one a start would have to load the library for it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Clock } from "../api/clock.ts";
import { MASTERS } from "../api/user.ts";
import { kubeconfig } from "../auth/kubeconfig.ts";
import type { CertifiedKey, Pki } from "../auth/pki/pki.ts";

const USER = "kubernetes-admin";
const DAY_MS = 86_400_000;
/** The admin's certificate outlives a season without care. */
const TTL_MS = 365 * DAY_MS;
/** Less than this left: it is made again. So every start gives most of a year. */
const RENEW_BELOW_MS = (TTL_MS * 2) / 3;

export interface AdminKubeconfig {
  readonly path: string;
  /** https://host:port */
  readonly server: string;
  readonly pki: Pick<Pki, "caCertificate" | "issueClient">;
  readonly clock: Pick<Clock, "now">;
}

export async function adminKubeconfig({ path, server, pki, clock }: AdminKubeconfig): Promise<void> {
  const { caCertificate } = pki;
  const there = existsSync(path) ? readFileSync(path, "utf8") : "";
  const kept = credentialsIn(there);
  const credentials =
    kept !== undefined && isGood(kept, caCertificate, clock.now()) ? kept : await pki.issueClient({ commonName: USER, organizations: [MASTERS], ttlMs: TTL_MS });
  const wanted = kubeconfig({ server, caCertificate, user: USER, credentials });
  if (wanted !== there) writeFileSync(path, wanted, { mode: 0o600 });
}

function credentialsIn(text: string): CertifiedKey | undefined {
  const field = (name: string) => new RegExp(`^    ${name}: (\\S+)$`, "m").exec(text)?.[1];
  const certificate = field("client-certificate-data");
  const key = field("client-key-data");
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate: Buffer.from(certificate, "base64").toString(), key: Buffer.from(key, "base64").toString() };
}

function isGood({ certificate, key }: CertifiedKey, caCertificate: string, now: number): boolean {
  try {
    const own = new X509Certificate(certificate);
    const left = own.validToDate.getTime() - now;
    // more left than a whole life: it was made while the clock was ahead
    return left > RENEW_BELOW_MS && left < TTL_MS + DAY_MS && own.checkPrivateKey(createPrivateKey(key)) && own.verify(new X509Certificate(caCertificate).publicKey);
  } catch {
    return false;
  }
}
