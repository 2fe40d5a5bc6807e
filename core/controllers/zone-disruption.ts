/**
 * How fast pods may be evicted from lost nodes. When much of a zone is unreachable at once, the network is the likelier
 * culprit than the nodes, so eviction slows down or stops (Kubernetes, "Nodes", rate limits on eviction). Pure.
 */
import type { Node } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";

export interface ZoneCount {
  readonly ready: number;
  readonly notReady: number;
}

export type ZoneState = "normal" | "partial" | "full";

/** Defaults of kube-controller-manager: --node-eviction-rate, --secondary-…, --unhealthy-zone-threshold, --large-cluster-size-threshold. */
export const EVICTIONS_PER_SECOND = 0.1;
export const SLOW_EVICTIONS_PER_SECOND = 0.01;
export const UNHEALTHY_FRACTION = 0.55;
export const LARGE_ZONE = 50;

export const isNodeReady = (node: Node): boolean => findCondition(node.status?.conditions, "Ready")?.status === "True";

export function zoneOf({ metadata }: Node): string {
  const region = metadata.labels?.["topology.kubernetes.io/region"] ?? "";
  const zone = metadata.labels?.["topology.kubernetes.io/zone"] ?? "";
  return `${region}/${zone}`;
}

export function zoneState({ ready, notReady }: ZoneCount): ZoneState {
  if (ready === 0 && notReady > 0) return "full";
  // two lost nodes are two lost nodes, in a zone of any size
  return notReady > 2 && notReady / (ready + notReady) >= UNHEALTHY_FRACTION ? "partial" : "normal";
}

/** evictions per second in a zone; 0 stops them */
export function evictionRate(zone: ZoneCount, everyZoneFull: boolean): number {
  if (everyZoneFull) return 0;
  if (zoneState(zone) !== "partial") return EVICTIONS_PER_SECOND;
  return zone.ready + zone.notReady > LARGE_ZONE ? SLOW_EVICTIONS_PER_SECOND : 0;
}
