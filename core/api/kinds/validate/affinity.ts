/** Affinity: terms over nodes and over other pods. */
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from "../../names.ts";
import { validateLabelSelector } from "../../selector.ts";
import type { Affinity, LabelSelector, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinity, PodAffinityTerm } from "../../types.gen.ts";
import { type Errors, check, forbidden, invalid, isEmpty, required } from "./errors.ts";

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

export function validateAffinity(errors: Errors, path: string, affinity: Affinity | undefined): void {
  if (affinity === undefined) return;
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity !== undefined) {
    const at = `${path}.nodeAffinity`;
    const must = nodeAffinity[REQUIRED];
    if (must !== undefined) validateNodeSelector(errors, `${at}.${REQUIRED}`, must);
    nodeAffinity[PREFERRED]?.forEach(({ weight, preference }, index) => {
      validateWeight(errors, `${at}.${PREFERRED}[${index}].weight`, weight);
      nodeTerm(errors, `${at}.${PREFERRED}[${index}].preference`, preference, true);
    });
  }
  if (podAffinity !== undefined) betweenPods(errors, `${path}.podAffinity`, podAffinity);
  if (podAntiAffinity !== undefined) betweenPods(errors, `${path}.podAntiAffinity`, podAntiAffinity);
}

function validateWeight(errors: Errors, path: string, weight: number | undefined): void {
  if (weight === undefined || weight <= 0 || weight > 100) invalid(errors, path, weight ?? 0, "must be in the range 1-100");
}

export function validateNodeSelector(errors: Errors, path: string, { nodeSelectorTerms }: NodeSelector): void {
  const at = `${path}.nodeSelectorTerms`;
  if ((nodeSelectorTerms ?? []).length === 0) return required(errors, at, "must have at least one node selector term");
  nodeSelectorTerms?.forEach((term, index) => nodeTerm(errors, `${at}[${index}]`, term));
}

/** `anyValue`: a preference may name values that no label has. */
function nodeTerm(errors: Errors, path: string, term: NodeSelectorTerm | undefined, anyValue = false): void {
  term?.matchExpressions?.forEach((requirement, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    labelRequirement(errors, at, requirement);
    if (!anyValue) requirement.values?.forEach((value, number) => check(errors, `${at}.values[${number}]`, value, labelValue));
  });
  term?.matchFields?.forEach((requirement, index) => fieldRequirement(errors, `${path}.matchFields[${index}]`, requirement));
}

function labelRequirement(errors: Errors, path: string, { key, operator, values = [] }: NodeSelectorRequirement): void {
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) required(errors, `${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0) forbidden(errors, `${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  } else if (operator === "Gt" || operator === "Lt") {
    if (values.length !== 1) required(errors, `${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  } else {
    invalid(errors, `${path}.operator`, operator ?? "", "not a valid selector operator");
  }
  check(errors, `${path}.key`, key ?? "", qualifiedName);
}

function fieldRequirement(errors: Errors, path: string, { key, operator, values = [] }: NodeSelectorRequirement): void {
  if (operator === "In" || operator === "NotIn") {
    if (values.length !== 1) required(errors, `${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  } else {
    invalid(errors, `${path}.operator`, operator ?? "", "not a valid selector operator");
  }
  if (key !== "metadata.name") return invalid(errors, `${path}.key`, key ?? "", "not a valid field selector key");
  values.forEach((value, index) => check(errors, `${path}.values[${index}]`, value, dns1123Subdomain));
}

function betweenPods(errors: Errors, path: string, affinity: PodAffinity): void {
  affinity[REQUIRED]?.forEach((term, index) => podTerm(errors, `${path}.${REQUIRED}[${index}]`, term));
  affinity[PREFERRED]?.forEach(({ weight, podAffinityTerm }, index) => {
    validateWeight(errors, `${path}.${PREFERRED}[${index}].weight`, weight);
    podTerm(errors, `${path}.${PREFERRED}[${index}].podAffinityTerm`, podAffinityTerm);
  });
}

function podTerm(errors: Errors, path: string, term: PodAffinityTerm | undefined): void {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = "", matchLabelKeys = [], mismatchLabelKeys = [] } = term ?? ({} as Partial<PodAffinityTerm>);
  if (labelSelector !== undefined) errors.push(...validateLabelSelector(labelSelector, `${path}.labelSelector`));
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`));
  for (const name of namespaces) check(errors, `${path}.namespace`, name, dns1123Label);
  labelKeys(errors, `${path}.matchLabelKeys`, matchLabelKeys, labelSelector);
  labelKeys(errors, `${path}.mismatchLabelKeys`, mismatchLabelKeys, labelSelector);
  matchLabelKeys.forEach((key, index) => {
    if (mismatchLabelKeys.includes(key)) invalid(errors, `${path}.matchLabelKeys[${index}]`, key, "exists in both matchLabelKeys and mismatchLabelKeys");
  });
  if (isEmpty(topologyKey)) required(errors, `${path}.topologyKey`, "can not be empty");
  check(errors, `${path}.topologyKey`, topologyKey, qualifiedName);
}

/** Keys whose values a pod's own labels give need a selector to join. */
export function labelKeys(errors: Errors, path: string, keys: readonly string[], selector: LabelSelector | undefined): void {
  if (keys.length === 0) return;
  if (selector === undefined) return forbidden(errors, path, "must not be specified when labelSelector is not set");
  keys.forEach((key, index) => check(errors, `${path}[${index}]`, key, qualifiedName));
}
