/** EndpointSlices: a part of the addresses behind a Service. */
import { isIP } from "node:net";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Label, dns1123Subdomain, labelValue, type NameRule, qualifiedName } from "../names.ts";
import type { DiscoveryV1EndpointPort, Endpoint, EndpointSlice } from "../types.gen.ts";
import { addressWarnings } from "./address-warnings.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { drop, fill, mapAll, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { shorten } from "./shorten.ts";
import { canonicalIp, ipAddress } from "./validate/addresses.ts";
import { fullyQualifiedDomain } from "./validate/domain-rules.ts";
import { type Errors, check, duplicate, invalid, isEmpty, notSupported, oneOf, required, tooMany } from "./validate/errors.ts";
import { validateLabels } from "./validate/labels.ts";
import { notSpecialAddress } from "./validate/special-addresses.ts";

const column = columnsOf<EndpointSlice>();
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const TYPES = ["FQDN", "IPv4", "IPv6"];
const ENDPOINTS = 1000;
const ADDRESSES = 100;
const PORTS = 20_000;
const TOPOLOGY_LABELS = 16;
const HINTS = 8;

export const endpointSliceHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as EndpointSlice, "ports", (ports) => (ports === null ? ports : mapAll(ports, (port) => fill(port, { name: "", protocol: "TCP" })))) as unknown as AnyObject,
  prepareForCreate: (object) =>
    mapField(object as unknown as EndpointSlice, "endpoints", (endpoints) => mapAll(endpoints ?? [], withoutTopology)) as unknown as AnyObject,
  validate: checking<EndpointSlice>(validate),
  validateUpdate: checkingUpdate<EndpointSlice>((errors, slice, old) => {
    validate(errors, slice);
    immutable(errors, "addressType", slice.addressType, old.addressType);
  }),
  warnings: (object, old) => warnings(object as unknown as EndpointSlice, old === undefined),
  columns: [
    nameColumn,
    column("AddressType", ({ addressType }) => addressType),
    column("Ports", ({ ports }) => portsText(ports ?? [])),
    column("Endpoints", ({ endpoints }) => ((endpoints ?? []).length === 0 ? "<unset>" : shorten((endpoints ?? []).flatMap(({ addresses }) => addresses)))),
    ageColumn,
  ],
};

function warnings({ addressType, endpoints }: EndpointSlice, isNew: boolean): readonly string[] {
  const canonical = (endpoints ?? []).flatMap(({ addresses }, index) => (addresses ?? []).flatMap((address, number) => addressWarnings(`endpoints[${index}].addresses[${number}]`, address)));
  return [...(isNew && addressType === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : []), ...canonical];
}

/** Topology labels became fields of their own; v1 does not take them any more. */
function withoutTopology(endpoint: Endpoint): Endpoint {
  if (endpoint.deprecatedTopology === undefined) return endpoint;
  return drop(endpoint, "deprecatedTopology");
}

function portsText(ports: readonly DiscoveryV1EndpointPort[]): string {
  if (ports.length === 0) return "<unset>";
  return shorten(ports.map(({ port, name }) => (port === undefined ? (name === undefined || name === "" ? "*" : name) : String(port))));
}

function validate(errors: Errors, { addressType, endpoints, ports }: EndpointSlice): void {
  if (isEmpty(addressType)) required(errors, "addressType");
  else oneOf(errors, "addressType", addressType, TYPES);
  const all = endpoints ?? [];
  if (all.length > ENDPOINTS) tooMany(errors, "endpoints", all.length, ENDPOINTS);
  else all.forEach((endpoint, index) => validateEndpoint(errors, `endpoints[${index}]`, endpoint, addressType));
  validatePorts(errors, ports ?? []);
}

function validateEndpoint(errors: Errors, at: string, endpoint: Endpoint, type: string): void {
  const { addresses = [], deprecatedTopology, hostname, nodeName, hints } = endpoint;
  if (addresses.length === 0) required(errors, `${at}.addresses`, "must contain at least 1 address");
  else if (addresses.length > ADDRESSES) tooMany(errors, `${at}.addresses`, addresses.length, ADDRESSES);
  addresses.forEach((address, index) => validateAddress(errors, `${at}.addresses[${index}]`, address, type));
  if (nodeName !== undefined) check(errors, `${at}.nodeName`, nodeName, dns1123Subdomain);
  if (deprecatedTopology !== undefined) {
    const count = Object.keys(deprecatedTopology).length;
    if (count > TOPOLOGY_LABELS) tooMany(errors, `${at}.deprecatedTopology`, count, TOPOLOGY_LABELS);
    validateLabels(errors, `${at}.deprecatedTopology`, deprecatedTopology);
  }
  if (hostname !== undefined) check(errors, `${at}.hostname`, hostname, dns1123Label);
  for (const [field, list, rule] of [["forZones", hints?.forZones, labelValue], ["forNodes", hints?.forNodes, dns1123Subdomain]] as const) {
    if (!validateHints(errors, `${at}.hints.${field}`, list ?? [], rule)) return;
  }
}

/** @returns whether the list is short enough to look at */
function validateHints(errors: Errors, at: string, list: readonly { readonly name?: string }[], rule: NameRule): boolean {
  if (list.length > HINTS) {
    tooMany(errors, at, list.length, HINTS);
    return false;
  }
  const seen = new Set<string>();
  list.forEach(({ name = "" }, index) => {
    if (seen.has(name)) duplicate(errors, `${at}[${index}].name`, name);
    seen.add(name);
    check(errors, `${at}[${index}].name`, name, rule);
  });
  return true;
}

const FAMILIES = { IPv4: 4, IPv6: 6 } as const;

function validateAddress(errors: Errors, at: string, address: string, type: string): void {
  if (type === "FQDN") return fullyQualifiedDomain(errors, at, address);
  if (type !== "IPv4" && type !== "IPv6") return;
  const before = errors.length;
  check(errors, at, address, type === "IPv6" ? canonicalIp : ipAddress);
  if (errors.length > before) return;
  // of the list, as in Kubernetes
  if (isIP(address) !== FAMILIES[type]) invalid(errors, at.replace(/\[\d+\]$/, ""), address, `must be an ${type} address`);
  notSpecialAddress(errors, at, address);
}

function validatePorts(errors: Errors, ports: readonly DiscoveryV1EndpointPort[]): void {
  if (ports.length > PORTS) return tooMany(errors, "ports", ports.length, PORTS);
  const names = new Set<string>();
  ports.forEach(({ name = "", protocol, appProtocol }, index) => {
    const at = `ports[${index}]`;
    if (name !== "") check(errors, `${at}.name`, name, dns1123Label);
    if (names.has(name)) duplicate(errors, `${at}.name`, name);
    names.add(name);
    if (protocol === undefined) required(errors, `${at}.protocol`);
    else if (!PROTOCOLS.includes(protocol)) notSupported(errors, `${at}.protocol`, protocol, PROTOCOLS);
    if (appProtocol !== undefined) check(errors, `${at}.appProtocol`, appProtocol, qualifiedName);
  });
}
