/** What a Service may say, in the order in which Kubernetes looks at it. */
import { isIP } from "node:net";
import { dns1123Label, dns1123Subdomain, qualifiedName } from "../names.ts";
import type { LoadBalancerIngress, Service, ServicePort, ServiceSpec } from "../types.gen.ts";
import { validateClusterIps } from "./service-families.ts";
import { isExternal, isHeadless, needsHealthCheck } from "./service-fields.ts";
import { cidr, ipAddress } from "./validate/addresses.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notSupported, oneOf, required } from "./validate/errors.ts";
import { validateLabels } from "./validate/labels.ts";
import { portNumber, portNumberOrName } from "./validate/numbers.ts";
import { notSpecialAddress } from "./validate/special-addresses.ts";

const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITIES = ["ClientIP", "None"];
const TRAFFIC = ["Cluster", "Local"];
const DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode"];
const IP_MODES = ["Proxy", "VIP"];
const SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_BALANCER = "may only be used when `type` is 'LoadBalancer'";
const DAY_SECONDS = 86_400;

export function validateService(errors: Errors, { metadata, spec = {} }: Service): void {
  const { ports = [], selector } = spec;
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== "ExternalName") required(errors, "spec.ports");
  byType(errors, spec);
  const names = new Set<string>();
  ports.forEach((port, index) => servicePort(errors, `spec.ports[${index}]`, port, ports.length > 1, names));
  if (selector !== undefined) validateLabels(errors, "spec.selector", selector);
  affinity(errors, spec);
  validateClusterIps(errors, spec);
  spec.externalIPs?.forEach((address, index) => {
    const at = `spec.externalIPs[${index}]`;
    const before = errors.length;
    check(errors, at, address, ipAddress);
    if (errors.length === before) notSpecialAddress(errors, at, address);
  });
  if (isEmpty(spec.type)) required(errors, "spec.type");
  else oneOf(errors, "spec.type", spec.type, TYPES);
  nodePorts(errors, spec);
  distinctPorts(errors, ports);
  sourceRanges(errors, spec, metadata.annotations?.[SOURCE_RANGES]);
  balancer(errors, spec);
  traffic(errors, spec);
}

function byType(errors: Errors, spec: ServiceSpec): void {
  const { type, clusterIPs = [], externalName = "" } = spec;
  if ((type === "LoadBalancer" || type === "NodePort") && isHeadless(spec)) {
    invalid(errors, "spec.clusterIPs[0]", clusterIPs[0], `may not be set to 'None' for ${type} services`);
  }
  if (type !== "ExternalName") return;
  for (const field of ["clusterIPs", "ipFamilies"] as const) {
    if ((spec[field] ?? []).length > 0) forbidden(errors, `spec.${field}`, "may not be set for ExternalName services");
  }
  if (spec.ipFamilyPolicy !== undefined) forbidden(errors, "spec.ipFamilyPolicy", "may not be set for ExternalName services");
  const name = externalName.endsWith(".") ? externalName.slice(0, -1) : externalName;
  if (name === "") required(errors, "spec.externalName");
  else check(errors, "spec.externalName", name, dns1123Subdomain);
}

function servicePort(errors: Errors, at: string, port: ServicePort, named: boolean, names: Set<string>): void {
  const { name = "", protocol, targetPort = port.port, appProtocol } = port;
  if (named && name === "") required(errors, `${at}.name`);
  else if (name !== "") {
    check(errors, `${at}.name`, name, dns1123Label);
    if (names.has(name)) duplicate(errors, `${at}.name`, name);
    names.add(name);
  }
  portNumber(errors, `${at}.port`, port.port ?? 0);
  if (isEmpty(protocol)) required(errors, `${at}.protocol`);
  else oneOf(errors, `${at}.protocol`, protocol, PROTOCOLS);
  portNumberOrName(errors, `${at}.targetPort`, targetPort ?? 0);
  if (appProtocol !== undefined) check(errors, `${at}.appProtocol`, appProtocol, qualifiedName);
}

