/**
 * What one RBAC rule allows, and when rules cover other rules. Pure: strings in, answer out (Kubernetes documentation,
 * "Using RBAC Authorization").
 */
import type { PolicyRule } from "../../api/types.gen.ts";
import type { Attributes } from "../auth.ts";

type Question = { readonly verb: string } & (
  | { readonly path: string }
  | {
      readonly resource: { readonly group: string; readonly plural: string; readonly subresource?: string | undefined; readonly name?: string | undefined };
    }
);

export function allows(rule: PolicyRule, asked: Question | Attributes): boolean {
  if (!hasOrAny(rule.verbs, asked.verb)) return false;
  if ("path" in asked) return (rule.nonResourceURLs ?? []).some((url) => coversPath(url, asked.path));
  const { group, plural, subresource, name } = asked.resource;
  return (
    hasOrAny(rule.apiGroups, group) &&
    coversResource(rule.resources ?? [], plural, subresource) &&
    (none(rule.resourceNames) || has(rule.resourceNames, name ?? ""))
  );
}

/** The parts of `wanted` that no single rule of `held` allows, each with one verb; empty if all is covered. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(atoms).filter((atom) => !held.some((rule) => coversAtom(rule, atom)));
}

export function covers(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): boolean {
  return uncovered(held, wanted).length === 0;
}

/** A rule as rules that name one verb and one thing. */
function* atomsOf(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const atom = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (none(rule.resourceNames)) yield atom;
        else for (const name of rule.resourceNames ?? []) yield { ...atom, resourceNames: [name] };
      }
    }
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
  }
}
const atoms = (rule: PolicyRule) => [...atomsOf(rule)];

function coversAtom(rule: PolicyRule, atom: PolicyRule): boolean {
  const [verb = "", group, resource, name, url] = [atom.verbs[0], atom.apiGroups?.[0], atom.resources?.[0], atom.resourceNames?.[0], atom.nonResourceURLs?.[0]];
  if (!hasOrAny(rule.verbs, verb)) return false;
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => coversPath(pattern, url));
  if (group === undefined || resource === undefined) return false;
  const [plural = "", subresource] = resource.split("/", 2);
  return (
    hasOrAny(rule.apiGroups, group) &&
    // "*/scale" asks for the scale of everything: only the same pattern, or "*", gives it
    coversResource(rule.resources ?? [], plural, subresource) &&
    (none(rule.resourceNames) || (name !== undefined && has(rule.resourceNames, name)))
  );
}

function coversResource(patterns: readonly string[], plural: string, subresource: string | undefined): boolean {
  const whole = subresource === undefined || subresource === "" ? plural : `${plural}/${subresource}`;
  return patterns.some((pattern) => pattern === "*" || pattern === whole || (whole !== plural && pattern === `*/${subresource}`));
}

/** A trailing `*` stands for any rest of the path. */
function coversPath(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}

const none = (list: readonly string[] | undefined) => list === undefined || list.length === 0;
const has = (list: readonly string[] | undefined, item: string) => list?.includes(item) ?? false;
const hasOrAny = (list: readonly string[] | undefined, item: string) => has(list, item) || has(list, "*");
