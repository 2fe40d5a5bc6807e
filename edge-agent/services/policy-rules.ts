/**
 * Isolation of pods as chains for the device's table. Pure. A packet is judged wherever it passes (forward, input, output),
 * because a component's address is the device's own and a container's is not; answers of allowed connections pass.
 */
import type { Allow, Block, Isolated, PortRange } from "./pod-policies.ts";

/** What the node itself sends to its pods is allowed: probes come from there. Component pods are on the node, too. */
export function policyChains(isolated: readonly Isolated[], components: string | undefined): string {
  const into = isolated.filter(({ ingress }) => ingress !== undefined);
  const out = isolated.filter(({ egress }) => egress !== undefined);
  return `${into.map(({ ip, ingress = [] }, index) => chain(`into${index}`, `ip saddr ${ip}`, ingress, "saddr")).join("")}${out.map(({ ip, egress = [] }, index) => chain(`outof${index}`, `ip daddr ${ip}`, egress, "daddr")).join("")}  chain policies {
    ct state established,related return
${out.length === 0 ? "" : `    ip saddr vmap { ${out.map(({ ip }, index) => `${ip} : jump outof${index}`).join(", ")} }\n`}${into.length === 0 ? "" : `    fib saddr type local ${components === undefined ? "" : `ip saddr != ${components} `}return
    ip daddr vmap { ${into.map(({ ip }, index) => `${ip} : jump into${index}`).join(", ")} }\n`}  }
`;
}

/** `self`: a pod always reaches itself */
function chain(name: string, self: string, allowed: readonly Allow[], peer: "daddr" | "saddr"): string {
  const rules = allowed.flatMap(({ blocks, ports }) => peersOf(blocks, peer).flatMap((who) => portsOf(ports).map((what) => `${who}${what}return`)));
  return `  chain ${name} {\n${[`${self} return`, ...rules, "reject with icmp type admin-prohibited"].map((rule) => `    ${rule}\n`).join("")}  }\n`;
}

function peersOf(blocks: readonly Block[] | undefined, peer: "daddr" | "saddr"): readonly string[] {
  if (blocks === undefined) return [""];
  const single = [...new Set(blocks.filter(({ cidr, except }) => cidr.endsWith("/32") && except.length === 0).map(({ cidr }) => cidr.slice(0, -"/32".length)))];
  // one rule each, because ranges of one set must not overlap
  const ranges = blocks.filter(({ cidr, except }) => !cidr.endsWith("/32") || except.length > 0);
  return [
    ...(single.length === 0 ? [] : [`ip ${peer} { ${single.join(", ")} } `]),
    ...ranges.map(({ cidr, except }) => `ip ${peer} ${cidr} ${except.map((range) => `ip ${peer} != ${range} `).join("")}`),
  ];
}

function portsOf(ports: readonly PortRange[] | undefined): readonly string[] {
  if (ports === undefined) return [""];
  return ports.map(({ protocol, first, last }) => (first === undefined ? `meta l4proto ${protocol} ` : `${protocol} dport ${first === last ? first : `${first}-${last}`} `));
}
