/**
 * The flow schemas and priority levels of a fresh cluster, as Kubernetes makes them: what the cluster needs to stay alive
 * (nodes, leader election, controllers) does not wait behind workloads, and nobody waits behind the catch-all.
 */
import type { FlowSchema, PriorityLevelConfiguration } from "../api/types.gen.ts";
import { AUTHENTICATED, MASTERS, NODES, SERVICE_ACCOUNTS, UNAUTHENTICATED } from "../api/user.ts";

const API = "flowcontrol.apiserver.k8s.io/v1";
/** The server may update the specification with a later release, until somebody says otherwise. */
const annotations = { "apf.kubernetes.io/autoupdate-spec": "true" };

interface Queues {
  readonly queues: number;
  readonly handSize: number;
}

function limited(name: string, nominalConcurrencyShares: number, lendablePercent: number, queuing: Queues | undefined): PriorityLevelConfiguration {
  const limitResponse = queuing === undefined ? { type: "Reject" } : { type: "Queue", queuing: { ...queuing, queueLengthLimit: 50 } };
  return {
    apiVersion: API,
    kind: "PriorityLevelConfiguration",
    metadata: { name, annotations },
    spec: { type: "Limited", limited: { nominalConcurrencyShares, lendablePercent, limitResponse } },
  } as PriorityLevelConfiguration;
}

const few: Queues = { queues: 16, handSize: 4 };
const some: Queues = { queues: 64, handSize: 6 };
const many: Queues = { queues: 128, handSize: 6 };

export const priorityLevels: readonly PriorityLevelConfiguration[] = [
  {
    apiVersion: API,
    kind: "PriorityLevelConfiguration",
    metadata: { name: "exempt", annotations },
    spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  limited("catch-all", 5, 0, undefined),
  limited("system", 30, 33, some),
  limited("node-high", 40, 25, some),
  limited("leader-election", 10, 0, few),
  limited("workload-high", 40, 50, many),
  limited("workload-low", 100, 90, many),
  limited("global-default", 20, 50, many),
];

const group = (name: string) => ({ kind: "Group", group: { name } });
const user = (name: string) => ({ kind: "User", user: { name } });
const account = (name: string) => ({ kind: "ServiceAccount", serviceAccount: { namespace: "kube-system", name } });

const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] };
const anyPath = { verbs: ["*"], nonResourceURLs: ["*"] };
const leases = { verbs: ["get", "create", "update"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] };
const endpointVerbs = ["get", "create", "update", "patch", "delete"];

interface Flow {
  readonly subjects: readonly object[];
  readonly resourceRules?: readonly object[];
  readonly nonResourceRules?: readonly object[];
}

function flow(name: string, matchingPrecedence: number, level: string, by: "ByUser" | "ByNamespace" | undefined, rules: Flow): FlowSchema {
  return {
    apiVersion: API,
    kind: "FlowSchema",
    metadata: { name, annotations },
    spec: { priorityLevelConfiguration: { name: level }, matchingPrecedence, ...(by === undefined ? {} : { distinguisherMethod: { type: by } }), rules: [rules] },
  } as unknown as FlowSchema;
}

const all = { resourceRules: [everything], nonResourceRules: [anyPath] };

export const flowSchemas: readonly FlowSchema[] = [
  flow("exempt", 1, "exempt", undefined, { subjects: [group(MASTERS)], ...all }),
  flow("probes", 2, "exempt", undefined, {
    subjects: [group(UNAUTHENTICATED), group(AUTHENTICATED)],
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
  }),
  flow("system-leader-election", 100, "leader-election", "ByUser", {
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler")],
    resourceRules: [leases],
  }),
  flow("endpoint-controller", 150, "workload-high", "ByUser", {
    subjects: [user("system:kube-controller-manager"), account("endpoint-controller"), account("endpointslicemirroring-controller")],
    resourceRules: [
      { verbs: endpointVerbs, apiGroups: [""], resources: ["endpoints"], namespaces: ["*"] },
      { verbs: endpointVerbs, apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], namespaces: ["*"] },
    ],
  }),
  flow("workload-leader-election", 200, "leader-election", "ByUser", { subjects: [account("*")], resourceRules: [leases] }),
  flow("system-node-high", 400, "node-high", "ByUser", {
    subjects: [group(NODES)],
    resourceRules: [
      { verbs: ["*"], apiGroups: [""], resources: ["nodes", "nodes/status"], clusterScope: true, namespaces: ["*"] },
      { verbs: ["*"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] },
    ],
  }),
  flow("system-nodes", 500, "system", "ByUser", { subjects: [group(NODES)], ...all }),
  flow("kube-controller-manager", 800, "workload-high", "ByNamespace", { subjects: [user("system:kube-controller-manager")], ...all }),
  flow("kube-scheduler", 800, "workload-high", "ByNamespace", { subjects: [user("system:kube-scheduler")], ...all }),
  flow("kube-system-service-accounts", 900, "workload-high", "ByNamespace", { subjects: [account("*")], ...all }),
  flow("service-accounts", 9000, "workload-low", "ByUser", { subjects: [group(SERVICE_ACCOUNTS)], ...all }),
  flow("global-default", 9900, "global-default", "ByUser", { subjects: [group(UNAUTHENTICATED), group(AUTHENTICATED)], ...all }),
  flow("catch-all", 10_000, "catch-all", "ByUser", { subjects: [group(UNAUTHENTICATED), group(AUTHENTICATED)], ...all }),
];
