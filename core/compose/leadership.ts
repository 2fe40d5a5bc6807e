/**
 * Who acts, where several servers share one etcd: all of them answer the API, one runs controllers, scheduler and the
 * devices' hub. A server that is alone with its store leads from the start and writes no Lease (decision 19).
 */
import { hostname } from "node:os";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { LEASES } from "../api/resources.gen.ts";
import type { User } from "../api/user.ts";
import type { KindTable } from "../api/kinds.ts";
import { runElection } from "../control/leader-election.ts";
import { keyOf } from "../registry/keys.ts";
import type { Registry } from "../registry/registry.ts";
import type { Fence, Store } from "../store/store.ts";
import { electionUser } from "./internal-users.ts";

export const LEASE = { namespace: "kube-system", name: "lichen-server" };

export interface Leading {
  readonly signal: AbortSignal;
  /** writes are refused from the moment another server leads */
  readonly clientFor: (user: User) => Client;
}

export interface LeadershipParts {
  readonly store: Store;
  readonly registry: Registry;
  readonly kinds: KindTable;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** starts what the leader does; resolves with what ends it, called when the term is over */
  readonly begin: (leading: Leading) => Promise<() => Promise<void>>;
}

/** Resolves once this server leads, or stands for election; the returned function ends both. */
export async function leadership({ store, registry, kinds, clock, entropy, log, signal, begin }: LeadershipParts): Promise<() => Promise<void>> {
  const fence = store.fence?.bind(store);
  if (fence === undefined) return await begin({ signal, clientFor: registry.clientFor });
  const stopping = new AbortController();
  signal.addEventListener("abort", () => stopping.abort(), { once: true });
  const running = runElection<Fence>({
    client: registry.clientFor(electionUser),
    lease: LEASE,
    identity: `${hostname()}_${entropy.uid()}`,
    fence: (resourceVersion) => fence(leaseKey(kinds), Number(resourceVersion)),
    async lead(term) {
      const end = await begin({ signal: term.signal, clientFor: registry.fenced(term.fence) });
      await new Promise<void>((resolve) => {
        if (term.signal.aborted) resolve();
        else term.signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await end();
    },
    clock,
    log: log.child({ part: "election" }),
    signal: stopping.signal,
  });
  return async () => {
    stopping.abort();
    await running;
  };
}

function leaseKey(kinds: KindTable): string {
  const kind = kinds.byResource(LEASES.group, LEASES.version, LEASES.plural);
  if (kind === undefined) throw new Error("Lease is a built-in kind");
  return keyOf(kind, LEASE.namespace, LEASE.name);
}
