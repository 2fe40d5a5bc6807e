/**
 * What NetworkPolicies allow the pods of this device, as data. Pure. Peers came as addresses (core/hub/resolved-policy.ts).
 * A pod that no policy of a direction selects is open in that direction; for one that is selected, the rules of all policies
 * add up (Kubernetes documentation, "Network Policies").
 */
import { isIPv4 } from "node:net";
import { matchesLabels, selectorOf } from "../../core/api/selector.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod } from "../../core/api/types.gen.ts";

export interface Block {
  /** "10.0.0.0/8" */
  readonly cidr: string;
  readonly except: readonly string[];
}

export interface PortRange {
  readonly protocol: "sctp" | "tcp" | "udp";
  /** absent: all ports of the protocol */
  readonly first?: number;
  readonly last?: number;
}

export interface Allow {
  /** absent: everybody */
  readonly blocks?: readonly Block[];
  /** absent: everything */
  readonly ports?: readonly PortRange[];
}

export interface Isolated {
  readonly ip: string;
  /** absent: all may come in */
  readonly ingress?: readonly Allow[];
  /** absent: it may go everywhere */
  readonly egress?: readonly Allow[];
}

export interface PodHere {
  readonly pod: Pod;
  readonly ips: readonly string[];
}

export function isolatedPods(pods: readonly PodHere[], policies: readonly NetworkPolicy[]): readonly Isolated[] {
  return pods.flatMap(({ pod, ips }) => {
    const own = policiesFor(pod, policies);
    if (own.length === 0) return [];
    const into = own.filter(({ spec }) => spec?.policyTypes?.includes("Ingress") !== false);
    const out = own.filter(({ spec }) => spec?.policyTypes?.includes("Egress") ?? (spec?.egress ?? []).length > 0);
    const allowed = {
      ...(into.length === 0 ? {} : { ingress: into.flatMap(({ spec }) => (spec?.ingress ?? []).flatMap(({ from, ports }) => allow(from, ports, pod))) }),
      ...(out.length === 0 ? {} : { egress: out.flatMap(({ spec }) => (spec?.egress ?? []).flatMap(({ to, ports }) => allow(to, ports, undefined))) }),
    };
    return ips.filter(isIPv4).map((ip) => ({ ip, ...allowed }));
  });
}

/** Pods in the node's network are the node, to which policies do not apply. */
export function policiesFor({ metadata, spec }: Pod, policies: readonly NetworkPolicy[]): readonly NetworkPolicy[] {
  if (spec?.hostNetwork === true) return [];
  return policies.filter((policy) => policy.metadata.namespace === metadata.namespace && matchesLabels(selectorOf(policy.spec?.podSelector ?? {}), metadata.labels));
}

function allow(peers: readonly NetworkPolicyPeer[] | undefined, ports: readonly NetworkPolicyPort[] | undefined, named: Pod | undefined): readonly Allow[] {
  const everybody = peers === undefined || peers.length === 0;
  const blocks = (peers ?? []).flatMap(({ ipBlock }) => (ipBlock === undefined || ipBlock.cidr.includes(":") ? [] : [{ cidr: ipBlock.cidr, except: ipBlock.except ?? [] }]));
  const everything = ports === undefined || ports.length === 0;
  const ranges = (ports ?? []).flatMap((port) => rangeOf(port, named));
  // what names nobody or nothing that there is allows nothing
  if ((!everybody && blocks.length === 0) || (!everything && ranges.length === 0)) return [];
  return [{ ...(everybody ? {} : { blocks }), ...(everything ? {} : { ports: ranges }) }];
}

function rangeOf({ protocol: given = "TCP", port, endPort }: NetworkPolicyPort, named: Pod | undefined): readonly PortRange[] {
  const protocol = given.toLowerCase() as PortRange["protocol"];
  if (port === undefined) return [{ protocol }];
  if (typeof port === "number") return [{ protocol, first: port, last: endPort ?? port }];
  const all = [...(named?.spec?.containers ?? []), ...(named?.spec?.initContainers ?? [])].flatMap(({ ports }) => ports ?? []);
  const found = all.find((each) => each.name === port && (each.protocol ?? "TCP") === given)?.containerPort;
  return found === undefined ? [] : [{ protocol, first: found, last: found }];
}