function affinity(errors: Errors, { sessionAffinity, sessionAffinityConfig }: ServiceSpec): void {
  const at = "spec.sessionAffinityConfig";
  if (isEmpty(sessionAffinity)) required(errors, "spec.sessionAffinity");
  else oneOf(errors, "spec.sessionAffinity", sessionAffinity, AFFINITIES);
  if (sessionAffinity === "None") {
    if (sessionAffinityConfig !== undefined) forbidden(errors, at, "must not be set when session affinity is None");
  } else if (sessionAffinity === "ClientIP") {
    const missing = "when session affinity type is ClientIP";
    const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (sessionAffinityConfig === undefined) required(errors, at, missing);
    else if (sessionAffinityConfig.clientIP === undefined) required(errors, `${at}.clientIP`, missing);
    else if (seconds === undefined) required(errors, `${at}.clientIP.timeoutSeconds`, missing);
    else if (seconds <= 0 || seconds > DAY_SECONDS) invalid(errors, `${at}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${DAY_SECONDS}`);
  }
}

function nodePorts(errors: Errors, { type, ports = [] }: ServiceSpec): void {
  if (type === "ClusterIP") {
    ports.forEach(({ nodePort = 0 }, index) => {
      if (nodePort !== 0) forbidden(errors, `spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'");
    });
  }
  const seen = new Set<string>();
  ports.forEach(({ nodePort = 0, protocol }, index) => {
    if (nodePort === 0) return;
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) duplicate(errors, `spec.ports[${index}].nodePort`, nodePort);
    seen.add(key);
  });
}

function distinctPorts(errors: Errors, ports: readonly ServicePort[]): void {
  const seen = new Set<string>();
  ports.forEach(({ protocol, port }, index) => {
    const key = `${protocol}/${port}`;
    // the key as Kubernetes builds it: a port of which only these two fields are set
    if (seen.has(key)) duplicate(errors, `spec.ports[${index}]`, { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 });
    seen.add(key);
  });
}

function sourceRanges(errors: Errors, { type, loadBalancerSourceRanges = [] }: ServiceSpec, annotation: string | undefined): void {
  if (loadBalancerSourceRanges.length > 0) {
    // with a capital letter, as in Kubernetes
    const at = "spec.LoadBalancerSourceRanges";
    if (type !== "LoadBalancer") forbidden(errors, at, ONLY_BALANCER);
    loadBalancerSourceRanges.forEach((range, index) => {
      check(errors, `${at}[${index}]`, range.trim(), cidr);
    });
  } else if (annotation !== undefined) {
    const at = `metadata.annotations[${SOURCE_RANGES}]`;
    if (type !== "LoadBalancer") forbidden(errors, at, ONLY_BALANCER);
    if (annotation.trim() !== "") for (const range of annotation.split(",")) check(errors, at, range.trim(), cidr);
  }
}

function balancer(errors: Errors, { type, allocateLoadBalancerNodePorts, loadBalancerClass }: ServiceSpec): void {
  const balances = type === "LoadBalancer";
  if (balances && allocateLoadBalancerNodePorts === undefined) required(errors, "allocateLoadBalancerNodePorts");
  if (!balances && allocateLoadBalancerNodePorts !== undefined) forbidden(errors, "spec.allocateLoadBalancerNodePorts", ONLY_BALANCER);
  balancerClass(errors, type, loadBalancerClass);
}

function balancerClass(errors: Errors, type: string | undefined, name: string | undefined): void {
  if (name === undefined) return;
  if (type === "LoadBalancer") check(errors, "spec.loadBalancerClass", name, qualifiedName);
  else forbidden(errors, "spec.loadBalancerClass", ONLY_BALANCER);
}

function traffic(errors: Errors, spec: ServiceSpec): void {
  const { type, externalTrafficPolicy = "", healthCheckNodePort = 0, internalTrafficPolicy, trafficDistribution } = spec;
  const external = "spec.externalTrafficPolicy";
  if (!isExternal(spec)) {
    if (externalTrafficPolicy !== "") invalid(errors, external, externalTrafficPolicy, "may only be set for externally-accessible services");
  } else if (externalTrafficPolicy === "") required(errors, external);
  else oneOf(errors, external, externalTrafficPolicy, TRAFFIC);
  const health = "spec.healthCheckNodePort";
  if (!needsHealthCheck(spec)) {
    if (healthCheckNodePort !== 0) {
      invalid(errors, health, healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    }
  } else if (healthCheckNodePort === 0) required(errors, health);
  else portNumber(errors, health, healthCheckNodePort);
  if (internalTrafficPolicy === undefined) {
    if (type !== "ExternalName") required(errors, "spec.internalTrafficPolicy");
  } else oneOf(errors, "spec.internalTrafficPolicy", internalTrafficPolicy, TRAFFIC);
  if (trafficDistribution !== undefined && !DISTRIBUTIONS.includes(trafficDistribution)) {
    notSupported(errors, "spec.trafficDistribution", trafficDistribution, DISTRIBUTIONS);
  }
}

export function validateServiceUpdate(errors: Errors, service: Service, old: Service): void {
  const { spec = {} } = service;
  const before = old.spec ?? {};
  if (spec.type !== "ExternalName" && before.type !== "ExternalName") {
    const headless = [isHeadless(spec), isHeadless(before)];
    if (!(headless[0] && headless[1])) keeps(errors, "clusterIPs", "clusterIP", spec, before);
    if (!headless[0] && !headless[1]) keeps(errors, "ipFamilies", "ipFamily", spec, before);
  }
  if (spec.type === "LoadBalancer" && before.type === "LoadBalancer" && spec.loadBalancerClass !== before.loadBalancerClass) {
    invalid(errors, "spec.loadBalancerClass", spec.loadBalancerClass, "may not change once set");
  }
  balancerClass(errors, spec.type, spec.loadBalancerClass);
  validateService(errors, service);
}

/** The first address and its family stay; a second one comes and goes with the policy. */
function keeps(errors: Errors, field: "clusterIPs" | "ipFamilies", one: string, spec: ServiceSpec, before: ServiceSpec): void {
  const now = spec[field] ?? [];
  const old = before[field] ?? [];
  // the errors of families show addresses where the number of families changes, as in Kubernetes
  const changed = (index: number, shown: readonly string[]) => invalid(errors, `spec.${field}[${index}]`, shown, "may not change once set");
  const addresses = spec.clusterIPs ?? [];
  if (now.length === old.length) {
    old.forEach((value, index) => {
      if (value !== now[index]) changed(field === "ipFamilies" ? 0 : index, now);
    });
    return;
  }
  if (now.length > old.length) {
    if (old.length > 0 && now[0] !== old[0]) changed(0, addresses);
    return;
  }
  if (addresses.length === 0) invalid(errors, `spec.${field}[0]`, spec[field], `primary ${one} can not be unset`);
  if (now.length > 0 && now[0] !== old[0]) changed(0, addresses);
  if (now.length === 1 && spec.ipFamilyPolicy !== "SingleStack") {
    invalid(errors, "spec.ipFamilyPolicy", spec.ipFamilyPolicy, `must be set to 'SingleStack' when releasing the secondary ${one}`);
  }
}

export function validateServiceStatus(errors: Errors, { spec = {}, status }: Service): void {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const at = "status.loadBalancer.ingress";
  if (spec.type !== "LoadBalancer" && ingress.length > 0) return forbidden(errors, at, "may only be used when `spec.type` is 'LoadBalancer'");
  ingress.forEach((one, index) => balancerIngress(errors, `${at}[${index}]`, one));
}

function balancerIngress(errors: Errors, at: string, { ip = "", ipMode, hostname = "" }: LoadBalancerIngress): void {
  if (ip !== "") check(errors, `${at}.ip`, ip, ipAddress);
  if (ip !== "" && ipMode === undefined) required(errors, `${at}.ipMode`, "must be specified when `ip` is set");
  else if (ip === "" && ipMode !== undefined) forbidden(errors, `${at}.ipMode`, "may not be specified when `ip` is not set");
  else if (ipMode !== undefined) oneOf(errors, `${at}.ipMode`, ipMode, IP_MODES);
  if (hostname === "") return;
  check(errors, `${at}.hostname`, hostname, dns1123Subdomain);
  if (isIP(hostname) !== 0) invalid(errors, `${at}.hostname`, hostname, "must be a DNS name, not an IP address");
}
