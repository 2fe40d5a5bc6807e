/**
 * The nodes that can take a class of pods, best first, kept right by looking only at nodes that changed.
 *
 * Rules about other pods (affinity, spreading) change their verdict for whole domains at once. Where a topology has few
 * domains (zones), nodes are ranked per domain and the rule is asked once for each. Where it has many (host names), the
 * rule is asked for the best node only; a refused node is parked until a count that could free it changes.
 */
import type { Labels } from "../api/selector.ts";
import type { Cluster } from "./cluster.ts";
import { domainRefusal } from "./domain-filters.ts";
import { type Filter, nodeAffinity } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodClass } from "./pod-class.ts";
import { type RankedSet, rankedSet } from "./ranked-set.ts";
import { domainScore, nodeScore } from "./scores.ts";
import type { Term } from "./terms.ts";

export interface Ranking {
  readonly pods: PodClass;
  /** undefined: no node can take a pod of this class at the moment */
  best(): NodeInfo | undefined;
  /** reason → number of nodes, for the message that explains why a pod waits */
  diagnose(): ReadonlyMap<string, number>;
}

/** Topologies with more domains than this are not ranked per domain. */
const MAX_PARTITION_DOMAINS = 64;

interface Partition {
  readonly labels: Labels;
  readonly ranked: RankedSet;
}

export function ranking(pods: PodClass, state: Cluster, filters: readonly Filter[]): Ranking {
  const relations: readonly Term[] = [
    ...pods.antiAffinity,
    ...pods.affinity,
    ...pods.repelledBy,
    ...pods.spread.map((rule) => rule.term),
    ...pods.preferredPods.map((preferred) => preferred.term),
  ];
  const partitionKeys = [...new Set(relations.map((term) => term.spec.topologyKey))].filter(
    (key) => state.domains(key) <= MAX_PARTITION_DOMAINS,
  );
  const byPartition = (term: Term) => partitionKeys.includes(term.spec.topologyKey);
  const perNode = { ...pods, spread: pods.spread.filter((rule) => !byPartition(rule.term)), preferredPods: pods.preferredPods.filter((one) => !byPartition(one.term)) };
  const perPartition = { ...pods, spread: pods.spread.filter((rule) => byPartition(rule.term)), preferredPods: pods.preferredPods.filter((one) => byPartition(one.term)) };

  const partitions = new Map<string, Partition>();
  /** the partition in which each node, by ordinal, was last seen */
  const homes: (Partition | undefined)[] = [];
  const parked = new Map<number, number>();
  let position = -1;
  let releases = 0;
  const diagnosis = openDiagnosis(pods, state, filters);

  const selectsNodes = pods.nodeSelector !== undefined || pods.requiredNodes !== undefined;
  let eligible = { topology: -1, counts: new Map<string, number>() };

  /** Domains count only where the pods may go at all (nodeAffinityPolicy: Honor). */
  function domains(topologyKey: string): number {
    if (!selectsNodes) return state.domains(topologyKey);
    if (eligible.topology !== state.topology) eligible = { topology: state.topology, counts: new Map() };
    let count = eligible.counts.get(topologyKey);
    if (count === undefined) {
      const values = new Set<string>();
      for (const node of state.nodes) {
        const value = node?.labels[topologyKey];
        if (node !== undefined && value !== undefined && nodeAffinity(pods, node) === undefined) values.add(value);
      }
      count = values.size;
      eligible.counts.set(topologyKey, count);
    }
    return count;
  }

  function partitionOf(labels: Labels): Partition {
    const key = partitionKeys.map((one) => labels[one] ?? "\0").join("\u0001");
    let partition = partitions.get(key);
    if (partition === undefined) {
      const own: Record<string, string> = {};
      for (const one of partitionKeys) if (labels[one] !== undefined) own[one] = labels[one];
      partition = { labels: own, ranked: rankedSet() };
      partitions.set(key, partition);
    }
    return partition;
  }

  function look(ordinal: number): void {
    const node = state.nodes[ordinal];
    parked.delete(ordinal);
    homes[ordinal]?.ranked.remove(ordinal);
    homes[ordinal] = undefined;
    if (node === undefined) return;
    for (const filter of filters) if (filter(pods, node) !== undefined) return;
    const home = partitionOf(node.labels);
    homes[ordinal] = home;
    home.ranked.set(ordinal, nodeScore(pods, node) + domainScore(perNode, node.labels));
  }

  function catchUp(): void {
    const changed = position < 0 ? undefined : state.changes.since(position);
    position = state.changes.end;
    if (changed === undefined) for (let ordinal = 0; ordinal < state.nodes.length; ordinal++) look(ordinal);
    else for (const ordinal of changed) look(ordinal);
    if (parked.size === 0) return;
    let seen = 0;
    for (const term of relations) seen += term.releases;
    if (seen === releases) return;
    releases = seen;
    for (const [ordinal, score] of parked) homes[ordinal]?.ranked.set(ordinal, score);
    parked.clear();
  }

  /** The best node of one partition that no rule refuses; refused ones are parked on the way. */
  function bestOf({ ranked }: Partition): NodeInfo | undefined {
    for (let ordinal = ranked.top(); ordinal !== undefined; ordinal = ranked.top()) {
      const node = state.nodes[ordinal];
      const refusal = node === undefined ? undefined : domainRefusal(pods, node.labels, domains);
      if (refusal === undefined) return node;
      if (byPartition(refusal.term)) return undefined;
      if (parked.size === 0) releases = relations.reduce((sum, term) => sum + term.releases, 0);
      parked.set(ordinal, ranked.scoreOf(ordinal));
      ranked.remove(ordinal);
    }
    return undefined;
  }

  return {
    pods,
    best() {
      catchUp();
      let best: NodeInfo | undefined;
      let bestScore = Number.NEGATIVE_INFINITY;
      for (const partition of partitions.values()) {
        const node = bestOf(partition);
        if (node === undefined) continue;
        const score = partition.ranked.scoreOf(node.ordinal) + domainScore(perPartition, partition.labels);
        if (score > bestScore) {
          best = node;
          bestScore = score;
        }
      }
      return best;
    },
    diagnose: () => diagnosis.reasons(domains),
  };
}

