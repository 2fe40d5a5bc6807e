/** The one-line notation of default-rbac.ts: a rule or a subject per line, so that a role reads like a sentence. */
import type { ClusterRoleBinding, PolicyRule } from "../api/types.gen.ts";

type Subject = NonNullable<ClusterRoleBinding["subjects"]>[number];

/** Verbs that come together so often that they have a name here. */
const shorthands: Readonly<Record<string, string>> = {
  read: "get,list,watch",
  write: "create,delete,deletecollection,patch,update",
  all: "create,delete,deletecollection,get,list,patch,update,watch",
};

/** "read core pods,services" · "update core configmaps cluster-info" · "get path /version,/healthz" */
export function ruleOf(line: string): PolicyRule {
  const [verbs = "", groups = "", resources = "", names] = line.split(" ");
  const rule = { verbs: items(shorthands[verbs] ?? verbs) };
  if (groups === "path") return { ...rule, nonResourceURLs: items(resources) };
  return {
    ...rule,
    apiGroups: items(groups).map((group) => (group === "core" ? "" : group)),
    resources: items(resources),
    ...(names === undefined ? {} : { resourceNames: items(names) }),
  };
}

/** "Group system:masters" · "User system:kube-scheduler" · "ServiceAccount kube-system/job-controller" */
export function subjectOf(line: string): Subject {
  const [kind = "", name = ""] = line.split(" ");
  if (kind !== "ServiceAccount") return { kind, apiGroup: "rbac.authorization.k8s.io", name };
  const [namespace = "", account = ""] = name.split("/");
  return { kind, name: account, namespace };
}

const items = (list: string) => list.split(",");
