/** Services: defaults and columns. Addresses and node ports are allocated by the registry. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Service, ServiceSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";

const column = columnsOf<Service>();
/** seconds that a client keeps its endpoint with sessionAffinity: ClientIP */
const AFFINITY_SECONDS = 10_800;

export const serviceHooks: KindHooks = {
  nameRule: "dns1035",
  generation: "none",
  setDefaults: (object) => mapField(object, "spec", (spec) => defaultSpec(spec as ServiceSpec)) as AnyObject,
  columns: [
    nameColumn,
    column("Type", (service) => service.spec?.type ?? ""),
    column("Cluster-IP", (service) => service.spec?.clusterIP || "<none>"),
    column("External-IP", externalIp),
    column("Port(s)", ports),
    ageColumn,
    column("Selector", (service) => Object.entries(service.spec?.selector ?? {}).map(([key, value]) => `${key}=${value}`).toSorted().join(",") || "<none>", { wide: true }),
  ],
};

function defaultSpec(spec: ServiceSpec): ServiceSpec {
  const type = spec.type ?? "ClusterIP";
  const external = type === "NodePort" || type === "LoadBalancer";
  let filled = fill(spec, {
    type: "ClusterIP",
    sessionAffinity: "None",
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: "Cluster" }),
    ...(external ? { externalTrafficPolicy: "Cluster" } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: true } : {}),
    ...(spec.sessionAffinity === "ClientIP" ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: AFFINITY_SECONDS } } } : {}),
  });
  filled = mapField(filled, "ports", (list) => mapAll(list, (port) => fill(fill(port, { protocol: "TCP" }), { targetPort: port.port })));
  return filled;
}

function externalIp({ spec, status }: Service): string {
  const ingress = (status?.loadBalancer?.ingress ?? []).map((one) => one.ip ?? one.hostname ?? "").filter((one) => one !== "");
  if (spec?.type === "LoadBalancer") return [...ingress, ...(spec.externalIPs ?? [])].join(",") || "<pending>";
  if (spec?.type === "ExternalName") return spec.externalName ?? "<none>";
  return (spec?.externalIPs ?? []).join(",") || "<none>";
}

function ports({ spec }: Service): string {
  const list = (spec?.ports ?? []).map((port) => (port.nodePort === undefined || port.nodePort === 0 ? `${port.port}/${port.protocol}` : `${port.port}:${port.nodePort}/${port.protocol}`));
  return list.join(",") || "<none>";
}
