/**
 * One of several servers acts: the one that holds a Lease (coordination.k8s.io). The protocol is that of Kubernetes'
 * components: the holder renews, the others watch, and who saw no renewal for the length of the lease, by their own
 * clock, takes it over. Clocks of servers are never compared.
 *
 * A term ends before the lease does: the holder that could not renew stops at RENEW_DEADLINE_MS, others begin at LEASE_MS
 * at the earliest. A holder that was frozen in between is kept from writing by the fence that came with its term.
 */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { microTimestamp, sleep } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { LEASES } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Lease } from "../api/types.gen.ts";

/** Whole seconds, as the Lease has them. Another server acts this long after the last renewal at the latest, and a look. */
export const LEASE_MS = 2_000;
/** Leaves half a second between the end of one term and the begin of the next. */
export const RENEW_DEADLINE_MS = 1_500;
/** Two renewals may fail before the deadline. */
export const RENEW_MS = 500;
/** A look at the lease reads this server's memory. */
export const LOOK_MS = 100;

export interface Term<F> {
  /** aborts when this server leads no longer */
  readonly signal: AbortSignal;
  readonly fence: F;
}

export interface Election<F> {
  /** may get, create and update the Lease */
  readonly client: Client;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** of this process: no two may be equal */
  readonly identity: string;
  /** keeps all earlier holders from writing, if the Lease is still as of this resource version; rejects if it is not */
  readonly fence: (resourceVersion: string) => Promise<F>;
  /** acts until the term ends; the next term begins when it resolved */
  readonly lead: (term: Term<F>) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Resolves when the signal aborted and the lease, if it was held, is given back. */
export async function runElection<F>(election: Election<F>): Promise<void> {
  const { clock, log, signal, identity } = election;
  const seen: Seen = { renewal: undefined, at: clock.monotonic() };
  while (!signal.aborted) {
    const asked = clock.monotonic();
    const held = await acquire(election, seen).catch((error: unknown) => void log.debug({ error }, "the lease could not be taken"));
    if (held === undefined) {
      await sleep(clock, LOOK_MS, signal);
      continue;
    }
    log.info({ identity }, "this server leads");
    await term(election, held.fence, asked);
    log.info({ identity }, "this server leads no longer");
  }
  await release(election).catch((error: unknown) => log.debug({ error }, "the lease could not be given back"));
}

/** The last renewal that was seen, and when, by this server's clock. */
interface Seen {
  renewal: string | undefined;
  at: number;
}

async function acquire<F>(election: Election<F>, seen: Seen): Promise<{ readonly fence: F } | undefined> {
  const { client, lease: at, identity, clock } = election;
  const there = await found(client, at);
  const now = microTimestamp(clock.now());
  if (there === undefined) {
    const spec = { holderIdentity: identity, leaseDurationSeconds: LEASE_MS / 1000, acquireTime: now, renewTime: now, leaseTransitions: 0 };
    const made = await client.create(LEASES, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: at, spec }, { namespace: at.namespace });
    return { fence: await election.fence(made.metadata.resourceVersion ?? "") };
  }
  const { spec = {}, metadata } = there;
  if (seen.renewal !== metadata.resourceVersion) {
    seen.renewal = metadata.resourceVersion;
    seen.at = clock.monotonic();
  }
  const isFree = (spec.holderIdentity ?? "") === "" || spec.holderIdentity === identity;
  const lasts = Math.max((spec.leaseDurationSeconds ?? 0) * 1000, LEASE_MS);
  if (!isFree && clock.monotonic() - seen.at < lasts) return undefined;
  const taken = { ...spec, holderIdentity: identity, leaseDurationSeconds: LEASE_MS / 1000, acquireTime: now, renewTime: now, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
  const written = await client.update(LEASES, at, { ...there, spec: taken });
  return { fence: await election.fence(written.metadata.resourceVersion ?? "") };
}

/** Leads and renews until the lease is lost or the server stops. */
async function term<F>(election: Election<F>, fence: F, since: number): Promise<void> {
  const { clock, log, signal } = election;
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener("abort", end, { once: true });
  let cancel: (() => void) | undefined;
  const holdFrom = (moment: number) => {
    cancel?.();
    cancel = clock.after(Math.max(0, moment + RENEW_DEADLINE_MS - clock.monotonic()), end);
  };
  holdFrom(since);
  const acting = election.lead({ signal: ending.signal, fence }).catch((error: unknown) => {
    log.error({ error }, "leading failed");
    ending.abort();
  });
  while (!ending.signal.aborted) {
    await sleep(clock, RENEW_MS, ending.signal);
    if (ending.signal.aborted) break;
    const asked = clock.monotonic();
    // not awaited beyond the deadline: a store that does not answer is no reason to go on
    const renewed = await Promise.race([renew(election), sleep(clock, RENEW_DEADLINE_MS, ending.signal).then(() => "no answer" as const)]);
    if (renewed === "renewed") holdFrom(asked);
    else if (renewed === "lost") ending.abort();
  }
  cancel?.();
  signal.removeEventListener("abort", end);
  await acting;
}

async function renew<F>({ client, lease: at, identity, clock, log }: Election<F>): Promise<"renewed" | "lost" | "failed"> {
  try {
    const there = await found(client, at);
    if (there?.spec?.holderIdentity !== identity) return "lost";
    await client.update(LEASES, at, { ...there, spec: { ...there.spec, renewTime: microTimestamp(clock.now()) } });
    return "renewed";
  } catch (error) {
    log.warn({ error }, "the lease could not be renewed");
    return "failed";
  }
}

/** A server that stops does not let the others wait. */
async function release<F>({ client, lease: at, identity }: Election<F>): Promise<void> {
  const there = await found(client, at);
  if (there?.spec?.holderIdentity !== identity) return;
  await client.update(LEASES, at, { ...there, spec: { ...there.spec, holderIdentity: "" } });
}

async function found(client: Client, at: Election<unknown>["lease"]): Promise<Lease | undefined> {
  try {
    return await client.get(LEASES, at);
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}
