/** What webhooks and admission policies have in common: which requests they match, and under which conditions. */
import { dns1035Label, pathSegment, qualifiedName } from "../../names.ts";
import { validateLabelSelector } from "../../selector.ts";
import type { MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations } from "../../types.gen.ts";
import { type Errors, check, duplicate, invalid, notSupported, oneOf, required, tooMany } from "./errors.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES = ["*", "Cluster", "Namespaced"];
export const FAILURE_POLICIES = ["Fail", "Ignore"];
export const MATCH_POLICIES = ["Equivalent", "Exact"];
const CONDITIONS = 64;

/** "*" stands for all, so nothing may stand beside it. */
function aloneWithWildcard(errors: Errors, at: string, values: readonly string[], others: string): void {
  if (values.length > 1 && values.includes("*")) invalid(errors, at, values, `if '*' is present, must not specify other ${others}`);
}

export function validateRuleWithOperations(errors: Errors, at: string, { operations = [], apiGroups = [], apiVersions = [], resources = [], scope }: RuleWithOperations): void {
  if (operations.length === 0) required(errors, `${at}.operations`);
  aloneWithWildcard(errors, `${at}.operations`, operations, "operations");
  operations.forEach((operation, index) => oneOf(errors, `${at}.operations[${index}]`, operation, OPERATIONS));
  if (apiGroups.length === 0) required(errors, `${at}.apiGroups`);
  aloneWithWildcard(errors, `${at}.apiGroups`, apiGroups, "API groups");
  if (apiVersions.length === 0) required(errors, `${at}.apiVersions`);
  aloneWithWildcard(errors, `${at}.apiVersions`, apiVersions, "API versions");
  apiVersions.forEach((version, index) => {
    if (version === "") required(errors, `${at}.apiVersions[${index}]`);
  });
  validateResources(errors, `${at}.resources`, resources);
  if (scope !== undefined) oneOf(errors, `${at}.scope`, scope, SCOPES);
}

function validateResources(errors: Errors, at: string, resources: readonly string[]): void {
  if (resources.length === 0) required(errors, at);
  const allSubresourcesOf = new Set<string>();
  const subresourceOfAll = new Set<string>();
  let plain = false;
  resources.forEach((resource, index) => {
    if (resource === "") return required(errors, `${at}[${index}]`);
    const slash = resource.indexOf("/");
    if (slash < 0) {
      plain = resource !== "*";
      return;
    }
    const [of, sub] = [resource.slice(0, slash), resource.slice(slash + 1)];
    if (allSubresourcesOf.has(of)) invalid(errors, `${at}[${index}]`, resource, `if '${of}/*' is present, must not specify ${resource}`);
    if (subresourceOfAll.has(sub)) invalid(errors, `${at}[${index}]`, resource, `if '*/${sub}' is present, must not specify ${resource}`);
    if (sub === "*") allSubresourcesOf.add(of);
    if (of === "*") subresourceOfAll.add(sub);
  });
  if (resources.length > 1 && resources.includes("*/*")) invalid(errors, at, resources, "if '*/*' is present, must not specify other resources");
  if (plain && resources.includes("*")) invalid(errors, at, resources, "if '*' is present, must not specify other resources without subresources");
}

export function validateMatchResources(errors: Errors, at: string, match: MatchResources): void {
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match;
  if (matchPolicy === undefined) required(errors, `${at}.matchPolicy`);
  else oneOf(errors, `${at}.matchPolicy`, matchPolicy, MATCH_POLICIES);
  for (const [field, selector] of [["namespaceSelector", namespaceSelector], ["objectSelector", objectSelector]] as const) {
    if (selector === undefined) required(errors, `${at}.${field}`);
    else errors.push(...validateLabelSelector(selector, `${at}.${field}`));
  }
  resourceRules.forEach((rule, index) => namedRule(errors, `${at}.resourceRules[${index}]`, rule));
  excludeResourceRules.forEach((rule, index) => namedRule(errors, `${at}.excludeResourceRules[${index}]`, rule));
}

function namedRule(errors: Errors, at: string, rule: NamedRuleWithOperations): void {
  const names = new Set<string>();
  rule.resourceNames?.forEach((name, index) => {
    check(errors, `${at}.resourceNames[${index}]`, name, pathSegment);
    if (names.has(name)) duplicate(errors, `${at}.resourceNames[${index}]`, name);
    names.add(name);
  });
  validateRuleWithOperations(errors, at, rule);
}

export function validateMatchConditions(errors: Errors, at: string, conditions: readonly MatchCondition[] = []): void {
  if (conditions.length > CONDITIONS) tooMany(errors, at, conditions.length, CONDITIONS);
  const names = new Set<string>();
  conditions.forEach(({ name = "", expression = "" }, index) => {
    if (expression.trim() === "") required(errors, `${at}[${index}].expression`);
    if (name === "") return required(errors, `${at}[${index}].name`);
    check(errors, `${at}[${index}].name`, name, qualifiedName);
    if (names.has(name)) duplicate(errors, `${at}[${index}].name`, name);
    names.add(name);
  });
}

const REVIEW_VERSIONS = ["v1", "v1beta1"];

export function validateReviewVersions(errors: Errors, at: string, versions: readonly string[] = []): void {
  if (versions.length === 0) return required(errors, at, `must specify one of ${REVIEW_VERSIONS.join(", ")}`);
  const seen = new Set<string>();
  versions.forEach((version, index) => {
    if (seen.has(version)) return invalid(errors, `${at}[${index}]`, version, "duplicate version");
    seen.add(version);
    check(errors, `${at}[${index}]`, version, dns1035Label);
  });
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version))) invalid(errors, at, versions, `must include at least one of ${REVIEW_VERSIONS.join(", ")}`);
}

/** An optional word from a list. */
export function optionalOneOf(errors: Errors, at: string, value: string | undefined, supported: readonly string[]): void {
  if (value !== undefined && !supported.includes(value)) notSupported(errors, at, value, supported);
}

