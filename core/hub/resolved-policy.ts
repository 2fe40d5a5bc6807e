/**
 * A NetworkPolicy as a device gets it: the same, with pods in place of the selectors that name them, as addresses. A device
 * knows no other device's pods, and needs no more of them than this. Pure.
 *
 * The kinds' rule that makes this delicate: a rule without peers is for everybody. One whose selectors find nobody is left out.
 */
import type { Labels } from "../api/selector.ts";
import { matchesLabels, selectorOf } from "../api/selector.ts";
import type { Namespace, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, Pod } from "../api/types.gen.ts";

export interface PolicyPeers {
  /** undefined: of all namespaces */
  pods(namespace: string | undefined): readonly Pod[];
  namespaces(): readonly Namespace[];
}

export function selects(policy: NetworkPolicy, { metadata, spec }: Pod): boolean {
  return policy.metadata.namespace === metadata.namespace && spec?.hostNetwork !== true && matchesLabels(selectorOf(policy.spec?.podSelector ?? {}), metadata.labels);
}

export function resolvedPolicy(policy: NetworkPolicy, peers: PolicyPeers): NetworkPolicy {
  const { metadata, spec = {} } = policy;
  const found = (given: readonly NetworkPolicyPeer[]) => given.flatMap((peer) => (peer.ipBlock === undefined ? podsOf(peer, metadata.namespace ?? "", peers) : []));
  return {
    ...policy,
    spec: {
      ...spec,
      ...(spec.ingress === undefined ? {} : { ingress: spec.ingress.flatMap((rule) => ingressOf(rule, found)) }),
      ...(spec.egress === undefined ? {} : { egress: spec.egress.flatMap((rule) => egressOf(rule, found)) }),
    },
  };
}

type Find = (peers: readonly NetworkPolicyPeer[]) => readonly Pod[];

function ingressOf(rule: NetworkPolicyIngressRule, found: Find): readonly NetworkPolicyIngressRule[] {
  const { from = [] } = rule;
  if (from.length === 0) return [rule];
  const blocks = [...from.filter(({ ipBlock }) => ipBlock !== undefined), ...blocksOf(found(from))];
  return blocks.length === 0 ? [] : [{ ...rule, from: blocks }];
}

/** A name of a port means something else for each pod: such ports become rules of their own. */
function egressOf(rule: NetworkPolicyEgressRule, found: Find): readonly NetworkPolicyEgressRule[] {
  const { to = [], ports = [] } = rule;
  const pods = found(to);
  const blocks = [...to.filter(({ ipBlock }) => ipBlock !== undefined), ...blocksOf(pods)];
  if (to.length > 0 && blocks.length === 0) return [];
  const peers = to.length === 0 ? {} : { to: blocks };
  if (ports.length === 0) return [peers];
  const numbers = ports.filter(({ port }) => typeof port !== "string");
  return [...(numbers.length === 0 ? [] : [{ ...peers, ports: numbers }]), ...ports.flatMap((port) => namedPort(port, pods))];
}

function namedPort({ port: name, protocol = "TCP" }: NetworkPolicyPort, pods: readonly Pod[]): readonly NetworkPolicyEgressRule[] {
  if (typeof name !== "string") return [];
  const byNumber = Map.groupBy(pods, (pod) => portOf(pod, name, protocol));
  return [...byNumber].flatMap(([port, group]) => (port === undefined || blocksOf(group).length === 0 ? [] : [{ ports: [{ protocol, port }], to: blocksOf(group) }]));
}

function podsOf({ podSelector, namespaceSelector }: NetworkPolicyPeer, own: string, peers: PolicyPeers): readonly Pod[] {
  const selector = selectorOf(podSelector ?? {});
  const found = namespaceSelector === undefined ? peers.pods(own) : inNamespaces(selectorOf(namespaceSelector), peers);
  return found.filter(({ metadata, spec, status }) => spec?.hostNetwork !== true && status?.phase !== "Succeeded" && status?.phase !== "Failed" && matchesLabels(selector, metadata.labels));
}

function inNamespaces(selector: ReturnType<typeof selectorOf>, peers: PolicyPeers): readonly Pod[] {
  const labels = new Map<string, Labels | undefined>(peers.namespaces().map(({ metadata }) => [metadata.name ?? "", metadata.labels]));
  return peers.pods(undefined).filter(({ metadata }) => labels.has(metadata.namespace ?? "") && matchesLabels(selector, labels.get(metadata.namespace ?? "")));
}

const addressesOf = ({ status }: Pod) => (status?.podIPs ?? [{ ip: status?.podIP ?? "" }]).flatMap(({ ip }) => (ip === "" ? [] : [`${ip}/${ip.includes(":") ? 128 : 32}`]));
const blocksOf = (pods: readonly Pod[]): readonly NetworkPolicyPeer[] => [...new Set(pods.flatMap(addressesOf))].toSorted().map((cidr) => ({ ipBlock: { cidr } }));

/** The number behind a name of a pod's port. */
function portOf({ spec }: Pod, name: string, protocol: string): number | undefined {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ ports }) => ports ?? []).find((each) => each.name === name && (each.protocol ?? "TCP") === protocol)?.containerPort;
}
