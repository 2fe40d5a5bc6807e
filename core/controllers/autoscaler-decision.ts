/** How many replicas a HorizontalPodAutoscaler wants (Kubernetes, "Horizontal Pod Autoscaling", algorithm and behaviour). Pure. */
import type { HPAScalingRules, HorizontalPodAutoscaler, Pod } from "../api/types.gen.ts";
import { isFinished, isReady, isTerminating } from "./pod-state.ts";

/** A ratio this close to 1 changes nothing (--horizontal-pod-autoscaler-tolerance). */
export const TOLERANCE = 0.1;
const STABILIZATION_SECONDS = 300;

/** usage and request of each pod, in the same unit */
export interface PodAmounts {
  readonly usage: ReadonlyMap<string, number>;
  readonly request: (pod: Pod) => number | undefined;
}

export interface Proposal {
  readonly replicas: number;
  /** what the pods use on average: percent of the request, or the unit of the usage */
  readonly average: number;
}

/**
 * The size at which each pod would be at its target. Pods without metrics count as using nothing when that leads to
 * fewer pods and as at target when it leads to more: what is not known must not exaggerate.
 */
export function propose(pods: readonly Pod[], current: number, amounts: PodAmounts, target: { readonly utilization: number } | { readonly average: number }): Proposal | undefined {
  const members = pods.filter((pod) => !isFinished(pod) && !isTerminating(pod));
  const known = members.filter((pod) => amounts.usage.has(pod.metadata.name ?? "") && isReady(pod));
  if (known.length === 0) return undefined;
  const unknown = members.length - known.length;
  const used = known.reduce((sum, pod) => sum + (amounts.usage.get(pod.metadata.name ?? "") ?? 0), 0);
  let wanted: number;
  let average: number;
  if ("utilization" in target) {
    const requests = known.map(amounts.request);
    if (requests.some((request) => request === undefined || request === 0)) return undefined;
    const requested = requests.reduce<number>((sum, request) => sum + (request ?? 0), 0);
    average = Math.floor((used / requested) * 100);
    wanted = (used / requested) * 100 / target.utilization;
  } else {
    average = Math.ceil(used / known.length);
    wanted = used / known.length / target.average;
  }
  if (Math.abs(wanted - 1) <= TOLERANCE) return { replicas: current, average };
  if (unknown === 0) return { replicas: Math.ceil(wanted * known.length), average };
  const filled = wanted < 1 ? (wanted * known.length + unknown) / members.length : (wanted * known.length) / members.length;
  if (Math.abs(filled - 1) <= TOLERANCE || (wanted < 1) !== (filled < 1)) return { replicas: current, average };
  const replicas = Math.ceil(filled * members.length);
  return { replicas: (filled < 1 && replicas > current) || (filled > 1 && replicas < current) ? current : replicas, average };
}

export interface Past {
  /** recommendations, oldest first */
  readonly recommendations: readonly { readonly at: number; readonly replicas: number }[];
  /** changes made, oldest first */
  readonly changes: readonly { readonly at: number; readonly by: number }[];
}

export interface Limited {
  readonly replicas: number;
  readonly reason: "DesiredWithinRange" | "TooFewReplicas" | "TooManyReplicas" | "ScaleUpLimit" | "ScaleDownLimit";
  readonly message: string;
  /** ScaleDownStabilized and such: the past holds it back */
  readonly stabilized: "ScaleDownStabilized" | "ScaleUpStabilized" | "ReadyForNewScale";
}

/** The recommendation after stabilisation, the policies of the behaviour, and the bounds of the spec. */
export function limit(autoscaler: HorizontalPodAutoscaler, current: number, proposed: number, past: Past, now: number): Limited {
  const { minReplicas = 1, maxReplicas = 1, behavior } = autoscaler.spec ?? {};
  const within = (seconds: number) => past.recommendations.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas);
  const lowest = Math.min(proposed, ...within(behavior?.scaleUp?.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(proposed, ...within(behavior?.scaleDown?.stabilizationWindowSeconds ?? STABILIZATION_SECONDS));
  const stable = current < lowest ? lowest : current > highest ? highest : current;
  const stabilized = stable === proposed ? "ReadyForNewScale" : stable > proposed ? "ScaleDownStabilized" : "ScaleUpStabilized";

  const up = allowance(behavior?.scaleUp, { policies: [{ type: "Pods", value: 4, periodSeconds: 15 }, { type: "Percent", value: 100, periodSeconds: 15 }] }, current, past, now, 1);
  const down = allowance(behavior?.scaleDown, { policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] }, current, past, now, -1);
  const ceiling = Math.min(maxReplicas, Math.max(up, current));
  const floor = Math.max(minReplicas, Math.min(down, current));
  const done = (replicas: number, reason: Limited["reason"], message: string): Limited => ({ replicas, reason, message, stabilized });
  if (current > maxReplicas) return done(maxReplicas, "TooManyReplicas", "the desired replica count is more than the maximum replica count");
  if (stable > ceiling) {
    return ceiling === maxReplicas
      ? done(ceiling, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
      : done(ceiling, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
  }
  if (stable < floor) {
    return floor === minReplicas
      ? done(floor, "TooFewReplicas", "the desired replica count is less than the minimum replica count")
      : done(floor, "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate");
  }
  return done(stable, "DesiredWithinRange", "the desired count is within the acceptable range");
}

/** The furthest size that the policies allow in one direction. */
function allowance(rules: HPAScalingRules | undefined, fallback: HPAScalingRules, current: number, past: Past, now: number, direction: 1 | -1): number {
  if (rules?.selectPolicy === "Disabled") return current;
  const sizes = (rules?.policies ?? fallback.policies ?? []).map(({ type, value, periodSeconds }) => {
    const recent = past.changes.filter(({ at, by }) => at > now - periodSeconds * 1000 && Math.sign(by) === direction).reduce((sum, { by }) => sum + by, 0);
    const start = current - recent;
    if (type === "Pods") return start + direction * value;
    return direction > 0 ? Math.ceil(start * (1 + value / 100)) : Math.floor(start * (1 - value / 100));
  });
  if (sizes.length === 0) return direction > 0 ? Number.POSITIVE_INFINITY : 0;
  // Max picks the policy that changes most
  const most = (rules?.selectPolicy ?? "Max") === "Max";
  return most === direction > 0 ? Math.max(...sizes) : Math.min(...sizes);
}
