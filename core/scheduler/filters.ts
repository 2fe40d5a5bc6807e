/**
 * Why a node cannot take a pod: filters in order of cost, each pure over one class of pods and one node. Rules that
 * depend on pods elsewhere are in domain-filters.ts. The texts are those of kube-scheduler, because users search for them.
 */
import { matchesNodeTerm } from "../api/node-affinity.ts";
import { isTolerated } from "../api/toleration.ts";
import type { NodeInfo } from "./node-info.ts";
import { ANY_HANDLER, COMPONENT_HANDLER, type PodClass } from "./pod-class.ts";
import { PODS, type ResourceSlots, valueAt } from "./resources.ts";

/** Nothing when the node is fine, else the reasons. */
export type Filter = (pods: PodClass, node: NodeInfo) => readonly string[] | undefined;

/** Taint key of spec.unschedulable: pods that tolerate it may use a cordoned node. */
const UNSCHEDULABLE = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" } as const;

export const unschedulable: Filter = (pods, { node }) =>
  node.spec?.unschedulable === true && !isTolerated(pods.tolerations, UNSCHEDULABLE) ? ["node(s) were unschedulable"] : undefined;

/** A node that lists its handlers has no others; one that says nothing runs containers, under every handler (decision 22). */
export const runtimeHandler: Filter = (pods, { handlers }) => {
  if (handlers === undefined ? pods.handler !== COMPONENT_HANDLER : handlers.has(pods.handler)) return undefined;
  if (pods.handler === ANY_HANDLER && handlers !== undefined && handlers.size > 0) return undefined;
  return [`node(s) didn't have the runtime "${pods.handler === "" ? "containerd" : pods.handler}"`];
};

export const taints: Filter = (pods, { node }) => {
  const untolerated = node.spec?.taints?.some((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(pods.tolerations, taint));
  return untolerated === true ? ["node(s) had untolerated taint(s)"] : undefined;
};

export const nodeAffinity: Filter = (pods, node) => {
  for (const key in pods.nodeSelector) if (node.labels[key] !== pods.nodeSelector[key]) return notSelected;
  if (pods.requiredNodes !== undefined && !pods.requiredNodes.some((term) => matchesNodeTerm(term, node))) return notSelected;
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
