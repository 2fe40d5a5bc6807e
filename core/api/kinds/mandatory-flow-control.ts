/**
 * The two flow schemas and priority levels that keep an API reachable. Their specification is fixed: whoever could change
 * it could lock everybody out. Source: Kubernetes documentation, "API Priority and Fairness".
 */
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec, Subject } from "../types.gen.ts";
import { AUTHENTICATED, MASTERS, UNAUTHENTICATED } from "../user.ts";

const group = (name: string): Subject => ({ kind: "Group", group: { name } });

const everything = (...subjects: readonly Subject[]): FlowSchemaSpec["rules"] => [
  {
    subjects,
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  },
];

const schemas: { readonly [name: string]: FlowSchemaSpec } = {
  exempt: { priorityLevelConfiguration: { name: "exempt" }, matchingPrecedence: 1, rules: everything(group(MASTERS)) ?? [] },
  "catch-all": {
    priorityLevelConfiguration: { name: "catch-all" },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: "ByUser" },
    rules: everything(group(UNAUTHENTICATED), group(AUTHENTICATED)) ?? [],
  },
};

const levels: { readonly [name: string]: PriorityLevelConfigurationSpec } = {
  exempt: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  "catch-all": { type: "Limited", limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" }, lendablePercent: 0 } },
};

/** undefined for all other names */
export function mandatorySpec(kind: "FlowSchema" | "PriorityLevelConfiguration", name: string): FlowSchemaSpec | PriorityLevelConfigurationSpec | undefined {
  const fixed: { readonly [name: string]: FlowSchemaSpec | PriorityLevelConfigurationSpec } = kind === "FlowSchema" ? schemas : levels;
  return Object.hasOwn(fixed, name) ? fixed[name] : undefined;
}
