/**
 * The address families of a Service on a cluster with one family: what the user said, what follows from the addresses,
 * what is the default (KEP-563). Kubernetes decides this before it gives addresses, and so before all other validation.
 */
import { isIP } from "node:net";
import type { FieldError } from "../status.ts";
import type { ServiceSpec } from "../types.gen.ts";
import { isHeadless } from "./service-fields.ts";
import { ipAddress } from "./validate/addresses.ts";
import { type Errors, check, duplicate, invalid, notSupported, required } from "./validate/errors.ts";
import { same } from "./validate/same.ts";

type Family = "IPv4" | "IPv6";
type Policy = NonNullable<ServiceSpec["ipFamilyPolicy"]>;

const FAMILIES = ["IPv4", "IPv6"];
const POLICIES: readonly Policy[] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const AT_MOST_TWO = 2;

const familyOf = (address: string): Family => (isIP(address) === 6 ? "IPv6" : "IPv4");

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy among each other. */
export function validateClusterIps(errors: Errors, spec: ServiceSpec): void {
  if (spec.type === "ExternalName") return;
  const { clusterIP = "", clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const at = "spec.clusterIPs";
  if (clusterIP === "") {
    if (clusterIPs.length > 0) invalid(errors, at, clusterIPs, "must be empty when `clusterIP` is not specified");
  } else if (clusterIPs.length === 0) required(errors, at);
  else if (clusterIPs[0] !== clusterIP) invalid(errors, at, clusterIPs, "first value must match `clusterIP`");
  ipFamilies.forEach((family, index) => {
    if (!FAMILIES.includes(family)) notSupported(errors, `spec.ipFamilies[${index}]`, family, FAMILIES);
    if (ipFamilies.indexOf(family) < index) duplicate(errors, `spec.ipFamilies[${index}]`, family);
  });
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy)) notSupported(errors, "spec.ipFamilyPolicy", ipFamilyPolicy, POLICIES);
  if (!validAddresses(errors, at, clusterIPs)) return;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(familyOf)).size !== clusterIPs.length) {
    invalid(errors, at, clusterIPs, "may specify no more than one IP for each IP family");
  }
  if (isHeadless(spec)) return;
  clusterIPs.forEach((address, index) => {
    const family = ipFamilies[index];
    if (family !== undefined && FAMILIES.includes(family) && familyOf(address) !== family) {
      invalid(errors, `${at}[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``);
    }
  });
}

function validAddresses(errors: Errors, at: string, clusterIPs: readonly string[]): boolean {
  const before = errors.length;
  clusterIPs.forEach((address, index) => {
    if (index === 0 && address === "None") {
      if (clusterIPs.length > 1) invalid(errors, at, clusterIPs, "'None' must be the first and only value");
    } else check(errors, `${at}[${index}]`, address, ipAddress);
  });
  const valid = errors.length === before;
  if (clusterIPs.length > AT_MOST_TWO) invalid(errors, at, clusterIPs, "may only hold up to 2 values");
  return valid;
}

export interface Resolved {
  readonly spec: ServiceSpec;
  readonly errors: readonly FieldError[];
}

export function resolveFamilies(spec: ServiceSpec, old: ServiceSpec | undefined, cluster: Family): Resolved {
  if (spec.type === "ExternalName" || keepsDualStack(spec, old)) return { spec, errors: [] };
  const errors: Errors = [];
  validateClusterIps(errors, spec);
  const families = inferred(errors, spec, cluster);
  if (errors.length > 0) return { spec, errors };
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) return { spec: { ...spec, ...headless(spec, families, cluster) }, errors };
  const policy: Policy = spec.ipFamilyPolicy ?? "SingleStack";
  if (policy === "SingleStack") onlyOne(errors, spec);
  if (policy === "RequireDualStack") invalid(errors, "spec.ipFamilyPolicy", policy, "this cluster is not configured for dual-stack services");
  families.forEach((family, index) => {
    if (family !== cluster) invalid(errors, `spec.ipFamilies[${index}]`, family, "not configured on this cluster");
  });
  if (errors.length > 0) return { spec, errors };
  return { spec: { ...spec, ipFamilies: families.length === 0 ? [cluster] : families, ipFamilyPolicy: policy }, errors };
}

/** Such a service is not changed because the cluster changed. */
function keepsDualStack(spec: ServiceSpec, old: ServiceSpec | undefined): boolean {
  if (old === undefined || old.type !== spec.type) return false;
  const fields = ["ipFamilyPolicy", "clusterIPs", "ipFamilies"] as const;
  return spec.ipFamilyPolicy === "PreferDualStack" && fields.every((field) => same(spec[field], old[field]));
}

function inferred(errors: Errors, { clusterIPs = [], ipFamilies = [] }: ServiceSpec, cluster: Family): readonly string[] {
  const families = [...ipFamilies];
  for (const [index, address] of clusterIPs.entries()) {
    if (address === "None" || errors.length > 0) break;
    if (index < families.length) continue;
    const family = familyOf(address);
    if (family === cluster) families.push(family);
    else invalid(errors, `spec.clusterIPs[${index}]`, clusterIPs, `${family} is not configured on this cluster`);
  }
  return families;
}

/** Without addresses and endpoints of its own a Service may name any families: others fill it. */
function headless({ ipFamilyPolicy = "RequireDualStack" }: ServiceSpec, families: readonly string[], cluster: Family) {
  const first = families[0] ?? cluster;
  const second = first === "IPv4" ? "IPv6" : "IPv4";
  return { ipFamilyPolicy, ipFamilies: families.length < 2 && ipFamilyPolicy !== "SingleStack" ? [first, second] : families.length === 0 ? [first] : families };
}

function onlyOne(errors: Errors, { clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: ServiceSpec): void {
  for (const [what, values] of Object.entries({ clusterIPs, ipFamilies })) {
    if (values.length === 2) invalid(errors, "spec.ipFamilyPolicy", ipFamilyPolicy, `must be RequireDualStack or PreferDualStack when multiple ${what} are specified`);
  }
}
