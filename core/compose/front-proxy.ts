/** The certificate by which other API servers know this one (requestheader-client-ca): made on first use, renewed in time. */
import type { Clock } from "../api/clock.ts";
import type { CertifiedKey, Pki } from "../auth/pki/pki.ts";

const COMMON_NAME = "front-proxy-client";
const TTL_MS = 365 * 86_400_000;
/** As the serving certificate: with a third of its life left. */
const RENEW_BELOW_MS = TTL_MS / 3;

export function frontProxy({ pki, clock }: { readonly pki: Pick<Pki, "issueClient">; readonly clock: Clock }): () => Promise<CertifiedKey> {
  let current: Promise<CertifiedKey> | undefined;
  let until = 0;
  return () => {
    const now = clock.now();
    const left = until - now;
    // more left than a whole life: it was made while the clock was ahead
    if (current !== undefined && left >= RENEW_BELOW_MS && left <= TTL_MS) return current;
    const issued = pki.issueClient({ commonName: COMMON_NAME, ttlMs: TTL_MS });
    current = issued;
    until = now + TTL_MS;
    // what could not be made is tried again at the next request
    issued.catch(() => {
      if (current === issued) current = undefined;
    });
    return issued;
  };
}
