/**
 * What follows from a node's conditions: taints that keep pods away or evict them, and pods on lost nodes that stop
 * counting as ready. The Ready condition itself comes from presence (the hub); evicting is the taint-eviction
 * controller's. Eviction taints are handed out per zone at a limited rate.
 */
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Node, Pod } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { evictionKey, hasEvictionTaint, taintsFor } from "./node-taints.ts";
import { podCondition } from "./pod-state.ts";
import { evictionRate, isNodeReady, zoneOf, zoneState } from "./zone-disruption.ts";

/** Until a node that waits for its turn is looked at again (node monitor period of Kubernetes). */
const WAIT_MS = 5_000;
/** The index of pods by the node they are bound to. */
export const ON_NODE = "node";

interface Zone {
  ready: number;
  notReady: number;
  /** moment from which the next node of the zone may be tainted */
  next: number;
}

export function nodeLifecycle(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "node-controller");
  const nodes = deps.informers.of(NODES);
  const pods = deps.informers.of(PODS);
  pods.addIndex(ON_NODE, (pod) => [pod.spec?.nodeName ?? ""]);
  const zones = new Map<string, Zone>();
  const lost = new Set<string>();
  let stopped = false;

  const tally = (node: Node | undefined, by: 1 | -1) => {
    if (node === undefined) return;
    const name = zoneOf(node);
    const zone = zones.get(name) ?? { ready: 0, notReady: 0, next: 0 };
    if (isNodeReady(node)) zone.ready += by;
    else zone.notReady += by;
    if (zone.ready + zone.notReady === 0) zones.delete(name);
    else zones.set(name, zone);
  };
  nodes.subscribe((now, old) => {
    tally(old, -1);
    tally(now, 1);
  });
  for (const node of nodes.list()) tally(node, 1);
  const everyZoneFull = () => zones.size > 0 && [...zones.values()].every((zone) => zoneState(zone) === "full");

  /** when every zone is lost, this server is: all eviction taints go; and back when the first node returns */
  const concerned = ({ metadata }: Node): readonly string[] => {
    const full = everyZoneFull();
    const flipped = full !== stopped;
    stopped = full;
    return flipped ? nodes.list().map((node) => node.metadata.name ?? "") : [metadata.name ?? ""];
  };

  /** 0: this node may be tainted; else the milliseconds to wait */
  const turn = (node: Node): number => {
    const zone = zones.get(zoneOf(node));
    if (zone === undefined) return WAIT_MS;
    const rate = evictionRate(zone, everyZoneFull());
    const now = deps.clock.monotonic();
    if (rate === 0) return WAIT_MS;
    if (zone.next > now) return zone.next - now;
    zone.next = now + 1000 / rate;
    return 0;
  };

  async function reconcile(name: string): Promise<Outcome> {
    const node = nodes.get(name);
    if (node === undefined) {
      lost.delete(name);
      return undefined;
    }
    const due = evictionKey(node) !== undefined && !everyZoneFull();
    const wait = due && !hasEvictionTaint(node) ? turn(node) : 0;
    const taints = taintsFor(node, due && wait === 0, timestamp(deps.clock.now()));
    if (!sameJson(taints, node.spec?.taints ?? [])) {
      const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
      await client.patch(NODES, { name }, { type: "merge", patch });
    }
    if (evictionKey(node) === undefined) lost.delete(name);
    else {
      if (!lost.has(name)) events.record(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
      lost.add(name);
      for (const pod of pods.by(ON_NODE, name)) await markNotReady(pod);
    }
    return wait > 0 ? { afterMs: wait } : undefined;
  }

  async function markNotReady(pod: Pod): Promise<void> {
    if (podCondition(pod, "Ready")?.status !== "True") return;
    const at = timestamp(deps.clock.now());
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type === "Ready" ? { ...condition, status: "False", lastTransitionTime: at } : condition,
    );
    const { namespace, name = "", resourceVersion, uid } = pod.metadata;
    try {
      await client.patch(PODS, { namespace, name, subresource: "status" }, { type: "merge", patch: { metadata: { uid, resourceVersion }, status: { conditions } } });
      events.record(pod, "Warning", "NodeNotReady", "Node is not ready");
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  return {
    name: "node-lifecycle",
    workers: 8,
    watches: [
      watching(nodes, concerned),
      // a pod that says Ready on a node that is lost: the word is older than the loss
      watching(pods, (pod) => {
        const node = pod.spec?.nodeName ?? "";
        return lost.has(node) && podCondition(pod, "Ready")?.status === "True" ? [node] : [];
      }),
    ],
    reconcile,
  };
}
