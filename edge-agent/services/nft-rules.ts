/**
 * The device's packet rules as text for nft(8): Services, NetworkPolicies, and the way out for component pods. One table that is replaced as
 * a whole, so that no packet ever sees half of a change. Pure.
 *
 *   prerouting, output   address and port of a Service → one of its endpoints (one look-up, however many there are)
 *   forward, output      no endpoint: refused at once; an endpoint that is gone: its old connections are reset
 *   forward, input, output  what NetworkPolicies of a pod do not allow is refused (policy-rules.ts)
 *   postrouting          what must come back this way leaves with this device's address
 *
 * A client with a connection to a device that has lost its power would wait for a quarter of an hour (tcp(7), tcp_retries2):
 * nobody is left to end it. The reset makes it connect anew, and the new connection goes to an endpoint that lives.
 */
import { rangeText } from "../network/address-range.ts";
import { podRange } from "../network/pod-range.ts";
import type { Isolated } from "./pod-policies.ts";
import { policyChains } from "./policy-rules.ts";
import type { ServiceRoute, Target } from "./service-routes.ts";

export interface PacketFacts {
  /** of the table: two agents on one machine have one each */
  readonly table: string;
  readonly routes: readonly ServiceRoute[];
  /** TCP endpoints whose connections are over */
  readonly gone: readonly Target[];
  readonly isolated: readonly Isolated[];
  /** this node's range of pod addresses */
  readonly ownPods: string | undefined;
  /** ranges in which pod addresses are known: no need to hide them there; empty: only this node's */
  readonly clusterPods: readonly string[];
}

export function packetRules({ table, routes, gone, isolated, ownPods, clusterPods }: PacketFacts): string {
  const entries = routes.flatMap((route, index) => entriesOf(route, index));
  const nodePorts = routes.flatMap((route, index) => (route.nodePort === undefined ? [] : [{ key: `${route.protocol} . ${route.nodePort}`, to: route.outsideTargets.length > 0 ? `o${index}` : undefined }]));
  const hairpins = [...new Set(routes.flatMap(({ insideTargets, outsideTargets }) => [...insideTargets, ...outsideTargets].map(({ ip }) => `${ip} . ${ip}`)))];
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
${named("map addresses", "ipv4_addr . inet_proto . inet_service : verdict", served(entries))}
${named("map ports", "inet_proto . inet_service : verdict", served(nodePorts))}
${named("set refused", "ipv4_addr . inet_proto . inet_service", unserved(entries))}
${named("set refused_ports", "inet_proto . inet_service", unserved(nodePorts))}
${named("set gone", "ipv4_addr . inet_service", gone.map(({ ip, port }) => `${ip} . ${port}`))}
${named("set hairpins", "ipv4_addr . ipv4_addr", hairpins)}
${routes.flatMap((route, index) => [chain(`i${index}`, route, route.insideTargets), chain(`o${index}`, route, route.outsideTargets)]).join("")}  chain services {
    ip daddr . meta l4proto . th dport vmap @addresses
    fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @ports
  }
  chain refuse {
    ip daddr . meta l4proto . th dport @refused reject
    fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport @refused_ports reject
    meta l4proto tcp ct status dnat ct direction original ip daddr . tcp dport @gone reject with tcp reset
  }
${policyChains(isolated, ownPods === undefined ? undefined : componentsOf(ownPods))}  chain prerouting {
    type nat hook prerouting priority dstnat - 5; policy accept;
    jump services
  }
  chain output {
    type nat hook output priority -105; policy accept;
    jump services
  }
  chain forward_filter {
    type filter hook forward priority filter - 5; policy accept;
    jump refuse
    jump policies
  }
  chain output_filter {
    type filter hook output priority filter - 5; policy accept;
    jump refuse
    jump policies
  }
  chain input_filter {
    type filter hook input priority filter - 5; policy accept;
    jump refuse
    jump policies
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 5; policy accept;
    ct status dnat ip saddr . ip daddr @hairpins masquerade
${ownPods === undefined ? "" : wayOut(ownPods, clusterPods)}  }
}
`;
}

const componentsOf = (ownPods: string) => rangeText(podRange(ownPods).components);

/** Containers have rules of CNI for what is not a Service's. */
function wayOut(ownPods: string, clusterPods: readonly string[]): string {
  const known = clusterPods.length > 0 ? clusterPods : [ownPods];
  return `    ct status dnat ip saddr != ${ownPods} ip daddr != ${ownPods} fib saddr type != local masquerade
    ip saddr ${componentsOf(ownPods)} ip daddr != { ${known.join(", ")} } fib daddr type != local masquerade
`;
}

/** Takes the rules away. */
export const noPacketRules = (table: string) => `table ip ${table}\ndelete table ip ${table}\n`;

/** What leads to a chain; where nothing is behind it, there is none. */
interface Entry {
  readonly key: string;
  readonly to: string | undefined;
}

const served = (of: readonly Entry[]) => of.flatMap(({ key, to }) => (to === undefined ? [] : [`${key} : goto ${to}`]));
const unserved = (of: readonly Entry[]) => of.flatMap(({ key, to }) => (to === undefined ? [key] : []));

function entriesOf({ protocol, inside, outside, insideTargets, outsideTargets }: ServiceRoute, index: number): readonly Entry[] {
  const to = (at: readonly Target[], targets: readonly Target[], name: string) => at.map(({ ip, port }) => ({ key: `${ip} . ${protocol} . ${port}`, to: targets.length > 0 ? name : undefined }));
  return [...to(inside, insideTargets, `i${index}`), ...to(outside, outsideTargets, `o${index}`)];
}

function named(kind: string, type: string, elements: readonly string[]): string {
  return `  ${kind} {\n    type ${type}\n${elements.length === 0 ? "" : `    elements = { ${elements.join(", ")} }\n`}  }`;
}

function chain(name: string, { protocol, sticky }: ServiceRoute, targets: readonly Target[]): string {
  if (targets.length === 0) return "";
  const choice = sticky ? `jhash ip saddr mod ${targets.length}` : `numgen random mod ${targets.length}`;
  const map = targets.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(", ");
  return `  chain ${name} {\n    meta l4proto ${protocol} dnat ip to ${choice} map { ${map} }\n  }\n`;
}
