/**
 * How good a node is for a pod that it can take: weighted parts of 0 to 100, higher is better. A score depends on one node
 * (and its domains) alone, never on the other candidates, so that a ranking stays right when one node changes; where
 * kube-scheduler normalises over all candidates, the scale here is absolute.
 */
import { matchesNodeTerm } from "../api/node-affinity.ts";
import type { Labels } from "../api/selector.ts";
import { isTolerated } from "../api/toleration.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodClass } from "./pod-class.ts";
import { CPU, MEMORY, valueAt } from "./resources.ts";

/** Weights of kube-scheduler's default profile. */
const WEIGHT = { leastAllocated: 1, balanced: 1, nodeAffinity: 2, taints: 3, spread: 2, podAffinity: 2 } as const;

/** A pod without requests still takes something: kube-scheduler's DefaultMilliCPURequest and DefaultMemoryRequest. */
const ASSUMED_CPU = 100;
const ASSUMED_MEMORY = 200 * 1024 * 1024;

export function nodeScore(pods: PodClass, node: NodeInfo): number {
  const cpu = fraction(pods, node, CPU, ASSUMED_CPU);
  const memory = fraction(pods, node, MEMORY, ASSUMED_MEMORY);
  const leastAllocated = 100 * (1 - (cpu + memory) / 2);
  const balanced = 100 * (1 - Math.abs(cpu - memory) / 2);
  return (
    WEIGHT.leastAllocated * leastAllocated +
    WEIGHT.balanced * balanced +
    WEIGHT.taints * taintScore(pods, node) +
    WEIGHT.nodeAffinity * preferredNodeScore(pods, node)
  );
}

/** share of a resource that is taken once the pod is there, at most 1 */
function fraction(pods: PodClass, node: NodeInfo, slot: number, assumed: number): number {
  const allocatable = valueAt(node.allocatable, slot);
  if (allocatable === 0) return 1;
  return Math.min(1, (valueAt(node.used, slot) + (valueAt(pods.requests, slot) || assumed)) / allocatable);
}

function taintScore(pods: PodClass, { node }: NodeInfo): number {
  const taints = node.spec?.taints;
  if (taints === undefined) return 100;
  const disliked = taints.filter((taint) => taint.effect === "PreferNoSchedule" && !isTolerated(pods.tolerations, taint)).length;
  return 100 / (1 + disliked);
}

function preferredNodeScore(pods: PodClass, node: NodeInfo): number {
  if (pods.preferredNodes.length === 0) return 0;
  let matched = 0;
  let possible = 0;
  for (const { weight, preference } of pods.preferredNodes) {
    possible += weight;
    if (matchesNodeTerm(preference, node)) matched += weight;
  }
  return possible === 0 ? 0 : (100 * matched) / possible;
}

/** The part that depends on pods in the node's domains: spreading and preferred pod affinity. */
export function domainScore(pods: PodClass, labels: Labels): number {
  let score = 0;
  for (const { term, hard } of pods.spread) {
    if (hard) continue;
    const value = labels[term.spec.topologyKey];
    if (value !== undefined) score += (WEIGHT.spread * 100) / (1 + term.matches.of(value));
  }
  for (const { term, weight } of pods.preferredPods) {
    const value = labels[term.spec.topologyKey];
    if (value !== undefined && term.matches.of(value) > 0) score += WEIGHT.podAffinity * weight;
  }
  return score;
}
