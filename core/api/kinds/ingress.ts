/** Ingresses: rules from hosts and paths to backends. */
import { isIP } from "node:net";
import type { KindHooks } from "../kinds.ts";
import { dns1123Label, dns1123Subdomain, pathSegment } from "../names.ts";
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec, TypedLocalObjectReference } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking } from "./hook-types.ts";
import { wildcardSubdomain } from "./validate/domain-rules.ts";
import { ipAddress } from "./validate/addresses.ts";
import { type Errors, check, checkRequired, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { portNumber } from "./validate/numbers.ts";
import { portName } from "./validate/text-rules.ts";

const column = columnsOf<Ingress>();
const CLASS = "kubernetes.io/ingress.class";
const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const BAD_PARTS = ["//", "/./", "/../", "%2f", "%2F"];
const BAD_ENDS = ["/..", "/."];
const NOT_AN_IP = "must be a DNS name, not an IP address";
const SHOWN_HOSTS = 3;

export const ingressHooks: KindHooks = {
  prepareForCreate: (object) => ({ ...object, status: { loadBalancer: {} } }),
  validate: checking<Ingress>(validateSpec, validateClassAnnotation),
  validateUpdate: checking<Ingress>(validateSpec),
  validateSubresource: { status: checking<Ingress>(validateStatus) },
  warnings: (object, old) =>
    old === undefined && object.metadata.annotations?.[CLASS] !== undefined ? [`annotation "${CLASS}" is deprecated, please use 'spec.ingressClassName' instead`] : [],
  columns: [
    nameColumn,
    column("Class", ({ spec }) => spec?.ingressClassName ?? "<none>"),
    column("Hosts", ({ spec }) => hosts(spec?.rules ?? [])),
    column("Address", addresses),
    column("Ports", ({ spec }) => ((spec?.tls ?? []).length > 0 ? "80, 443" : "80")),
    ageColumn,
  ],
};

function hosts(rules: readonly IngressRule[]): string {
  const named = rules.map(({ host = "" }) => host).filter((host) => host !== "");
  if (named.length === 0) return "*";
  const more = rules.length - SHOWN_HOSTS;
  return named.length > SHOWN_HOSTS ? `${named.slice(0, SHOWN_HOSTS).join(",")} + ${more} more...` : named.join(",");
}

function addresses({ status }: Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).map(({ ip = "", hostname = "" }) => ip || hostname).filter((one) => one !== "");
  return [...new Set(all)].toSorted().join(",");
}

function validateSpec(errors: Errors, { spec = {} }: Ingress): void {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec as IngressSpec;
  if (rules.length === 0 && defaultBackend === undefined) {
    invalid(errors, "spec", null, "either `defaultBackend` or `rules` must be specified");
  }
  if (defaultBackend !== undefined) backend(errors, "spec.defaultBackend", defaultBackend);
  rules.forEach((rule, index) => validateRule(errors, `spec.rules[${index}]`, rule));
  tls.forEach(({ hosts: names = [], secretName }, index) => {
    names.forEach((name, at) => check(errors, `spec.tls[${index}].hosts[${at}]`, name, name.includes("*") ? wildcardSubdomain : dns1123Subdomain));
    if (!isEmpty(secretName)) check(errors, `spec.tls[${index}].secretName`, secretName ?? "", dns1123Subdomain);
  });
  if (ingressClassName !== undefined) check(errors, "spec.ingressClassName", ingressClassName, dns1123Subdomain);
}

function validateClassAnnotation(errors: Errors, { metadata, spec }: Ingress): void {
  const given = metadata.annotations?.[CLASS];
  if (given !== undefined && spec?.ingressClassName !== undefined && given !== spec.ingressClassName) {
    invalid(errors, `annotations.${CLASS}`, given, "must match `ingressClassName` when both are specified");
  }
}

function validateRule(errors: Errors, at: string, { host = "", http }: IngressRule): void {
  if (host !== "") {
    if (isIP(host) !== 0) invalid(errors, `${at}.host`, host, NOT_AN_IP);
    check(errors, `${at}.host`, host, host.includes("*") ? wildcardSubdomain : dns1123Subdomain);
  }
  if (http === undefined) return;
  const paths = http.paths ?? [];
  if (paths.length === 0) required(errors, `${at}.http.paths`);
  paths.forEach((path, index) => httpPath(errors, `${at}.http.paths[${index}]`, path));
}

function httpPath(errors: Errors, at: string, { path = "", pathType, backend: target }: HTTPIngressPath): void {
  if (pathType === undefined) return required(errors, `${at}.pathType`, "pathType must be specified");
  const relative = !path.startsWith("/");
  if (!PATH_TYPES.includes(pathType)) notSupported(errors, `${at}.pathType`, pathType, PATH_TYPES);
  else if (pathType === "ImplementationSpecific") {
    if (path !== "" && relative) invalid(errors, `${at}.path`, path, "must be an absolute path");
  } else {
    if (relative) invalid(errors, `${at}.path`, path, "must be an absolute path");
    for (const part of BAD_PARTS) if (path.includes(part)) invalid(errors, `${at}.path`, path, `must not contain '${part}'`);
    for (const end of BAD_ENDS) if (path.endsWith(end)) invalid(errors, `${at}.path`, path, `cannot end with '${end}'`);
  }
  backend(errors, `${at}.backend`, target ?? {});
}

function backend(errors: Errors, at: string, { service, resource }: IngressBackend): void {
  if (service !== undefined && resource !== undefined) return invalid(errors, at, "", "cannot set both resource and service backends");
  if (resource !== undefined) return localReference(errors, `${at}.resource`, resource);
  if (service === undefined) return invalid(errors, at, "", "resource or service backend is required");
  checkRequired(errors, `${at}.service.name`, service.name, dns1123Label);
  const { name = "", number = 0 } = service.port ?? {};
  if (name !== "" && number !== 0) invalid(errors, at, "", "cannot set both port name & port number");
  else if (name !== "") check(errors, `${at}.service.port.name`, name, portName);
  else if (number !== 0) portNumber(errors, `${at}.service.port.number`, number);
  else required(errors, at, "port name or number is required");
}

function localReference(errors: Errors, at: string, { apiGroup, kind, name }: TypedLocalObjectReference): void {
  if (apiGroup !== undefined) check(errors, `${at}.apiGroup`, apiGroup, dns1123Subdomain);
  checkRequired(errors, `${at}.kind`, kind, pathSegment);
  checkRequired(errors, `${at}.name`, name, pathSegment);
}

function validateStatus(errors: Errors, { status }: Ingress): void {
  status?.loadBalancer?.ingress?.forEach(({ ip = "", hostname = "" }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`;
    if (ip !== "") check(errors, `${at}.ip`, ip, ipAddress);
    if (hostname === "") return;
    check(errors, `${at}.hostname`, hostname, dns1123Subdomain);
    if (isIP(hostname) !== 0) invalid(errors, `${at}.hostname`, hostname, NOT_AN_IP);
  });
}