interface Diagnosis {
  reasons(domains: (key: string) => number): ReadonlyMap<string, number>;
}

/**
 * Counts why nodes refuse, and, like the ranking, looks only at nodes that changed: a thousand pods that wait for room
 * ask a thousand times. The first filter that refuses decides, as in kube-scheduler, so each node is counted under one
 * kind of reason; rules about other pods are asked last.
 */
function openDiagnosis(pods: PodClass, state: Cluster, filters: readonly Filter[]): Diagnosis {
  const counts = new Map<string, number>();
  const refusals: (readonly string[] | undefined)[] = [];
  /** nodes that no filter refuses */
  const open = new Set<number>();
  let position = -1;
  let answer: ReadonlyMap<string, number> = counts;

  const count = (reason: string, change: number) => {
    const next = (counts.get(reason) ?? 0) + change;
    if (next === 0) counts.delete(reason);
    else counts.set(reason, next);
  };
  const look = (ordinal: number) => {
    for (const reason of refusals[ordinal] ?? []) count(reason, -1);
    const node = state.nodes[ordinal];
    const found = node === undefined ? undefined : firstRefusal(pods, node, filters);
    for (const reason of found ?? []) count(reason, 1);
    refusals[ordinal] = found;
    if (node !== undefined && found === undefined) open.add(ordinal);
    else open.delete(ordinal);
  };

  return {
    reasons(domains) {
      if (position === state.changes.end) return answer;
      const changed = position < 0 ? undefined : state.changes.since(position);
      position = state.changes.end;
      if (changed === undefined) for (let ordinal = 0; ordinal < Math.max(state.nodes.length, refusals.length); ordinal++) look(ordinal);
      else for (const ordinal of changed) look(ordinal);
      const all = new Map(counts);
      for (const ordinal of open) {
        const node = state.nodes[ordinal];
        const refusal = node === undefined ? undefined : domainRefusal(pods, node.labels, domains);
        if (refusal !== undefined) all.set(refusal.reason, (all.get(refusal.reason) ?? 0) + 1);
      }
      answer = all;
      return answer;
    },
  };
}

function firstRefusal(pods: PodClass, node: NodeInfo, filters: readonly Filter[]): readonly string[] | undefined {
  for (const filter of filters) {
    const reasons = filter(pods, node);
    if (reasons !== undefined) return reasons;
  }
  return undefined;
}
