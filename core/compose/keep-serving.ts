/** Renews the server's certificate while it runs, so that a server that is never restarted never shows an expired one. */
import { type Clock, sleep } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { CertifiedKey, Pki } from "../auth/pki/pki.ts";

export interface ServingParts {
  readonly pki: Pki;
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A certificate is renewed with a third of its life left; looking once a day is early enough. */
const LOOK_MS = 86_400_000;

export async function keepServing({ pki, names, clock, log, signal }: ServingParts, use: (serving: CertifiedKey) => void): Promise<void> {
  let shown = (await pki.serving(names)).certificate;
  for (;;) {
    await sleep(clock, LOOK_MS, signal);
    if (signal.aborted) return;
    try {
      const serving = await pki.serving(names);
      if (serving.certificate === shown) continue;
      shown = serving.certificate;
      use(serving);
      log.info({}, "the server shows a renewed certificate");
    } catch (error) {
      log.error({ error }, "the server's certificate could not be renewed; trying again tomorrow");
    }
  }
}
