/**
 * Which requests a webhook or a policy wants to see: by resource, operation, scope and the labels of object and namespace
 * (admissionregistration/v1). With matchPolicy Equivalent a rule for one version takes requests for all of them; the
 * object is shown in the version that the rule names.
 */
import type { AdmissionRequest } from "../../admission/admission.ts";
import type { Lookup } from "../../admission/lookup.ts";
import type { Kind, KindTable } from "../../api/kinds.ts";
import { apiVersionOf, type AnyObject } from "../../api/meta.ts";
import { NAMESPACES } from "../../api/resources.gen.ts";
import { type LabelSelector, matchesLabels, type Selector, selectorOf } from "../../api/selector.ts";
import type { NamedRuleWithOperations } from "../../api/types.gen.ts";

/** Of a webhook, or of a policy or binding. */
export interface Criteria {
  readonly rules: readonly NamedRuleWithOperations[];
  readonly excluded?: readonly NamedRuleWithOperations[];
  readonly matchPolicy?: string | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
  /** no rules: every request (bindings restrict what a policy matches already) */
  readonly allWithoutRules?: boolean;
}

/** The kind in whose version the object is shown; undefined: not concerned. */
export type Matcher = (request: AdmissionRequest) => Kind | undefined;

export interface MatchParts {
  readonly kinds: KindTable;
  readonly lookup: Lookup;
}

/** Who configures admission must not be locked out by it. */
const EXEMPT_GROUP = "admissionregistration.k8s.io";

export function compileMatcher(criteria: Criteria, { kinds, lookup }: MatchParts): Matcher {
  const { rules, excluded = [], matchPolicy = "Equivalent", allWithoutRules = false } = criteria;
  const namespaceSelector = compiled(criteria.namespaceSelector);
  const objectSelector = compiled(criteria.objectSelector);

  function shownAs(request: AdmissionRequest): Kind | undefined {
    if (rules.length === 0) return allWithoutRules ? request.kind : undefined;
    if (rules.some((rule) => matchesRule(rule, request, request.kind))) return request.kind;
    if (matchPolicy === "Exact") return undefined;
    return equivalents(kinds, request.kind).find((kind) => rules.some((rule) => matchesRule(rule, request, kind)));
  }

  return (request) => {
    if (request.kind.group === EXEMPT_GROUP) return undefined;
    const kind = shownAs(request);
    if (kind === undefined) return undefined;
    const all = matchPolicy === "Exact" ? [request.kind] : [request.kind, ...equivalents(kinds, request.kind)];
    if (excluded.some((rule) => all.some((each) => matchesRule(rule, request, each)))) return undefined;
    if (namespaceSelector !== undefined && !matchesNamespace(namespaceSelector, request, lookup)) return undefined;
    if (objectSelector !== undefined && !matchesObject(objectSelector, request)) return undefined;
    return kind;
  };
}

/** An empty selector selects everything. */
function compiled(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined;
  const made = selectorOf(selector);
  return made.length === 0 ? undefined : made;
}

const has = (list: readonly string[] | undefined, value: string) => list?.some((each) => each === "*" || each === value) ?? false;

function matchesRule(rule: NamedRuleWithOperations, request: AdmissionRequest, kind: Kind): boolean {
  if (!has(rule.apiGroups, kind.group) || !has(rule.apiVersions, kind.version) || !has(rule.operations, request.operation)) return false;
  const names = rule.resourceNames ?? [];
  if (names.length > 0 && !names.includes(request.name)) return false;
  return matchesScope(rule.scope, request) && (rule.resources ?? []).some((resource) => matchesResource(resource, kind.plural, request.subresource ?? ""));
}

function matchesScope(scope: string | undefined, { kind, namespace }: AdmissionRequest): boolean {
  // a Namespace is of the cluster, though requests for one carry its name as namespace
  const namespaced = kind.namespaced && namespace !== undefined && namespace !== "";
  return scope === undefined || scope === "*" || scope === (namespaced ? "Namespaced" : "Cluster");
}

/** "pods", "pods/log", "pods/*", "*\/scale", "*" (no subresources), "*\/*" */
function matchesResource(rule: string, plural: string, subresource: string): boolean {
  const [resource = "", part = ""] = rule.split("/");
  return (resource === "*" || resource === plural) && (part === "*" || part === subresource);
}

function equivalents(kinds: KindTable, { group, version, plural }: Kind): readonly Kind[] {
  return kinds.all().filter((each) => each.plural === plural && each.group === group && each.version !== version);
}

function matchesNamespace(selector: Selector, request: AdmissionRequest, lookup: Lookup): boolean {
  const { kind, namespace, name } = request;
  if (kind.group === "" && kind.plural === "namespaces") {
    const own = request.object ?? request.old ?? lookup.get(NAMESPACES, undefined, name);
    return matchesLabels(selector, own?.metadata.labels);
  }
  if (namespace === undefined || namespace === "") return true;
  return matchesLabels(selector, lookup.get(NAMESPACES, undefined, namespace)?.metadata.labels);
}

/** The object before or after the change. */
function matchesObject(selector: Selector, { object, old }: AdmissionRequest): boolean {
  return [object, old].some((each) => each !== undefined && matchesLabels(selector, each.metadata.labels));
}

/** The object in another version of its resource. @throws ApiError when a webhook converts its kind and cannot */
export async function convert(object: AnyObject, from: Kind, to: Kind): Promise<AnyObject> {
  if (from === to || object.kind !== from.kind) return object;
  if (from.hooks.convert !== undefined) return (await from.hooks.convert([object], apiVersionOf(to)))[0] ?? object;
  const stored = from.hooks.toStored?.(object) ?? object;
  return { ...(to.hooks.fromStored?.(stored) ?? stored), apiVersion: apiVersionOf(to), kind: to.kind };
}
