/**
 * All nodes and the pods on them, as the scheduler believes them to be: what the informers say plus its own decisions that
 * are still on their way to the store. The one mutable thing of this folder; everything that decides only reads it.
 */
import type { Labels } from "../api/selector.ts";
import type { Node, Pod } from "../api/types.gen.ts";
import { type ChangeLog, changeLog } from "./change-log.ts";
import { type NodeInfo, liftPod, nodeInfo, placePod } from "./node-info.ts";
import { affinityTerm, matchable } from "./pod-class.ts";
import type { PodInfo } from "./pod-info.ts";
import { type ResourceSlots, resourceSlots } from "./resources.ts";
import { type Term, type TermSpec, type TermTable, termTable } from "./terms.ts";

export interface Cluster {
  readonly slots: ResourceSlots;
  readonly changes: ChangeLog;
  /** by ordinal, with holes */
  readonly nodes: readonly (NodeInfo | undefined)[];
  readonly nodeCount: number;
  /** grows when nodes or their labels change */
  readonly topology: number;
  readonly terms: Pick<TermTable, "matchedBy" | "matches" | "release" | "forgetNamespaces">;
  node(name: string): NodeInfo | undefined;
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** where a pod is placed */
  placed(uid: string): NodeInfo | undefined;
  place(pod: PodInfo, node: string): void;
  /** The same pod in a newer version that changes nothing here: the older one would stay in memory for as long as it runs. */
  renew(pod: Pod): void;
  lift(uid: string): void;
  acquire(spec: TermSpec): Term;
  /** number of distinct values of a label among the nodes */
  domains(topologyKey: string): number;
}

interface Placement {
  readonly info: PodInfo;
  readonly node: string;
  /** terms of its own anti-affinity: it keeps others away */
  readonly held: readonly Term[];
}

export function cluster(namespaceLabels: (namespace: string) => Labels): Cluster {
  const slots = resourceSlots();
  const changes = changeLog();
  const terms = termTable(namespaceLabels);
  const nodes: (NodeInfo | undefined)[] = [];
  const free: number[] = [];
  const byName = new Map<string, NodeInfo>();
  const placements = new Map<string, Placement>();
  /** pods by the name of a node, also of nodes that are not there (yet) */
  const onNode = new Map<string, Set<string>>();
  const domainCounts = new Map<string, Map<string, number>>();
  let topology = 0;

  function count({ info, held }: Placement, node: NodeInfo, by: 1 | -1): void {
    for (const term of terms.matchedBy(matchable(info))) {
      if (info.terminating && !term.spec.countsTerminating) continue;
      const value = node.labels[term.spec.topologyKey];
      if (value !== undefined && term.matches.add(value, by)) term.releases++;
    }
    for (const term of held) {
      const value = node.labels[term.spec.topologyKey];
      if (value !== undefined && term.holders.add(value, by)) term.releases++;
    }
  }

  function settleOn(node: NodeInfo, placement: Placement): void {
    placePod(node, placement.info);
    count(placement, node, 1);
  }

  function leave(node: NodeInfo, placement: Placement): void {
    liftPod(node, placement.info);
    count(placement, node, -1);
  }

  /** Counts the pods that are there when a question is asked for the first time. */
  function fill(term: Term): void {
    for (const { info, node } of placements.values()) {
      if (info.terminating && !term.spec.countsTerminating) continue;
      const value = byName.get(node)?.labels[term.spec.topologyKey];
      if (value !== undefined && terms.matches(term, matchable(info))) term.matches.add(value, 1);
    }
  }

  function countDomains(node: NodeInfo, by: 1 | -1): void {
    for (const [key, values] of domainCounts) {
      const value = node.labels[key];
      if (value === undefined) continue;
      const left = (values.get(value) ?? 0) + by;
      if (left === 0) values.delete(value);
      else values.set(value, left);
    }
  }

  function removeNode(name: string): void {
    const node = byName.get(name);
    if (node === undefined) return;
    for (const uid of onNode.get(name) ?? []) {
      const placement = placements.get(uid);
      if (placement !== undefined) leave(node, placement);
    }
    countDomains(node, -1);
    byName.delete(name);
    nodes[node.ordinal] = undefined;
    free.push(node.ordinal);
    changes.add(node.ordinal);
    topology++;
  }

  function lift(uid: string): void {
    const placement = placements.get(uid);
    if (placement === undefined) return;
    placements.delete(uid);
    const there = onNode.get(placement.node);
    there?.delete(uid);
    if (there?.size === 0) onNode.delete(placement.node);
    const node = byName.get(placement.node);
    if (node !== undefined) {
      leave(node, placement);
      changes.add(node.ordinal);
    }
    for (const term of placement.held) terms.release(term);
  }

  return {
    slots,
    changes,
    nodes,
    terms,
    get nodeCount() {
      return byName.size;
    },
    get topology() {
      return topology;
    },
    node: (name) => byName.get(name),
    setNode(object) {
      const name = object.metadata.name ?? "";
      const old = byName.get(name);
      if (old !== undefined) removeNode(name);
      const info = nodeInfo(free.pop() ?? nodes.length, object, slots);
      nodes[info.ordinal] = info;
      byName.set(name, info);
      countDomains(info, 1);
      for (const uid of onNode.get(name) ?? []) {
        const placement = placements.get(uid);
        if (placement !== undefined) settleOn(info, placement);
      }
      changes.add(info.ordinal);
      topology++;
    },
    removeNode,
    placed: (uid) => byName.get(placements.get(uid)?.node ?? ""),
    place(info, nodeName) {
      lift(info.uid);
      const held = (info.pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
        terms.acquire(affinityTerm(term, info), fill),
      );
      const placement = { info, node: nodeName, held };
      placements.set(info.uid, placement);
      const there = onNode.get(nodeName);
      if (there === undefined) onNode.set(nodeName, new Set([info.uid]));
      else there.add(info.uid);
      const node = byName.get(nodeName);
      if (node === undefined) return;
      settleOn(node, placement);
      changes.add(node.ordinal);
    },
    renew(pod) {
      const info = placements.get(pod.metadata.uid ?? "")?.info;
      if (info !== undefined) info.pod = pod;
    },
    lift,
    acquire: (spec) => terms.acquire(spec, fill),
    domains(topologyKey) {
      let values = domainCounts.get(topologyKey);
      if (values === undefined) {
        values = new Map();
        domainCounts.set(topologyKey, values);
        for (const node of byName.values()) {
          const value = node.labels[topologyKey];
          if (value !== undefined) values.set(value, (values.get(value) ?? 0) + 1);
        }
      }
      return values.size;
    },
  };
}
