/**
 * The Lease that each node has in kube-node-lease: clients read there that somebody vouches for the node, and until when.
 *
 * A kubelet renews its own every ten seconds. Here devices prove to presence.ts that they are alive without writing
 * anything, so the Lease is the server's word: it is granted for long, renewed rarely, and ended in the moment in which the
 * node counts as lost. Whoever compares `renewTime + leaseDurationSeconds` with the clock is right at any time.
 *
 * All are renewed together, so that they share commits (16 KB each, and 2 to 4 KB a Lease, measured on SQLite), and the more
 * there are the less often: whatever the size of the fleet, that is 0.3 to 0.7 MB an hour to the server's disk (decision 11).
 */
import type { Client } from "../api/client.ts";
import { microTimestamp, type Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { LEASES, NODES } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Lease, Node } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import type { Informers } from "../control/control.ts";
import { isDevice } from "./node-status.ts";
import { nodeUser } from "./observed.ts";

const NAMESPACE = "kube-node-lease";
/** Clients that wait for a renewal give it five minutes. */
const RENEW_MS = 240_000;
/** So many are renewed that often; of more, all are renewed more rarely. */
const NODES_PER_PERIOD = 12;
/** kubelet's ratio: three renewals may fail */
const PERIODS_GRANTED = 4;
/** The shortest that a Lease can be: it has ended (client-go ends its own like this). */
const ENDED_SECONDS = 1;
/** Writes at a time: each group is one commit. */
const TOGETHER = 64;

export function nodeLeases(options: { readonly clientFor: (user: User) => Client; readonly informers: Informers; readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal }): void {
  const { informers, clientFor, clock, log, signal } = options;
  const nodes = informers.of(NODES);
  const devices = () => nodes.list().filter(isDevice);

  const settle = async (node: Node): Promise<void> => {
    const { name = "" } = node.metadata;
    const client = clientFor(nodeUser(name));
    try {
      const known = await client.get(LEASES, { namespace: NAMESPACE, name }).catch(absent);
      const next = nextLease(known, node, { now: clock.now(), periodMs: periodOf(devices().length) });
      if (next === undefined) return;
      await (known === undefined ? client.create(LEASES, next, { namespace: NAMESPACE }) : client.update(LEASES, { namespace: NAMESPACE, name }, next));
    } catch (error) {
      // the next round repairs it; somebody was faster, or node and lease are gone
      const meanwhile = (["NotFound", "Conflict", "AlreadyExists"] as const).some((reason) => isReason(error, reason));
      if (!meanwhile && !signal.aborted) log.warn({ node: name, error: String(error) }, "the lease of a node could not be written");
    }
  };
  const round = async () => {
    const all = devices();
    for (let at = 0; at < all.length && !signal.aborted; at += TOGETHER) await Promise.all(all.slice(at, at + TOGETHER).map(settle));
    if (!signal.aborted) cancel = clock.after(periodOf(all.length), () => void round());
  };
  let cancel: (() => void) | undefined;
  const unsubscribe = nodes.subscribe((now, old) => {
    if (now !== undefined && isDevice(now) && (old === undefined || isAlive(old) !== isAlive(now))) void settle(now);
  });
  signal.addEventListener(
    "abort",
    () => {
      cancel?.();
      unsubscribe();
    },
    { once: true },
  );
  void round();
}

/** What the Lease of a node has to become; undefined: it is as it should be. Pure. */
export function nextLease(known: Lease | undefined, node: Node, { now, periodMs }: { readonly now: number; readonly periodMs: number }): Lease | undefined {
  const { name = "", uid = "" } = node.metadata;
  const { holderIdentity, leaseDurationSeconds = 0, renewTime } = known?.spec ?? {};
  const ended = leaseDurationSeconds <= ENDED_SECONDS;
  if (!isAlive(node)) return known === undefined || ended ? undefined : { ...known, spec: { ...known.spec, leaseDurationSeconds: ENDED_SECONDS } };
  const owned = known?.metadata.ownerReferences?.[0]?.uid === uid;
  const age = renewTime === undefined ? Number.POSITIVE_INFINITY : now - Date.parse(renewTime);
  if (!ended && owned && holderIdentity === name && age >= 0 && age < periodMs / 2) return undefined;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...known?.metadata, name, namespace: NAMESPACE, ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid }] },
    spec: { ...known?.spec, holderIdentity: name, leaseDurationSeconds: Math.round((periodMs * PERIODS_GRANTED) / 1000), renewTime: microTimestamp(now) },
  };
}

export function periodOf(devices: number): number {
  return RENEW_MS * Math.max(1, Math.ceil(devices / NODES_PER_PERIOD));
}

/** Heard of: what a device says of its health is another matter. */
function isAlive({ status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready !== undefined && ready.status !== "Unknown";
}

function absent(error: unknown): undefined {
  if (!isReason(error, "NotFound")) throw error;
}
