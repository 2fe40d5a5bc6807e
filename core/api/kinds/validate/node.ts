/** Nodes: taints, address ranges, amounts; and the few fields that never change once they are set. */
import { isIPv4 } from "node:net";
import { labelValue, qualifiedName, quote } from "../../names.ts";
import type { Node } from "../../types.gen.ts";
import { cidr } from "./addresses.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, oneOf, required, sortedEntries } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { amountNotNegative, wholeAmount } from "./quantity-rules.ts";
import { isWholeResource } from "./resource-names.ts";
import { TAINT_EFFECTS } from "./tolerations.ts";

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;
const FEATURE_LENGTH = 253;

export function validateNode(errors: Errors, node: Node): void {
  validateTaints(errors, node);
  validateAmounts(errors, node);
  validateFeatures(errors, node.status?.declaredFeatures);
  const ranges = node.spec?.podCIDRs ?? [];
  ranges.forEach((range, index) => check(errors, `spec.podCIDRs[${index}]`, range, cidr));
  if (ranges.length > 2 || (ranges.length === 2 && isIPv4((ranges[0] ?? "").split("/")[0] ?? "") === isIPv4((ranges[1] ?? "").split("/")[0] ?? ""))) {
    invalid(errors, "spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family");
  }
}

function validateTaints(errors: Errors, { spec }: Node): void {
  const taints = new Set<string>();
  // Kubernetes puts them under metadata in its errors
  spec?.taints?.forEach((taint, index) => {
    const at = `metadata.taints[${index}]`;
    const { key = "", value = "", effect } = taint;
    check(errors, `${at}.key`, key, qualifiedName);
    const wrong = labelValue(value);
    if (wrong.length > 0) invalid(errors, `${at}.value`, value, wrong.join(";"));
    if (isEmpty(effect)) required(errors, `${at}.effect`);
    else oneOf(errors, `${at}.effect`, effect, TAINT_EFFECTS);
    if (taints.has(`${key}:${effect}`)) duplicate(errors, at, internalForm("Taint", taint), "taints must be unique by key and effect pair");
    taints.add(`${key}:${effect}`);
  });
}

function validateAmounts(errors: Errors, { status }: Node): void {
  for (const list of ["capacity", "allocatable"] as const) {
    for (const [name, amount] of sortedEntries(status?.[list])) {
      const at = `status.${list}.${name}`;
      amountNotNegative(errors, at, amount);
      if (isWholeResource(name)) wholeAmount(errors, at, amount);
    }
  }
}

/** KEP-5328: what a node can do, as names in order. */
function validateFeatures(errors: Errors, features: readonly string[] = []): void {
  features.forEach((feature, index) => {
    const at = `status.declaredFeatures[${index}]`;
    const next = features[index + 1];
    if (feature.length > FEATURE_LENGTH) invalid(errors, at, feature, `invalid feature name ${quote(feature)}: must be no more than ${FEATURE_LENGTH} characters`);
    else if (!FEATURE.test(feature)) {
      const rule = "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
      invalid(errors, at, feature, `invalid feature name ${quote(feature)}: ${rule}`);
    }
    if (next === undefined) return;
    if (feature === next) duplicate(errors, `status.declaredFeatures[${index + 1}]`, next);
    else if (feature > next) invalid(errors, `status.declaredFeatures[${index + 1}]`, next, "list must be sorted alphabetically");
  });
}

/** What an update may do, also one of the status; taints, amounts and features are looked at again. */
export function validateNodeChange(errors: Errors, next: Node, old: Node): void {
  validateAmounts(errors, next);
  validateFeatures(errors, next.status?.declaredFeatures);
  const addresses = new Set<string>();
  next.status?.addresses?.forEach(({ type, address }, index) => {
    const key = `${type}/${address}`;
    if (addresses.has(key)) duplicate(errors, `status.addresses[${index}]`, { Type: type, Address: address });
    addresses.add(key);
  });
  const [ranges, were] = [next.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []];
  const changed = were.length === 0 ? 0 : ranges.length === were.length ? were.filter((range, index) => range !== ranges[index]).length : 1;
  for (let left = changed; left > 0; left--) forbidden(errors, "spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid');
  if (!isEmpty(old.spec?.providerID) && next.spec?.providerID !== old.spec?.providerID) {
    forbidden(errors, "spec.providerID", 'node updates may not change providerID except from "" to valid');
  }
  validateTaints(errors, next);
  if ((next.spec?.externalID ?? "") !== (old.spec?.externalID ?? "")) forbidden(errors, "spec.externalID", "may not be updated");
}
