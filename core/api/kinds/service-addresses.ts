/** The objects behind cluster IPs: ServiceCIDR (ranges) and IPAddress (one that is taken). */
import { isIPv6 } from "node:net";
import type { KindHooks } from "../kinds.ts";
import { dns1123Subdomain, pathSegment } from "../names.ts";
import type { IPAddress, ServiceCIDR } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, check, checkRequired, invalid, required } from "./validate/errors.ts";
import { canonicalCidr, canonicalIp } from "./validate/addresses.ts";

const addressColumn = columnsOf<IPAddress>();
const rangeColumn = columnsOf<ServiceCIDR>();
const IMMUTABLE = "field is immutable";

export const ipAddressHooks: KindHooks = {
  nameRule: "any",
  validate: checking<IPAddress>(validateAddress),
  validateUpdate: checkingUpdate<IPAddress>((errors, object, old) => {
    validateAddress(errors, object);
    immutable(errors, "spec.parentRef", internalParent(object.spec?.parentRef), internalParent(old.spec?.parentRef));
  }),
  selectableFields: {},
  columns: [nameColumn, addressColumn("ParentRef", parentText), { ...ageColumn, undeclared: true }],
};

function validateAddress(errors: Errors, { metadata, spec }: IPAddress): void {
  const { name = "", generateName = "" } = metadata;
  if (generateName !== "") check(errors, "metadata.generateName", generateName, canonicalIp);
  if (name !== "") check(errors, "metadata.name", name, canonicalIp);
  const parent = spec?.parentRef;
  const at = "spec.parentRef";
  if (parent === undefined) return required(errors, at);
  const { group = "", resource, name: parentName, namespace = "" } = parent;
  if (group !== "") check(errors, `${at}.group`, group, dns1123Subdomain);
  checkRequired(errors, `${at}.resource`, resource, pathSegment);
  checkRequired(errors, `${at}.name`, parentName, pathSegment);
  if (namespace !== "") check(errors, `${at}.namespace`, namespace, pathSegment);
}

function parentText({ spec }: IPAddress): string {
  const parent = spec?.parentRef;
  if (parent === undefined) return "<none>";
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  return [`${resource}${group === "" ? "" : `.${group}`}`.toLowerCase(), ...(namespace === "" ? [] : [namespace]), name].join("/");
}

/** as messages show it */
const internalParent = (parent: NonNullable<IPAddress["spec"]>["parentRef"]) =>
  parent === undefined ? undefined : { Group: parent.group ?? "", Resource: parent.resource ?? "", Namespace: parent.namespace ?? "", Name: parent.name ?? "" };

export const serviceCidrHooks: KindHooks = {
  validate: checking<ServiceCIDR>((errors, { spec }) => ranges(errors, spec?.cidrs ?? [])),
  validateUpdate: checkingUpdate<ServiceCIDR>((errors, { spec }, old) => {
    const now = spec?.cidrs ?? [];
    const before = old.spec?.cidrs ?? [];
    const changed = before.findIndex((range, index) => now[index] !== range);
    if (now.length === before.length) {
      before.forEach((range, index) => {
        if (now[index] !== range) invalid(errors, `spec.cidrs[${index}]`, now[index], IMMUTABLE);
      });
    } else if (before.length === 1 && now.length === 2) {
      if (changed === 0) invalid(errors, "spec.cidrs[0]", now[0], IMMUTABLE);
      ranges(errors, now);
    } else invalid(errors, "spec.cidrs", now.length === 0 ? null : now, IMMUTABLE);
  }),
  columns: [nameColumn, rangeColumn("CIDRs", ({ spec }) => (spec?.cidrs ?? []).join(",")), ageColumn],
};

const isV6 = (range: string): boolean => isIPv6(range.split("/")[0] ?? "");

function ranges(errors: Errors, cidrs: readonly string[]): void {
  const at = "spec.cidrs";
  if (cidrs.length === 0) return required(errors, at, "at least one CIDR required");
  if (cidrs.length > 2) return invalid(errors, at, { CIDRs: cidrs }, "may only hold up to 2 values");
  cidrs.forEach((range, index) => {
    for (const why of canonicalCidr(range)) invalid(errors, `${at}[${index}]`, range, why);
  });
  const [first = "", second] = cidrs;
  if (second !== undefined && isV6(first) === isV6(second) && [first, second].every((range) => canonicalCidr(range).length === 0)) {
    invalid(errors, at, cidrs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64");
  }
}

