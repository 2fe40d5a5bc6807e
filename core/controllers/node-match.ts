/** Whether a pod's own wishes (nodeSelector, required node affinity) allow a node. Pure. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from "../api/types.gen.ts";
import { matchesLabels } from "../api/selector.ts";

export function allowsNode(spec: PodSpec, node: Node): boolean {
  const { labels } = node.metadata;
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (labels?.[key] !== value) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

const selector = (all: readonly NodeSelectorRequirement[]) => all.map(({ key, operator, values = [] }) => ({ key, operator, values }));

/** An empty term matches nothing (core/v1 NodeSelectorTerm). */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { metadata }: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = { "metadata.name": metadata.name ?? "" };
  return matchesLabels(selector(matchExpressions), metadata.labels) && matchesLabels(selector(matchFields), fields);
}
