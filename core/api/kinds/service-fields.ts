/**
 * Which fields a Service needs, what an update that does not mention server-given values means, and what goes away with
 * a change of type. Pure; who gets which address is decided in the registry.
 */
import type { Service, ServicePort, ServiceSpec } from "../types.gen.ts";
import { drop } from "./fill.ts";
import { same } from "./validate/same.ts";

export const isHeadless = ({ clusterIPs = [] }: ServiceSpec): boolean => clusterIPs.length === 1 && clusterIPs[0] === "None";

export const needsClusterIp = ({ type }: ServiceSpec): boolean => type !== "ExternalName";

export const needsNodePort = ({ type }: ServiceSpec): boolean => type === "NodePort" || type === "LoadBalancer";

export const isExternal = ({ type, externalIPs = [] }: ServiceSpec): boolean =>
  type === "LoadBalancer" || type === "NodePort" || (type === "ClusterIP" && externalIPs.length > 0);

export const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean => type === "LoadBalancer" && externalTrafficPolicy === "Local";

type Draft = { -readonly [field in keyof ServiceSpec]: ServiceSpec[field] };

const withSpec = (service: Service, spec: ServiceSpec): Service => (spec === service.spec ? service : { ...service, spec });

/** Old clients know only `clusterIP`, newer ones both: the one that was not touched follows the other. */
export function syncClusterIps(service: Service, old: Service | undefined): Service {
  const { spec } = service;
  if (spec === undefined) return service;
  const { clusterIP = "", clusterIPs = [] } = spec;
  if (old === undefined) return clusterIP !== "" && clusterIPs.length === 0 ? withSpec(service, { ...spec, clusterIPs: [clusterIP] }) : service;
  const { clusterIP: oldIp = "", clusterIPs: oldIps = [] } = old.spec ?? {};
  let ips = clusterIPs;
  if (oldIps.length > 0 && ips.length === 0 && oldIp === clusterIP) ips = oldIps;
  if (oldIp !== clusterIP) {
    if (oldIp !== "" && clusterIP === "") {
      if (same(oldIps, ips)) ips = [];
    } else if (same(oldIps, ips)) {
      ips = [clusterIP];
    }
  }
  return ips === clusterIPs ? service : withSpec(service, cleaned({ ...spec, clusterIPs: ips }));
}

/** A PUT without the values that the server gave keeps them. */
export function patchAllocated(service: Service, old: Service): Service {
  const { spec } = service;
  const before = old.spec ?? {};
  if (spec === undefined) return service;
  const next: Draft = { ...spec };
  if (needsClusterIp(before) && needsClusterIp(spec)) {
    if ((spec.clusterIP ?? "") === "" && before.clusterIP !== undefined) next.clusterIP = before.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && next.clusterIP === before.clusterIP && before.clusterIPs !== undefined) next.clusterIPs = before.clusterIPs;
  }
  if (needsNodePort(before) && needsNodePort(spec)) next.ports = patchPorts(spec.ports ?? [], before.ports ?? []);
  if (needsHealthCheck(before) && needsHealthCheck(spec) && (spec.healthCheckNodePort ?? 0) === 0 && before.healthCheckNodePort !== undefined) {
    next.healthCheckNodePort = before.healthCheckNodePort;
  }
  return withSpec(service, next);
}

function patchPorts(ports: readonly ServicePort[], old: readonly ServicePort[]): readonly ServicePort[] {
  const oldPorts = nodePortsOf(old);
  const used = new Set(nodePortsOf(ports).filter((port) => oldPorts.includes(port)));
  const byName = new Map(old.map(({ name = "", nodePort = 0 }) => [name, nodePort]));
  return ports.map((port) => {
    const known = byName.get(port.name ?? "") ?? 0;
    if ((port.nodePort ?? 0) !== 0 || known === 0 || used.has(known)) return port;
    used.add(known);
    return { ...port, nodePort: known };
  });
}

const balances = ({ type }: ServiceSpec): boolean => type === "LoadBalancer";

/** Values of the old type that the new one cannot have go away when the user did not touch them. */
export function dropForType(service: Service, old: Service): Service {
  const { spec } = service;
  const before = old.spec ?? {};
  if (spec === undefined) return service;
  const next: Draft = { ...spec };
  const lost = (needs: (of: ServiceSpec) => boolean, ...fields: readonly (keyof ServiceSpec)[]) => {
    if (!needs(before) || needs(spec) || !fields.every((field) => same(before[field], spec[field]))) return;
    for (const field of fields) delete next[field];
  };
  lost(needsClusterIp, "clusterIP", "clusterIPs");
  lost(needsClusterIp, "ipFamilies", "ipFamilyPolicy");
  if (needsNodePort(before) && !needsNodePort(spec) && sameNodePorts(before, spec)) next.ports = (spec.ports ?? []).map((port) => drop(port, "nodePort"));
  lost(needsHealthCheck, "healthCheckNodePort");
  lost(balances, "allocateLoadBalancerNodePorts");
  lost(balances, "loadBalancerClass");
  lost(isExternal, "externalTrafficPolicy");
  return withSpec(service, next);
}

const sameNodePorts = (a: ServiceSpec, b: ServiceSpec): boolean => same(nodePortsOf(a.ports ?? []), nodePortsOf(b.ports ?? []));

const nodePortsOf = (ports: readonly ServicePort[]): readonly number[] =>
  ports
    .map(({ nodePort = 0 }) => nodePort)
    .filter((port) => port !== 0)
    .toSorted((a, b) => a - b);

/** Empty values are absent ones. */
function cleaned(spec: ServiceSpec): ServiceSpec {
  const next: Draft = { ...spec };
  if (next.clusterIP === "") delete next.clusterIP;
  if (next.clusterIPs?.length === 0) delete next.clusterIPs;
  return next;
}
