/** Services: defaults, strategy and columns. Addresses and node ports are allocated by the registry. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Service, ServicePort, ServiceSpec } from "../types.gen.ts";
import { addressWarnings, rangeWarnings } from "./address-warnings.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField, without } from "./fill.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { dropForType, isExternal } from "./service-fields.ts";
import { validateService, validateServiceStatus, validateServiceUpdate } from "./service-rules.ts";

const column = columnsOf<Service>();
const HINTS = "service.kubernetes.io/topology-aware-hints";
/** seconds that a client keeps its endpoint with sessionAffinity: ClientIP */
const AFFINITY_SECONDS = 10_800;

export const serviceHooks: KindHooks = {
  nameRule: "label",
  generation: "none",
  setDefaults,
  prepareForCreate: (object) => ({ ...object, status: { loadBalancer: {} } }),
  prepareForUpdate: (object, old) => ({ ...dropForType(object as unknown as Service, old as unknown as Service), status: old.status }) as unknown as AnyObject,
  validate: checking<Service>(validateService),
  validateUpdate: checkingUpdate<Service>(validateServiceUpdate),
  validateSubresource: { status: checking<Service>(validateServiceStatus) },
  warnings: (object) => warnings(object as unknown as Service),
  selectableFields: {
    "spec.clusterIP": (object) => (object as unknown as Service).spec?.clusterIP ?? "",
    "spec.type": (object) => (object as unknown as Service).spec?.type ?? "",
  },
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

function setDefaults(object: AnyObject): AnyObject {
  const withSpec = mapField(object, "spec", (spec) => defaultSpec(spec as ServiceSpec)) as unknown as Service;
  const { status } = withSpec;
  const ingress = status?.loadBalancer?.ingress;
  if (ingress === undefined) return withSpec as unknown as AnyObject;
  const filled = mapAll(ingress, (one) => ((one.ip ?? "") === "" ? one : fill(one, { ipMode: "VIP" })));
  return (filled === ingress ? withSpec : { ...withSpec, status: { ...status, loadBalancer: { ...status?.loadBalancer, ingress: filled } } }) as unknown as AnyObject;
}

function defaultSpec(spec: ServiceSpec): ServiceSpec {
  const type = spec.type ?? "ClusterIP";
  const external = isExternal({ ...spec, type });
  let filled = fill(spec, {
    type: "ClusterIP",
    sessionAffinity: "None",
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: "Cluster" }),
    ...(external ? { externalTrafficPolicy: "Cluster" } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: true } : {}),
  });
  if (filled.sessionAffinity === "None" && filled.sessionAffinityConfig !== undefined) filled = without(filled, "sessionAffinityConfig");
  if (filled.sessionAffinity === "ClientIP" && isNothing(filled.sessionAffinityConfig?.clientIP?.timeoutSeconds)) {
    filled = { ...filled, sessionAffinityConfig: { clientIP: { timeoutSeconds: AFFINITY_SECONDS } } };
  }
  filled = mapField(filled, "ports", (list) => mapAll(list, (port) => withTarget(fill(port, { protocol: "TCP" }))));
  return filled;
}

const isNothing = (value: unknown): boolean => value === undefined || value === null;

/** 0 and "" are no target either. */
function withTarget(port: ServicePort): ServicePort {
  return port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "" ? { ...port, targetPort: port.port ?? 0 } : port;
}

/** KEP-5707 (external IPs), KEP-4444 (traffic distribution). */
function warnings({ metadata, spec = {} }: Service): readonly string[] {
  const texts: string[] = [];
  const { type, clusterIP, clusterIPs = [], externalIPs = [], externalName = "", loadBalancerIP = "", loadBalancerSourceRanges = [] } = spec;
  const headless = type === "ClusterIP" && clusterIP === "None";
  if (metadata.annotations?.[HINTS] !== undefined) texts.push(`annotation ${HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  if (clusterIP !== undefined && clusterIP !== "" && clusterIP !== "None") clusterIPs.forEach((address, index) => texts.push(...addressWarnings(`spec.clusterIPs[${index}]`, address)));
  if (headless) {
    if (loadBalancerIP !== "") texts.push("spec.loadBalancerIP is ignored for headless services");
    if (externalIPs.length > 0) texts.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None") texts.push("spec.SessionAffinity is ignored for headless services");
  }
  externalIPs.forEach((address, index) => texts.push(...addressWarnings(`spec.externalIPs[${index}]`, address)));
  if (externalIPs.length > 0 && !headless && type !== "ExternalName") texts.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (loadBalancerIP !== "") texts.push(...addressWarnings("spec.loadBalancerIP", loadBalancerIP));
  loadBalancerSourceRanges.forEach((range, index) => texts.push(...rangeWarnings(`spec.loadBalancerSourceRanges[${index}]`, range)));
  if (type === "ExternalName" && externalIPs.length > 0) texts.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (type !== "ExternalName" && externalName !== "") texts.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose") texts.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return texts;
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
