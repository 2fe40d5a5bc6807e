/**
 * What becomes of a Node's status when its device reports, and when it falls silent. Pure. Times are the server's: a
 * device without a battery clock lives in 1970 until it is told better. A condition's heartbeat is written when its
 * node's status is written for another reason, never for its own sake: a write per device and minute is what wears out
 * the server's disk.
 */
import { timestamp } from "../api/clock.ts";
import { without } from "../api/kinds/fill.ts";
import { DEVICE_ANNOTATION } from "../api/kinds/node.ts";
import type { Node, NodeCondition, NodeStatus } from "../api/types.gen.ts";
import { canonical } from "./canonical.ts";

/** The conditions that a silent node loses (node lifecycle controller of Kubernetes). */
const LOST_WITH_NODE = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** `current` with what the device reported over it. Conditions of types that it does not report belong to others. */
export function reportedStatus(current: NodeStatus | undefined, reported: NodeStatus, nowMs: number): NodeStatus {
  const now = timestamp(nowMs);
  const before = new Map((current?.conditions ?? []).map((condition) => [condition.type, condition]));
  const conditions = (reported.conditions ?? []).map((condition): NodeCondition => {
    const old = before.get(condition.type);
    before.delete(condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : now;
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
  return { ...without(current ?? {}, ...DEVICE_FIELDS), ...reported, conditions: [...before.values(), ...conditions] };
}

/** Absent from a report they are absent from the device, which may have been another one before an update. */
const DEVICE_FIELDS = ["runtimeHandlers", "features"] as const;

/** The status of a node that nobody hears from; undefined when it says so already. */
export function silentStatus(current: NodeStatus | undefined, nowMs: number): NodeStatus | undefined {
  const now = timestamp(nowMs);
  const conditions = [...(current?.conditions ?? [])];
  let changed = false;
  for (const type of LOST_WITH_NODE) {
    const at = conditions.findIndex((condition) => condition.type === type);
    const old = conditions[at];
    if (old === undefined) {
      conditions.push({
        type,
        status: "Unknown",
        reason: "NodeStatusNeverUpdated",
        message: "Kubelet never posted node status.",
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      });
    } else if (old.status === "Unknown") continue;
    else {
      conditions[at] = { ...old, status: "Unknown", reason: "NodeStatusUnknown", message: "Kubelet stopped posting node status.", lastTransitionTime: now };
    }
    changed = true;
  }
  return changed ? { ...current, conditions } : undefined;
}

/** True when only heartbeats differ: not worth a write. */
export function sameStatus(a: NodeStatus | undefined, b: NodeStatus): boolean {
  return canonical(withoutHeartbeats(a)) === canonical(withoutHeartbeats(b));
}

function withoutHeartbeats(status: NodeStatus | undefined): unknown {
  const conditions = (status?.conditions ?? []).map((condition) => ({ ...condition, lastHeartbeatTime: null }));
  return { ...status, conditions: conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1)) };
}

/** The labels of a node with those that its device tells now: what it told once of its board and runtimes may have become wrong. */
export function reportedLabels(current: Labels = {}, reported: Labels): Labels {
  const kept = Object.entries(current).filter(([label]) => !DEVICE_LABELS.test(label));
  return { ...Object.fromEntries(kept), ...reported };
}

type Labels = Readonly<Record<string, string>>;

/** Labels that only a device sets. */
const DEVICE_LABELS = /^lichen\.dev\/(board$|runtime-)/;

/** Nodes of others are not judged by this hub. */
export function isDevice(node: Node): boolean {
  return node.metadata.annotations?.[DEVICE_ANNOTATION] !== undefined;
}
