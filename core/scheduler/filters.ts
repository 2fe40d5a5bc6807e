/**
 * Why a node cannot take a pod: filters in order of cost, each pure over one class of pods and one node. Rules that
 * depend on pods elsewhere are in domain-filters.ts. The texts are those of kube-scheduler, because users search for them.
 */
import { matchesLabels, type Requirement } from "../api/selector.ts";
import type { NodeSelectorTerm, Taint, Toleration } from "../api/types.gen.ts";
import type { NodeInfo } from "./node-info.ts";
import { ANY_HANDLER, type PodClass } from "./pod-class.ts";
import { PODS, type ResourceSlots, valueAt } from "./resources.ts";

/** Nothing when the node is fine, else the reasons. */
export type Filter = (pods: PodClass, node: NodeInfo) => readonly string[] | undefined;

/** Taint key of spec.unschedulable: pods that tolerate it may use a cordoned node. */
const UNSCHEDULABLE = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" } as const;

export const unschedulable: Filter = (pods, { node }) =>
  node.spec?.unschedulable === true && !isTolerated(pods.tolerations, UNSCHEDULABLE) ? ["node(s) were unschedulable"] : undefined;

/** Devices say which runtimes they have; a node that says nothing (not a lichen device) takes every handler. */
export const runtimeHandler: Filter = (pods, { handlers }) => {
  if (handlers === undefined || handlers.has(pods.handler)) return undefined;
  if (pods.handler === ANY_HANDLER && handlers.size > 0) return undefined;
  return [`node(s) didn't have the runtime "${pods.handler === "" ? "containerd" : pods.handler}"`];
};

export const taints: Filter = (pods, { node }) => {
  const untolerated = node.spec?.taints?.some((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(pods.tolerations, taint));
  return untolerated === true ? ["node(s) had untolerated taint(s)"] : undefined;
};

export const nodeAffinity: Filter = (pods, node) => {
  if (pods.nodeSelector !== undefined) {
    for (const key in pods.nodeSelector) if (node.labels[key] !== pods.nodeSelector[key]) return notSelected;
  }
  if (pods.requiredNodes !== undefined && !pods.requiredNodes.some((term) => matchesNode(term, node))) return notSelected;
  return undefined;
};
const notSelected = ["node(s) didn't match Pod's node affinity/selector"];

export const hostPorts: Filter = (pods, node) => {
  for (const { key, address } of pods.hostPorts) {
    const taken = node.hostPorts.get(key);
    if (taken?.some((other) => other === address || other === ANY_ADDRESS || address === ANY_ADDRESS)) {
      return ["node(s) didn't have free ports for the requested pod ports"];
    }
  }
  return undefined;
};
const ANY_ADDRESS = "0.0.0.0";

export const resources =
  (slots: ResourceSlots): Filter =>
  (pods, node) => {
    let lacking: string[] | undefined;
    for (let slot = 0; slot < pods.requests.length; slot++) {
      const asked = valueAt(pods.requests, slot);
      if (asked === 0 || asked <= valueAt(node.allocatable, slot) - valueAt(node.used, slot)) continue;
      (lacking ??= []).push(slot === PODS ? "Too many pods" : `Insufficient ${slots.nameOf(slot)}`);
    }
    return lacking;
  };

/** All filters of one node, cheap and selective ones first. */
export function nodeFilters(slots: ResourceSlots): readonly Filter[] {
  return [unschedulable, runtimeHandler, taints, nodeAffinity, resources(slots), hostPorts];
}

/** Of the filters above, those whose verdict deleting pods can change. */
export function preemptibleFilters(slots: ResourceSlots): readonly Filter[] {
  return [resources(slots), hostPorts];
}

export function isTolerated(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => tolerates(toleration, taint));
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== "" && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? "Equal") {
    case "Exists":
      return true;
    case "Equal":
      return toleration.key !== undefined && (toleration.value ?? "") === (taint.value ?? "");
    case "Gt":
      return comparable(toleration.value, taint.value) && Number(taint.value) > Number(toleration.value);
    case "Lt":
      return comparable(toleration.value, taint.value) && Number(taint.value) < Number(toleration.value);
  }
}

const comparable = (...texts: readonly (string | undefined)[]) => texts.every((text) => text !== undefined && /^-?\d+$/.test(text));

/** A term without expressions and fields selects nothing (NodeSelectorTerm). */
export function matchesNode(term: NodeSelectorTerm, node: NodeInfo): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    (expressions.length === 0 || matchesLabels(expressions.map(requirement), node.labels)) &&
    (fields.length === 0 || matchesLabels(fields.map(requirement), { "metadata.name": node.name }))
  );
}

function requirement({ key, operator, values }: { readonly key: string; readonly operator: Requirement["operator"]; readonly values?: readonly string[] }): Requirement {
  return { key, operator, values: values ?? [] };
}

