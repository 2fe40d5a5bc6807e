/** The taints that a node's conditions stand for (Kubernetes, "Taint Nodes by Condition"). Pure. */
import type { Node, Taint } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";

export const NOT_READY = "node.kubernetes.io/not-ready";
export const UNREACHABLE = "node.kubernetes.io/unreachable";
export const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";

const SCHEDULING: readonly (readonly [condition: string, status: string, key: string])[] = [
  ["Ready", "False", NOT_READY],
  ["Ready", "Unknown", UNREACHABLE],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
];
const SCHEDULING_KEYS = new Set([...SCHEDULING.map(([, , key]) => key), UNSCHEDULABLE]);
const EVICTION_KEYS: readonly string[] = [NOT_READY, UNREACHABLE];

/** the key of the NoExecute taint that the node's Ready condition asks for */
export function evictionKey(node: Node): string | undefined {
  const ready = findCondition(node.status?.conditions, "Ready");
  if (ready === undefined || ready.status === "True") return undefined;
  return ready.status === "False" ? NOT_READY : UNREACHABLE;
}

export const hasEvictionTaint = (node: Node): boolean =>
  (node.spec?.taints ?? []).some(({ key, effect }) => effect === "NoExecute" && EVICTION_KEYS.includes(key));

/**
 * The taints the node should have: NoSchedule ones from its conditions, and the one NoExecute taint if `evict`.
 * Taints of others stay as they are, in their order.
 */
export function taintsFor(node: Node, evict: boolean, at: string): readonly Taint[] {
  const wanted = new Set(
    SCHEDULING.filter(([type, status]) => findCondition(node.status?.conditions, type)?.status === status).map(([, , key]) => key),
  );
  if (node.spec?.unschedulable === true) wanted.add(UNSCHEDULABLE);
  const eviction = evict ? evictionKey(node) : undefined;
  const before = node.spec?.taints ?? [];
  const kept = before.filter(({ key, effect }) => {
    if (effect === "NoSchedule" && SCHEDULING_KEYS.has(key)) return wanted.has(key);
    if (effect === "NoExecute" && EVICTION_KEYS.includes(key)) return key === eviction;
    return true;
  });
  const has = (key: string, effect: string) => kept.some((taint) => taint.key === key && taint.effect === effect);
  const added: Taint[] = [...wanted].filter((key) => !has(key, "NoSchedule")).map((key) => ({ key, effect: "NoSchedule", timeAdded: at }));
  if (eviction !== undefined && !has(eviction, "NoExecute")) added.push({ key: eviction, effect: "NoExecute", timeAdded: at });
  return [...kept, ...added];
}
