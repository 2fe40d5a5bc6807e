/** What becomes of a Pod's status when its device reports. Pure. */
import type { Pod, PodCondition, PodStatus } from "../api/types.gen.ts";
import { canonical } from "./canonical.ts";

/** Conditions that only the device speaks of: one that it does not report any more is over. */
export const DEVICE_CONDITIONS = new Set<string>([
  "PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "AllContainersRestarting", "PodResizePending", "PodResizeInProgress",
]);
const TERMINAL = new Set<string | undefined>(["Succeeded", "Failed"]);

/**
 * `undefined`: nothing to write. A pod that is over stays over, whatever a late report says. Conditions of others
 * (readiness gates, DisruptionTarget) stay.
 */
export function reportedPodStatus(pod: Pod, reported: PodStatus): PodStatus | undefined {
  const current = pod.status;
  if (TERMINAL.has(current?.phase) && !TERMINAL.has(reported.phase)) return undefined;
  const own = new Set((reported.conditions ?? []).map(({ type }) => type));
  const others: readonly PodCondition[] = (current?.conditions ?? []).filter(({ type }) => !own.has(type) && !DEVICE_CONDITIONS.has(type));
  const next: PodStatus = { ...current, ...reported, conditions: [...others, ...(reported.conditions ?? [])] };
  return canonical({ ...next, conditions: byType(next) }) === canonical({ ...current, conditions: byType(current) }) ? undefined : next;
}

function byType(status: PodStatus | undefined): readonly PodCondition[] {
  return (status?.conditions ?? []).toSorted((a, b) => (a.type < b.type ? -1 : 1));
}
