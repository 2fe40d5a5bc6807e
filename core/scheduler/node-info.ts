/** One node as the scheduler sees it: what it offers, what is taken, who is on it. Changed only by the cluster view. */
import type { Node } from "../api/types.gen.ts";
import type { PodInfo } from "./pod-info.ts";
import { add, type Amounts, type ResourceSlots } from "./resources.ts";

export interface NodeInfo {
  /** small number by which rankings know the node; reused after a node is gone */
  readonly ordinal: number;
  readonly name: string;
  readonly node: Node;
  readonly labels: { readonly [key: string]: string };
  readonly allocatable: Amounts;
  readonly used: number[];
  /** by uid */
  readonly pods: Map<string, PodInfo>;
  /** "protocol/port" → addresses in use, "0.0.0.0" for all */
  readonly hostPorts: Map<string, string[]>;
  /** RuntimeClass handlers of the node, "" the default one; undefined: it does not say */
  readonly handlers: ReadonlySet<string> | undefined;
}

export function nodeInfo(ordinal: number, node: Node, slots: ResourceSlots): NodeInfo {
  const handlers = node.status?.runtimeHandlers;
  return {
    ordinal,
    name: node.metadata.name ?? "",
    node,
    labels: node.metadata.labels ?? {},
    allocatable: slots.vector(node.status?.allocatable),
    used: [],
    pods: new Map(),
    hostPorts: new Map(),
    handlers: handlers === undefined ? undefined : new Set(handlers.map((handler) => handler.name ?? "")),
  };
}

export function placePod(node: NodeInfo, pod: PodInfo): void {
  node.pods.set(pod.uid, pod);
  add(node.used, pod.requests, 1);
  for (const { key, address } of pod.hostPorts) {
    const addresses = node.hostPorts.get(key);
    if (addresses === undefined) node.hostPorts.set(key, [address]);
    else addresses.push(address);
  }
}

export function liftPod(node: NodeInfo, pod: PodInfo): void {
  if (!node.pods.delete(pod.uid)) return;
  add(node.used, pod.requests, -1);
  for (const { key, address } of pod.hostPorts) {
    const addresses = node.hostPorts.get(key);
    if (addresses === undefined) continue;
    addresses.splice(addresses.indexOf(address), 1);
    if (addresses.length === 0) node.hostPorts.delete(key);
  }
}
