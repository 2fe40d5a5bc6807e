/**
 * The audit policy (audit.k8s.io/v1 Policy): the first rule that fits a request says how much of it is written down. What
 * no rule fits is not written at all.
 */
import { parseYaml } from "../../api/schema/parse-yaml.ts";
import type { Asked } from "../fairness/asked.ts";

export const LEVELS = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type Level = (typeof LEVELS)[number];
export const STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type Stage = (typeof STAGES)[number];

export interface Rule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly { readonly group?: string; readonly resources?: readonly string[]; readonly resourceNames?: readonly string[] }[];
  /** "" stands for resources without a namespace */
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export interface Policy {
  readonly rules: readonly Rule[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export interface Extent {
  readonly level: Level;
  readonly omits: ReadonlySet<string>;
  readonly omitManagedFields: boolean;
}

const nothing: Extent = { level: "None", omits: new Set(), omitManagedFields: false };

/** @throws Error that says what is wrong with the file */
export function parsePolicy(text: string): Policy {
  const { value } = parseYaml(text);
  const policy = value as Partial<Policy> & { readonly apiVersion?: string; readonly kind?: string };
  if (typeof policy !== "object" || policy === null || policy.kind !== "Policy" || policy.apiVersion !== "audit.k8s.io/v1") {
    throw new Error('audit policy: expected apiVersion "audit.k8s.io/v1" and kind "Policy"');
  }
  if (!Array.isArray(policy.rules) || policy.rules.length === 0) throw new Error("audit policy: rules: at least one rule is required");
  checkStages(policy.omitStages, "omitStages");
  for (const [index, rule] of policy.rules.entries()) {
    const at = `rules[${index}]`;
    if (!LEVELS.includes(rule?.level as Level)) throw new Error(`audit policy: ${at}.level: expected one of ${LEVELS.join(", ")}`);
    checkStages(rule.omitStages, `${at}.omitStages`);
    if (rule.nonResourceURLs !== undefined && (rule.resources !== undefined || rule.namespaces !== undefined)) {
      throw new Error(`audit policy: ${at}: a rule is for resources or for nonResourceURLs, not for both`);
    }
  }
  return policy as Policy;
}

function checkStages(stages: readonly unknown[] | undefined, at: string): void {
  if (stages !== undefined && (!Array.isArray(stages) || stages.some((stage) => !STAGES.includes(stage as Stage)))) {
    throw new Error(`audit policy: ${at}: expected some of ${STAGES.join(", ")}`);
  }
}

/** How much of this request is written. */
export function extentOf(policy: Policy, asked: Asked): Extent {
  const rule = policy.rules.find((each) => fits(each, asked));
  if (rule === undefined || rule.level === "None") return nothing;
  return {
    level: rule.level,
    omits: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

const among = (list: readonly string[] | undefined, value: string) => list === undefined || list.length === 0 || list.includes(value);

function fits(rule: Rule, { user, verb, path, resource }: Asked): boolean {
  if (!among(rule.users, user.name) || !among(rule.verbs, verb)) return false;
  if (rule.userGroups !== undefined && rule.userGroups.length > 0 && !rule.userGroups.some((group) => user.groups.includes(group))) return false;
  if (resource === undefined) {
    if (rule.resources !== undefined || rule.namespaces !== undefined) return false;
    return rule.nonResourceURLs === undefined || rule.nonResourceURLs.some((url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))));
  }
  if (rule.nonResourceURLs !== undefined || !among(rule.namespaces, resource.namespace ?? "")) return false;
  return rule.resources === undefined || rule.resources.length === 0 || rule.resources.some((each) => covers(each, resource));
}

function covers(rule: NonNullable<Rule["resources"]>[number], { group, plural, subresource, name }: NonNullable<Asked["resource"]>): boolean {
  if ((rule.group ?? "") !== group) return false;
  if (rule.resources === undefined || rule.resources.length === 0) return true;
  if (!among(rule.resourceNames, name ?? "")) return false;
  const combined = subresource === undefined ? plural : `${plural}/${subresource}`;
  return rule.resources.some((each) => each === "*" || each === combined || (subresource !== undefined && (each === `*/${subresource}` || each === `${plural}/*`)));
}
