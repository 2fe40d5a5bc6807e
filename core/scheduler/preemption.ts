/**
 * Making room: which pods of lower priority have to go so that a pod fits on a node, and on which node that does the least
 * harm. Pure over the cluster view. Costs of nodes are kept per class like scores, so that many urgent pods at once do
 * not each look at every node.
 */
import type { Cluster } from "./cluster.ts";
import { type Filter, nodeFilters, preemptibleFilters } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodClass } from "./pod-class.ts";
import type { PodInfo } from "./pod-info.ts";
import { rankedSet } from "./ranked-set.ts";
import { add, valueAt } from "./resources.ts";

export interface Preemption {
  readonly node: NodeInfo;
  readonly victims: readonly PodInfo[];
}

export interface Preemptor {
  /** undefined: no node helps */
  best(): Preemption | undefined;
}

export interface PreemptionSources {
  /** the pod's disruption budgets allow no further eviction */
  readonly isProtected: (pod: PodInfo) => boolean;
  /** pods that are already on their way out for another preemptor */
  readonly isLeaving: (uid: string) => boolean;
}

/** Costs are compared as one number: protected victims, then the highest priority lost, then the number of victims. */
const PER_PROTECTED = 1e13;
const PER_PRIORITY = 1e3;

export function preemptor(pods: PodClass, state: Cluster, sources: PreemptionSources): Preemptor {
  const ranked = rankedSet();
  const fixed = fixedFilters(state);
  let position = -1;

  function look(ordinal: number): void {
    ranked.remove(ordinal);
    const node = state.nodes[ordinal];
    if (node === undefined || fixed.some((filter) => filter(pods, node) !== undefined)) return;
    const victims = victimsOn(pods, node, sources);
    if (victims === undefined || victims.length === 0) return;
    const harmed = victims.filter(sources.isProtected).length;
    const highest = victims.reduce((most, victim) => Math.max(most, victim.priority), Number.NEGATIVE_INFINITY);
    ranked.set(ordinal, -(harmed * PER_PROTECTED + highest * PER_PRIORITY + Math.min(victims.length, PER_PRIORITY - 1)));
  }

  return {
    best() {
      const changed = position < 0 ? undefined : state.changes.since(position);
      position = state.changes.end;
      if (changed === undefined) for (let ordinal = 0; ordinal < state.nodes.length; ordinal++) look(ordinal);
      else for (const ordinal of changed) look(ordinal);
      const node = state.nodes[ranked.top() ?? -1];
      const victims = node === undefined ? undefined : victimsOn(pods, node, sources);
      return node === undefined || victims === undefined ? undefined : { node, victims };
    },
  };
}

/** Filters whose verdict stays, whoever leaves: taints, selectors, runtime. */
function fixedFilters(state: Cluster): readonly Filter[] {
  const changeable = preemptibleFilters(state.slots).length;
  return nodeFilters(state.slots).slice(0, -changeable);
}

/**
 * The smallest set of lower-priority pods without which the pod fits: all are taken away first, then given back from the
 * most important one on, as long as the pod still fits. Undefined if it fits even then not.
 */
export function victimsOn(pods: PodClass, node: NodeInfo, { isLeaving, isProtected }: PreemptionSources): readonly PodInfo[] | undefined {
  const lower: PodInfo[] = [];
  const used = [...node.used];
  for (const pod of node.pods.values()) {
    if (isLeaving(pod.uid)) add(used, pod.requests, -1);
    else if (pod.priority < pods.priority) {
      lower.push(pod);
      add(used, pod.requests, -1);
    }
  }
  const stays = new Set<string>();
  for (const pod of node.pods.values()) stays.add(pod.uid);
  for (const pod of lower) stays.delete(pod.uid);
  if (!fits(pods, node, used, stays)) return undefined;
  const victims: PodInfo[] = [];
  for (const pod of lower.toSorted((a, b) => Number(isProtected(b)) - Number(isProtected(a)) || byImportance(a, b))) {
    add(used, pod.requests, 1);
    stays.add(pod.uid);
    if (fits(pods, node, used, stays)) continue;
    add(used, pod.requests, -1);
    stays.delete(pod.uid);
    victims.push(pod);
  }
  return victims;
}

/** Higher priority first, then the longer running one. */
function byImportance(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startOf(a).localeCompare(startOf(b)) || a.uid.localeCompare(b.uid);
}

const startOf = ({ pod }: PodInfo) => pod.status?.startTime ?? pod.metadata.creationTimestamp ?? "";

function fits(pods: PodClass, node: NodeInfo, used: readonly number[], staying: ReadonlySet<string>): boolean {
  for (let slot = 0; slot < pods.requests.length; slot++) {
    const asked = valueAt(pods.requests, slot);
    if (asked > 0 && asked > valueAt(node.allocatable, slot) - valueAt(used, slot)) return false;
  }
  if (pods.hostPorts.length === 0) return true;
  const wanted = new Set(pods.hostPorts.map((port) => port.key));
  for (const pod of node.pods.values()) {
    if (staying.has(pod.uid) && pod.hostPorts.some((port) => wanted.has(port.key))) return false;
  }
  return true;
}
