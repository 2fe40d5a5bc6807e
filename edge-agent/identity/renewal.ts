/**
 * Keeps the certificate fresh: over the live session after two thirds of its life; with a proof of the old key once it
 * has expired (a device that was off for a month has to get back by itself).
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { sleep, type Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import { certificateRequest } from "./csr.ts";
import { EnrollmentRefused, renewExpired } from "./enroll.ts";
import { newKey, validityOf, type Identity } from "./identity.ts";

export interface RenewalParts {
  readonly current: () => Identity;
  readonly change: (identity: Identity) => Promise<void>;
  /** @throws Error when there is no session */
  readonly ask: (csr: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Renewal {
  /** the server answered with a chain */
  received(chain: string): Promise<void>;
}

/** Certificates live for days; a look per minute also sees clocks that jump. */
const LOOK_MS = 60_000;
/** A refused device may have been allowed again. */
const REFUSED_MS = 600_000;

export function startRenewal({ current, change, ask, clock, log, signal }: RenewalParts): Renewal {
  let pending: string | undefined;

  const look = async (): Promise<number> => {
    const { renewAt, until } = validityOf(current());
    const now = clock.now();
    if (now < renewAt) return Math.min(renewAt - now, LOOK_MS * 60);
    try {
      if (now >= until) {
        log.info({}, "the device's certificate has expired; proving its key to get another");
        await change({ ...(await renewExpired(current(), signal)), obtainedAt: clock.now() });
        return LOOK_MS;
      }
      pending ??= newKey();
      await ask(certificateRequest(createPrivateKey(pending), current().name));
    } catch (error) {
      log.warn({ error: error instanceof Error ? error.message : String(error) }, "the certificate could not be renewed yet");
      if (error instanceof EnrollmentRefused) return REFUSED_MS;
    }
    return LOOK_MS;
  };
  void (async () => {
    for (let pause = 0; !signal.aborted; pause = await look()) await sleep(clock, pause, signal);
  })();

  return {
    async received(chain) {
      if (pending === undefined) return;
      const own = new X509Certificate(chain);
      const wanted = createPublicKey(createPrivateKey(pending)).export({ type: "spki", format: "der" });
      if (!own.publicKey.export({ type: "spki", format: "der" }).equals(wanted)) {
        log.warn({}, "a certificate arrived that is not for the key it was asked for; ignoring it");
        return;
      }
      const key = pending;
      pending = undefined;
      await change({ ...current(), key, certificate: chain, obtainedAt: clock.now() });
      log.info({ until: new Date(validityOf({ certificate: chain }).until).toISOString() }, "the device's certificate was renewed");
    },
  };
}
