/** Whether a node is one that a pod's own wishes allow: nodeSelector and required node affinity. */
import { type Labels, matchesLabels } from "./selector.ts";
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from "./types.gen.ts";

export interface SelectableNode {
  readonly name: string;
  readonly labels: Labels;
}

export function selectable({ metadata }: Node): SelectableNode {
  return { name: metadata.name ?? "", labels: metadata.labels ?? {} };
}

export function allowsNode(spec: Pick<PodSpec, "nodeSelector" | "affinity">, node: SelectableNode): boolean {
  for (const key in spec.nodeSelector) if (node.labels[key] !== spec.nodeSelector[key]) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node));
}

/** A term without expressions and fields selects nothing (core/v1 NodeSelectorTerm). */
export function matchesNodeTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { name, labels }: SelectableNode): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    (matchExpressions.length === 0 || matchesLabels(requirements(matchExpressions), labels)) &&
    (matchFields.length === 0 || matchesLabels(requirements(matchFields), { "metadata.name": name }))
  );
}

const requirements = (all: readonly NodeSelectorRequirement[]) => all.map(({ key, operator, values = [] }) => ({ key, operator, values }));
