/** Nodes: taints, address ranges, amounts; and the few fields that never change once they are set. */
import { isIPv4 } from "node:net";
import { labelValue, qualifiedName } from "../../names.ts";
import type { Node } from "../../types.gen.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, sortedEntries } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { amountNotNegative } from "./quantity-rules.ts";
import { nodeResourceName } from "./resource-names.ts";
import { same } from "./same.ts";
import { cidr } from "./text-rules.ts";
import { validateTaintEffect } from "./tolerations.ts";

export function validateNode(errors: Errors, { spec, status }: Node): void {
  const taints = new Set<string>();
  // Kubernetes puts them under metadata in its errors
  spec?.taints?.forEach((taint, index) => {
    const at = `metadata.taints[${index}]`;
    const { key = "", value = "", effect } = taint;
    check(errors, `${at}.key`, key, qualifiedName);
    const wrong = labelValue(value);
    if (wrong.length > 0) invalid(errors, `${at}.value`, value, wrong.join(";"));
    validateTaintEffect(errors, `${at}.effect`, effect, true);
    if (taints.has(`${key}:${effect}`)) duplicate(errors, at, internalForm("Taint", taint), "taints must be unique by key and effect pair");
    taints.add(`${key}:${effect}`);
  });
  for (const list of ["capacity", "allocatable"] as const) {
    for (const [name, amount] of sortedEntries(status?.[list])) {
      nodeResourceName(errors, `status.${list}[${name}]`, name);
      amountNotNegative(errors, `status.${list}[${name}]`, amount);
    }
  }
  const ranges = spec?.podCIDRs ?? (isEmpty(spec?.podCIDR) ? [] : [spec?.podCIDR ?? ""]);
  ranges.forEach((range, index) => check(errors, `spec.podCIDRs[${index}]`, range, cidr));
  if (ranges.length > 2 || (ranges.length === 2 && isIPv4((ranges[0] ?? "").split("/")[0] ?? "") === isIPv4((ranges[1] ?? "").split("/")[0] ?? ""))) {
    invalid(errors, "spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family");
  }
}

export function validateNodeUpdate(errors: Errors, next: Node, old: Node): void {
  validateNode(errors, next);
  const addresses = new Set<string>();
  next.status?.addresses?.forEach(({ type, address }, index) => {
    const key = `${type}/${address}`;
    if (addresses.has(key)) duplicate(errors, `status.addresses[${index}]`, { Type: type, Address: address });
    addresses.add(key);
  });
  const [ranges, were] = [next.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []];
  if (were.length > 0 && !same(ranges, were)) forbidden(errors, "spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid');
  if (!isEmpty(old.spec?.providerID) && next.spec?.providerID !== old.spec?.providerID) {
    forbidden(errors, "spec.providerID", 'node updates may not change providerID except from "" to valid');
  }
}
