/** Questions about one pod that several controllers ask. */
import type { Pod, PodCondition } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";

export const podCondition = (pod: Pod, type: string): PodCondition | undefined => findCondition(pod.status?.conditions, type);
export const isReady = (pod: Pod): boolean => podCondition(pod, "Ready")?.status === "True";
export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
export const isFinished = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
/** counts as one of its controller's replicas */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod);

/** Milliseconds until a ready pod counts as available: 0 is yes, undefined is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number | undefined, now: number): number | undefined {
  const ready = podCondition(pod, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === undefined || minReadySeconds === 0) return 0;
  if (typeof ready.lastTransitionTime !== "string") return undefined;
  return Math.max(0, Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 - now);
}

export const isAvailable = (pod: Pod, minReadySeconds: number | undefined, now: number): boolean =>
  availableIn(pod, minReadySeconds, now) === 0;

const PHASES = ["Pending", "Unknown", "Running"];
const time = (text: string | null | undefined) => (typeof text === "string" ? Date.parse(text) : 0);
/** Ages are compared by magnitude (KEP-2185): pods a little apart count as equally old. */
const magnitude = (at: number, now: number) => (at === 0 ? 0 : Math.floor(Math.log2(Math.max(1, (now - at) * 1e6))));

/**
 * The order in which surplus pods go: the first in the list is deleted first. Unplaced before placed, unready before
 * ready, cheap before dear (pod-deletion-cost, KEP-2255), crowded nodes before others, young before old.
 * `crowd` is how many pods of the same owner family run on the pod's node.
 */
export function deletionOrder(pods: readonly Pod[], crowd: (pod: Pod) => number, now: number): readonly Pod[] {
  const ranked = pods.map((pod) => ({
    pod,
    rank: [
      pod.spec?.nodeName === undefined || pod.spec.nodeName === "" ? 0 : 1,
      PHASES.indexOf(pod.status?.phase ?? ""),
      isReady(pod) ? 1 : 0,
      deletionCost(pod),
      -crowd(pod),
      isReady(pod) ? magnitude(time(podCondition(pod, "Ready")?.lastTransitionTime), now) : 0,
      -Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0)),
      magnitude(time(pod.metadata.creationTimestamp), now),
    ],
  }));
  return ranked
    .toSorted((a, b) => {
      for (const [index, left] of a.rank.entries()) {
        const difference = left - (b.rank[index] ?? 0);
        if (difference !== 0) return difference;
      }
      return (a.pod.metadata.uid ?? "") < (b.pod.metadata.uid ?? "") ? -1 : 1;
    })
    .map(({ pod }) => pod);
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? "0";
  const value = Number(text);
  return Number.isInteger(value) ? value : 0;
}
