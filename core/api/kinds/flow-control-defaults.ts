/**
 * The flow schemas and priority levels that every cluster has. The mandatory ones cannot be changed, the others are
 * suggestions. Source: Kubernetes documentation, "API Priority and Fairness", defaults.
 */
import type { FlowSchemaSpec, PolicyRulesWithSubjects, PriorityLevelConfigurationSpec, ResourcePolicyRule, Subject } from "../types.gen.ts";

const user = (name: string): Subject => ({ kind: "User", user: { name } });
const group = (name: string): Subject => ({ kind: "Group", group: { name } });
const account = (name: string): Subject => ({ kind: "ServiceAccount", serviceAccount: { name, namespace: "kube-system" } });
const everyone = [group("system:unauthenticated"), group("system:authenticated")];
const managers = user("system:kube-controller-manager");
const scheduler = user("system:kube-scheduler");

const everything = (...subjects: readonly Subject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
});

const resources = (apiGroup: string, names: readonly string[], verbs: readonly string[] = ["get", "create", "update"]): ResourcePolicyRule => ({
  verbs,
  apiGroups: [apiGroup],
  resources: names,
  namespaces: ["*"],
});

const leases = resources("coordination.k8s.io", ["leases"]);

type Method = "ByUser" | "ByNamespace" | undefined;

const schema = (level: string, matchingPrecedence: number, method: Method, ...rules: readonly PolicyRulesWithSubjects[]): FlowSchemaSpec => ({
  priorityLevelConfiguration: { name: level },
  matchingPrecedence,
  ...(method === undefined ? {} : { distinguisherMethod: { type: method } }),
  rules,
});

export const flowSchemas: { readonly [name: string]: FlowSchemaSpec } = {
  exempt: schema("exempt", 1, undefined, everything(group("system:masters"))),
  "catch-all": schema("catch-all", 10_000, "ByUser", everything(...everyone)),
  "system-nodes": schema("system", 500, "ByUser", everything(group("system:nodes"))),
  "system-node-high": schema("node-high", 400, "ByUser", {
    subjects: [group("system:nodes")],
    resourceRules: [{ ...resources("", ["nodes", "nodes/status"], ["*"]), clusterScope: true }, resources("coordination.k8s.io", ["leases"], ["*"])],
  }),
  probes: schema("exempt", 2, undefined, { subjects: everyone, nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }] }),
  "system-leader-election": schema("leader-election", 100, "ByUser", { subjects: [managers, scheduler, account("*")], resourceRules: [leases] }),
  "workload-leader-election": schema("leader-election", 200, "ByUser", { subjects: [account("*")], resourceRules: [leases] }),
  "endpoint-controller": schema("workload-high", 150, "ByUser", {
    subjects: [managers, account("endpoint-controller"), account("endpointslicemirroring-controller")],
    resourceRules: [resources("", ["endpoints"])],
  }),
  "kube-controller-manager": schema("workload-high", 800, "ByNamespace", everything(managers)),
  "kube-scheduler": schema("workload-high", 800, "ByNamespace", everything(scheduler)),
  "kube-system-service-accounts": schema("workload-high", 900, "ByNamespace", everything(account("*"))),
  "service-accounts": schema("workload-low", 9000, "ByUser", everything(group("system:serviceaccounts"))),
  "global-default": schema("global-default", 9900, "ByUser", everything(...everyone)),
};

const limited = (nominalConcurrencyShares: number, lendablePercent: number, queues?: number, handSize = 6): PriorityLevelConfigurationSpec => ({
  type: "Limited",
  limited: {
    nominalConcurrencyShares,
    limitResponse: queues === undefined ? { type: "Reject" } : { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } },
    lendablePercent,
  },
});

export const priorityLevels: { readonly [name: string]: PriorityLevelConfigurationSpec } = {
  exempt: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  "catch-all": limited(5, 0),
  system: limited(30, 33, 64),
  "node-high": limited(40, 25, 64),
  "leader-election": limited(10, 0, 16, 4),
  "workload-high": limited(40, 50, 128),
  "workload-low": limited(100, 90, 128),
  "global-default": limited(20, 50, 128),
};

const MANDATORY = ["exempt", "catch-all"];

/** The one specification that a mandatory object can have. */
export function mandatorySpec(kind: string, name: string): FlowSchemaSpec | PriorityLevelConfigurationSpec | undefined {
  if (!MANDATORY.includes(name)) return undefined;
  return kind === "FlowSchema" ? flowSchemas[name] : priorityLevels[name];
}
