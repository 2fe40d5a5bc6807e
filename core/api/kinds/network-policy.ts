/** NetworkPolicies: which traffic pods accept and start. */
import { BlockList, isIP, isIPv6 } from "node:net";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { formatSelector, validateLabelSelector } from "../selector.ts";
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { cidr } from "./validate/addresses.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { portNumber } from "./validate/numbers.ts";
import { portName } from "./validate/text-rules.ts";

const column = columnsOf<NetworkPolicy>();
const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const TYPES = ["Ingress", "Egress"];

export const networkPolicyHooks: KindHooks = {
  setDefaults: (object) => mapField(object as unknown as NetworkPolicy, "spec", defaultSpec) as unknown as AnyObject,
  validate: checking<NetworkPolicy>(validate),
  columns: [nameColumn, column("Pod-Selector", ({ spec }) => formatSelector(spec?.podSelector ?? {}) || "<none>"), ageColumn],
};

const withProtocol = (ports: readonly NetworkPolicyPort[]) => mapAll(ports, (port) => fill(port, { protocol: "TCP" }));

function defaultSpec(spec: NetworkPolicySpec): NetworkPolicySpec {
  const withPorts = mapField(
    mapField(spec, "ingress", (rules) => mapAll(rules, (one) => mapField(one, "ports", withProtocol))),
    "egress",
    (rules) => mapAll(rules, (one) => mapField(one, "ports", withProtocol)),
  );
  if ((spec.policyTypes ?? []).length > 0) return withPorts;
  return { ...withPorts, policyTypes: (spec.egress ?? []).length > 0 ? TYPES : ["Ingress"] };
}

function validate(errors: Errors, { spec = {} }: NetworkPolicy): void {
  const { podSelector = {}, ingress = [], egress = [], policyTypes = [] } = spec as NetworkPolicySpec;
  errors.push(...validateLabelSelector(podSelector, "spec.podSelector"));
  ingress.forEach(({ ports, from }, index) => rule(errors, `spec.ingress[${index}]`, ports, from, "from"));
  egress.forEach(({ ports, to }, index) => rule(errors, `spec.egress[${index}]`, ports, to, "to"));
  if (policyTypes.length > TYPES.length) return invalid(errors, "spec.policyTypes", policyTypes, "may not specify more than two policyTypes");
  policyTypes.forEach((type, index) => {
    if (!TYPES.includes(type)) notSupported(errors, `spec.policyTypes[${index}]`, type, TYPES);
  });
}

function rule(errors: Errors, at: string, ports: readonly NetworkPolicyPort[] = [], peers: readonly NetworkPolicyPeer[] = [], side: string): void {
  ports.forEach((one, index) => validatePort(errors, `${at}.ports[${index}]`, one));
  peers.forEach((one, index) => validatePeer(errors, `${at}.${side}[${index}]`, one));
}

function validatePort(errors: Errors, at: string, { protocol, port, endPort }: NetworkPolicyPort): void {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) notSupported(errors, `${at}.protocol`, protocol, PROTOCOLS);
  if (port === undefined) {
    if (endPort !== undefined) invalid(errors, `${at}.endPort`, endPort, "may not be specified when `port` is not specified");
  } else if (typeof port === "number") {
    portNumber(errors, `${at}.port`, port);
    if (endPort === undefined) return;
    // Kubernetes names the port here, not the end of the range
    if (endPort < port) invalid(errors, `${at}.endPort`, port, "must be greater than or equal to `port`");
    portNumber(errors, `${at}.endPort`, endPort);
  } else {
    if (endPort !== undefined) invalid(errors, `${at}.endPort`, endPort, "may not be specified when `port` is non-numeric");
    check(errors, `${at}.port`, port, portName);
  }
}

function validatePeer(errors: Errors, at: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): void {
  if (podSelector !== undefined) errors.push(...validateLabelSelector(podSelector, `${at}.podSelector`));
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`));
  if (ipBlock !== undefined) validateBlock(errors, `${at}.ipBlock`, ipBlock);
  const selectors = [podSelector, namespaceSelector].filter((one) => one !== undefined).length;
  if (selectors === 0 && ipBlock === undefined) required(errors, at, "must specify a peer");
  else if (selectors > 0 && ipBlock !== undefined) forbidden(errors, at, "may not specify both ipBlock and another peer");
}

function validateBlock(errors: Errors, at: string, { cidr: block, except = [] }: IPBlock): void {
  if (isEmpty(block)) return required(errors, `${at}.cidr`);
  check(errors, `${at}.cidr`, block, cidr);
  if (cidr(block).length > 0) return;
  except.forEach((part, index) => {
    check(errors, `${at}.except[${index}]`, part, cidr);
    if (isRange(part) && !isInside(part, block)) invalid(errors, `${at}.except[${index}]`, part, "must be a strict subset of `cidr`");
  });
}

/** Bits beyond the prefix are a mistake of their own. */
const isRange = (text: string) => /^[\da-fA-F.:]+\/\d+$/.test(text) && isIP(text.slice(0, text.indexOf("/"))) !== 0;

function isInside(part: string, whole: string): boolean {
  const [address = "", bits = ""] = part.split("/");
  const [base = "", wholeBits = ""] = whole.split("/");
  if (isIPv6(address) !== isIPv6(base) || Number(wholeBits) >= Number(bits)) return false;
  const family = isIPv6(base) ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(base, Number(wholeBits), family);
  return list.check(address, family);
}
