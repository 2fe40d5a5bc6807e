/** Ports of a pod's containers that get in each other's way, and names that mean two of them. */
import { quote } from "../names.ts";
import type { ContainerPort } from "../types.gen.ts";

interface Placed {
  readonly at: string;
  readonly port: ContainerPort;
}

export function portWarnings(containers: readonly { readonly at: string; readonly ports?: readonly ContainerPort[] }[]): readonly string[] {
  const warnings: string[] = [];
  const placed: readonly Placed[] = containers.flatMap(({ at, ports }) => (ports ?? []).map((port, index) => ({ at: `${at}.ports[${index}]`, port })));
  placed.forEach(({ at, port }, index) => {
    const { hostIP = "", hostPort = 0 } = port;
    if (hostIP !== "" && hostPort === 0) warnings.push(`${at}: hostIP set without hostPort: ${asGo(port)}`);
    for (const other of placed.slice(0, index)) {
      const clash = clashOf(port, other.port);
      if (clash !== undefined) warnings.push(`${at}: ${clash} port definition with ${other.at}`);
    }
  });
  const named = new Map<string, string>();
  for (const { at, port: { name = "" } } of placed) {
    const first = named.get(name);
    if (first !== undefined) warnings.push(`${at}: duplicate port name ${quote(name)} with ${first}, services and probes that select ports by name will use ${first}`);
    else if (name !== "") named.set(name, at);
  }
  return warnings;
}

function clashOf(port: ContainerPort, other: ContainerPort): string | undefined {
  if (port.containerPort !== other.containerPort || port.protocol !== other.protocol) return undefined;
  const [ip, otherIp] = [port.hostIP ?? "", other.hostIP ?? ""];
  const [hostPort, otherHostPort] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && hostPort === otherHostPort) return "duplicate";
  if (hostPort === 0 || otherHostPort === 0) return "overlapping";
  return hostPort === otherHostPort && (ip === "") !== (otherIp === "") ? "dangerously ambiguous" : undefined;
}

/** A structure as Go prints it. */
const asGo = ({ name = "", hostPort = 0, containerPort = 0, protocol = "TCP", hostIP = "" }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
