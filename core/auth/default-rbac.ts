/**
 * The roles and bindings that every cluster has from its first start, as data. Names and rules are those of Kubernetes
 * 1.36 (documentation, "Using RBAC Authorization", default roles): users bind these roles, and controllers act with them.
 *
 * A rule is one line, "verbs groups resources [names]" or "verbs path urls", each a comma-separated list; see notation.ts.
 */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../api/types.gen.ts";
import { MASTERS } from "../api/user.ts";
import { ruleOf, subjectOf } from "./notation.ts";

const EVENTS = "create,patch,update core,events.k8s.io events";

const clusterRoles: Readonly<Record<string, readonly string[]>> = {
  "cluster-admin": ["* * *", "* path *"],
  "system:aggregate-to-admin": [
    "create authorization.k8s.io localsubjectaccessreviews",
    "all rbac.authorization.k8s.io rolebindings,roles",
  ],
  "system:aggregate-to-edit": [
    "read core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy",
    "impersonate core serviceaccounts",
    "write core pods,pods/attach,pods/exec,pods/portforward,pods/proxy",
    "create core pods/eviction",
    "write core configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy",
    "create core serviceaccounts/token",
    "write core,events.k8s.io events",
    "write apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale",
    "write autoscaling horizontalpodautoscalers",
    "write batch cronjobs,jobs",
    "write extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale",
    "write policy poddisruptionbudgets",
    "write networking.k8s.io ingresses,networkpolicies",
    "all coordination.k8s.io leases",
    "write resource.k8s.io resourceclaims,resourceclaimtemplates",
  ],
  "system:aggregate-to-view": [
    "read core configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status",
    "read core bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status",
    "read core namespaces",
    "read core,events.k8s.io events",
    "read discovery.k8s.io endpointslices",
    "read apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status",
    "read autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status",
    "read batch cronjobs,cronjobs/status,jobs,jobs/status",
    "read extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale",
    "read policy poddisruptionbudgets,poddisruptionbudgets/status",
    "read networking.k8s.io ingresses,ingresses/status,networkpolicies",
    "read resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates",
  ],
  "system:auth-delegator": ["create authentication.k8s.io tokenreviews", "create authorization.k8s.io subjectaccessreviews"],
  "system:basic-user": [
    "create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews",
    "create authentication.k8s.io selfsubjectreviews",
  ],
  "system:certificates.k8s.io:certificatesigningrequests:nodeclient": ["create certificates.k8s.io certificatesigningrequests/nodeclient"],
  "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": [
    "create certificates.k8s.io certificatesigningrequests/selfnodeclient",
  ],
  "system:certificates.k8s.io:kube-apiserver-client-approver": ["approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client"],
  "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver": [
    "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet",
  ],
  "system:certificates.k8s.io:kubelet-serving-approver": ["approve certificates.k8s.io signers kubernetes.io/kubelet-serving"],
  "system:certificates.k8s.io:legacy-unknown-approver": ["approve certificates.k8s.io signers kubernetes.io/legacy-unknown"],
  "system:discovery": ["get path /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/"],
  "system:heapster": ["read core events,namespaces,nodes,pods", "read extensions deployments"],
  "system:kube-aggregator": ["read core endpoints,services"],
  "system:kube-controller-manager": [
    EVENTS,
    "create coordination.k8s.io leases",
    "get,update coordination.k8s.io leases kube-controller-manager",
    "create core secrets,serviceaccounts",
    "delete core secrets",
    "get core configmaps,namespaces,secrets,serviceaccounts",
    "update core secrets,serviceaccounts",
    "create authentication.k8s.io tokenreviews",
    "create authorization.k8s.io subjectaccessreviews",
    "list,watch * *",
    "create core serviceaccounts/token",
  ],
  "system:kube-dns": ["list,watch core endpoints,services"],
  "system:kube-scheduler": [
    EVENTS,
    "create coordination.k8s.io leases",
    "get,list,update,watch coordination.k8s.io leases kube-scheduler",
    "all coordination.k8s.io leasecandidates",
    "read core nodes",
    "delete,get,list,watch core pods",
    "create core bindings,pods/binding",
    "patch,update core pods/status",
    "read core replicationcontrollers,services",
    "read apps,extensions replicasets",
    "read apps statefulsets",
    "read policy poddisruptionbudgets",
    "read core persistentvolumeclaims,persistentvolumes",
    "create authentication.k8s.io tokenreviews",
    "create authorization.k8s.io subjectaccessreviews",
    "read storage.k8s.io csinodes",
    "read storage.k8s.io volumeattachments",
    "read core namespaces",
    "read storage.k8s.io csidrivers",
    "read storage.k8s.io csistoragecapacities",
    "read resource.k8s.io deviceclasses",
    "get,list,patch,update,watch resource.k8s.io resourceclaims",
    "get,list,patch,update,watch resource.k8s.io resourceclaims/status",
    "update core pods/finalizers",
    "read resource.k8s.io resourceslices",
    "create,delete resource.k8s.io resourceclaims",
    "patch,update resource.k8s.io resourceclaims/binding",
  ],
  "system:kubelet-api-admin": [
    "read core nodes",
    "proxy core nodes",
    "* core nodes/log,nodes/metrics,nodes/proxy,nodes/stats",
    "* core nodes/configz,nodes/healthz,nodes/pods",
  ],
  "system:monitoring": [
    "get path /flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz",
    "get core nodes/metrics",
  ],
  "system:node": [
    "create authentication.k8s.io tokenreviews",
    "create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews",
    "read core services",
    "create,get,list,watch core nodes",
    "patch,update core nodes/status",
    "patch,update core nodes",
    EVENTS,
    "read core pods",
    "create,delete core pods",
    "patch,update core pods/status",
    "create core pods/eviction",
    "read core configmaps,secrets",
    "get core persistentvolumeclaims,persistentvolumes",
    "get core endpoints",
    "create,get,list,watch certificates.k8s.io certificatesigningrequests",
    "create,delete,get,patch,update coordination.k8s.io leases",
    "get storage.k8s.io volumeattachments",
    "create core serviceaccounts/token",
    "get,patch,update core persistentvolumeclaims/status",
    "read storage.k8s.io csidrivers",
    "create,delete,get,patch,update storage.k8s.io csinodes",
    "read node.k8s.io runtimeclasses",
    "get resource.k8s.io resourceclaims",
    "deletecollection resource.k8s.io resourceslices",
    "get core serviceaccounts",
  ],
  "system:node-bootstrapper": ["create,get,list,watch certificates.k8s.io certificatesigningrequests"],
  "system:node-problem-detector": ["get core nodes", "patch core nodes/status", EVENTS],
  "system:node-proxier": [
    "list,watch core endpoints,services",
    "read core nodes",
    EVENTS,
    "list,watch networking.k8s.io servicecidrs",
    "list,watch discovery.k8s.io endpointslices",
  ],
  "system:persistent-volume-provisioner": [
    "create,delete,get,list,watch core persistentvolumes",
    "get,list,update,watch core persistentvolumeclaims",
    "read storage.k8s.io storageclasses",
    "watch core events",
    EVENTS,
  ],
  "system:public-info-viewer": ["get path /healthz,/livez,/readyz,/version,/version/"],
  "system:service-account-issuer-discovery": [
    "get path /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/",
  ],
  "system:volume-scheduler": [
    "get,list,patch,update,watch core persistentvolumes",
    "read storage.k8s.io storageclasses",
    "get,list,patch,update,watch core persistentvolumeclaims",
  ],
  // What devices get besides their own objects: images and components.
  "system:lichen:device": ["get,head path /v2,/v2/*,/lichen/v1/modules,/lichen/v1/modules/*"],
  // For people and pipelines that fill the registry of the server.
  "lichen:image-pusher": ["get,head,post,put,patch,delete path /v2,/v2/*"],
  "system:lichen:enrollment": ["get core nodes"],
  // Presence of devices. What a device reports is written as the device's own node user, never with these rights.
  "system:lichen:hub": ["read core nodes,pods", "patch,update core nodes/status", "read lichen.dev *", "patch,update lichen.dev */status", EVENTS],
};

/** Each is the role of the service account of the same name in kube-system: `system:controller:<name>`. */
const controllers: Readonly<Record<string, readonly string[]>> = {
  "attachdetach-controller": [
    "list,watch core persistentvolumeclaims,persistentvolumes",
    "read core nodes",
    "patch,update core nodes/status",
    "list,watch core pods",
    EVENTS,
    "create,delete,get,list,watch storage.k8s.io volumeattachments",
    "read storage.k8s.io csidrivers",
    "read storage.k8s.io csinodes",
  ],
  "certificate-controller": [
    "delete,get,list,watch certificates.k8s.io certificatesigningrequests",
    "update certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status",
    "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet",
    "sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown",
    "create authorization.k8s.io subjectaccessreviews",
    EVENTS,
  ],
  "clusterrole-aggregation-controller": ["escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles"],
  "cronjob-controller": [
    "get,list,update,watch batch cronjobs",
    "create,delete,get,list,patch,update,watch batch jobs",
    "update batch cronjobs/status",
    "update batch cronjobs/finalizers",
    "delete,list,watch core pods",
    EVENTS,
  ],
  "daemon-set-controller": [
    "read apps,extensions daemonsets",
    "update apps,extensions daemonsets/status",
    "update apps,extensions daemonsets/finalizers",
    "list,watch core nodes",
    "create,delete,list,patch,watch core pods",
    "create core pods/binding",
    "create,delete,get,list,patch,update,watch apps controllerrevisions",
    EVENTS,
  ],
  "deployment-controller": [
    "get,list,update,watch apps,extensions deployments",
    "update apps,extensions deployments/status",
    "update apps,extensions deployments/finalizers",
    "create,delete,get,list,patch,update,watch apps,extensions replicasets",
    "get,list,update,watch core pods",
    EVENTS,
  ],
  "device-taint-eviction-controller": [
    "delete,get,list,watch core pods",
    "patch,update core pods/status",
    "read resource.k8s.io resourceclaims",
    "read resource.k8s.io resourceslices",
    "read resource.k8s.io deviceclasses",
    EVENTS,
  ],
  "disruption-controller": [
    "read apps,extensions deployments",
    "read apps,extensions replicasets",
    "read core replicationcontrollers",
    "read policy poddisruptionbudgets",
    "read apps statefulsets",
    "update policy poddisruptionbudgets/status",
    "patch,update core pods/status",
    "get * */scale",
    EVENTS,
  ],
  "endpoint-controller": [
    "read core pods,services",
    "create,delete,get,list,update,watch core endpoints",
    "create core endpoints/restricted",
    EVENTS,
  ],
  "endpointslice-controller": [
    "read core nodes,pods,services",
    "update core services/finalizers",
    "create,delete,get,list,update,watch discovery.k8s.io endpointslices",
    "create discovery.k8s.io endpointslices/restricted",
    EVENTS,
  ],
  "endpointslicemirroring-controller": [
    "read core endpoints,services",
    "update core services/finalizers",
    "update core endpoints/finalizers",
    "create,delete,get,list,update,watch discovery.k8s.io endpointslices",
    "create discovery.k8s.io endpointslices/restricted",
    EVENTS,
  ],
  "ephemeral-volume-controller": [
    "read core pods",
    "update core pods/finalizers",
    "create,get,list,watch core persistentvolumeclaims",
    EVENTS,
  ],
  "expand-controller": [
    "get,list,patch,update,watch core persistentvolumes",
    "patch,update core persistentvolumeclaims/status",
    "read core persistentvolumeclaims",
    EVENTS,
  ],
  "generic-garbage-collector": ["delete,get,list,patch,update,watch * *", EVENTS],
  "horizontal-pod-autoscaler": [
    "read autoscaling horizontalpodautoscalers",
    "update autoscaling horizontalpodautoscalers/status",
    "get,update * */scale",
    "list,watch core pods",
    "list,watch metrics.k8s.io pods",
    "read custom.metrics.k8s.io *",
    "read external.metrics.k8s.io *",
    EVENTS,
  ],
  "job-controller": [
    "get,list,patch,update,watch batch jobs",
    "update batch jobs/status",
    "update batch jobs/finalizers",
    "create,delete,list,patch,watch core pods",
    EVENTS,
  ],
  "legacy-service-account-token-cleaner": [
    "get core configmaps kube-apiserver-legacy-service-account-token-tracking",
    "delete,patch core secrets",
  ],
  "namespace-controller": [
    "delete,get,list,watch core namespaces",
    "update core namespaces/finalize,namespaces/status",
    "delete,deletecollection,get,list,watch * *",
  ],
  "node-controller": [
    "delete,get,list,patch,update,watch core nodes",
    "patch,update core nodes/status",
    "patch,update core pods/status",
    "delete,get,list,watch core pods",
    EVENTS,
  ],
  "persistent-volume-binder": [
    "create,delete,get,list,update,watch core persistentvolumes",
    "update core persistentvolumes/status",
    "get,list,update,watch core persistentvolumeclaims",
    "update core persistentvolumeclaims/status",
    "create,delete,get,list,watch core pods",
    "read storage.k8s.io storageclasses",
    "list,watch core nodes",
    EVENTS,
    "watch core events",
  ],
  "pod-garbage-collector": ["delete,list,watch core pods", "read core nodes", "patch core pods/status"],
  "pv-protection-controller": ["get,list,update,watch core persistentvolumes", EVENTS],
  "pvc-protection-controller": [
    "get,list,update,watch core persistentvolumeclaims",
    "update core persistentvolumeclaims/status",
    "read core pods",
    EVENTS,
  ],
  "replicaset-controller": [
    "get,list,update,watch apps,extensions replicasets",
    "update apps,extensions replicasets/status",
    "update apps,extensions replicasets/finalizers",
    "create,delete,list,patch,watch core pods",
    EVENTS,
  ],
  "replication-controller": [
    "get,list,update,watch core replicationcontrollers",
    "update core replicationcontrollers/status",
    "update core replicationcontrollers/finalizers",
    "create,delete,list,patch,watch core pods",
    EVENTS,
  ],
  "resource-claim-controller": [
    "read core pods",
    "update core pods/finalizers",
    "create,delete,get,list,watch resource.k8s.io resourceclaims",
    "patch,update resource.k8s.io resourceclaims,resourceclaims/status",
    "patch,update core pods/status",
    EVENTS,
    "patch,update resource.k8s.io resourceclaims/binding",
  ],
  "resourcequota-controller": ["list,watch * *", "update core resourcequotas/status", EVENTS],
  "root-ca-cert-publisher": ["create,update core configmaps", EVENTS],
  "route-controller": ["list,watch core nodes", "patch core nodes/status", EVENTS],
  "selinux-warning-controller": [
    EVENTS,
    "read core persistentvolumes",
    "read core persistentvolumeclaims",
    "read core pods",
    "read storage.k8s.io csidrivers",
  ],
  "service-account-controller": ["create core serviceaccounts", EVENTS],
  "service-cidrs-controller": [
    "get,list,patch,update,watch networking.k8s.io servicecidrs",
    "patch,update networking.k8s.io servicecidrs/finalizers",
    "patch,update networking.k8s.io servicecidrs/status",
    "read networking.k8s.io ipaddresses",
    EVENTS,
  ],
  "service-controller": ["read core services", "patch,update core services/status", "list,watch core nodes", EVENTS],
  "statefulset-controller": [
    "list,watch core pods",
    "read apps statefulsets",
    "update apps statefulsets/status",
    "update apps statefulsets/finalizers",
    "create,delete,get,patch,update core pods",
    "create,delete,get,list,patch,update,watch apps controllerrevisions",
    "create,get,list,watch core persistentvolumeclaims",
    "delete,update core persistentvolumeclaims",
    "update core pods/finalizers",
    EVENTS,
  ],
  "ttl-after-finished-controller": ["delete,get,list,watch batch jobs", EVENTS],
  "ttl-controller": ["list,patch,update,watch core nodes", EVENTS],
  "validatingadmissionpolicy-status-controller": [
    "read admissionregistration.k8s.io validatingadmissionpolicies",
    "get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status",
    EVENTS,
  ],
  "volumeattributesclass-protection-controller": [
    "read core persistentvolumeclaims",
    "read core persistentvolumes",
    "get,list,update,watch storage.k8s.io volumeattributesclasses",
    EVENTS,
  ],
};

/** Roles that collect the rules of others by label, and how these are labelled. */
const aggregates: readonly { readonly name: "admin" | "edit" | "view"; readonly from: readonly string[] }[] = [
  { name: "view", from: ["system:aggregate-to-view"] },
  { name: "edit", from: ["system:aggregate-to-edit", "view"] },
  { name: "admin", from: ["edit", "system:aggregate-to-admin"] },
];

const clusterRoleBindings: Readonly<Record<string, readonly string[]>> = {
  "cluster-admin": [`Group ${MASTERS}`],
  "system:basic-user": ["Group system:authenticated"],
  "system:discovery": ["Group system:authenticated"],
  "system:kube-controller-manager": ["User system:kube-controller-manager"],
  "system:kube-dns": ["ServiceAccount kube-system/kube-dns"],
  "system:kube-scheduler": ["User system:kube-scheduler"],
  "system:lichen:device": ["Group system:nodes"],
  "system:lichen:enrollment": ["User system:lichen:enrollment"],
  "system:lichen:hub": ["User system:lichen:hub"],
  "system:monitoring": ["Group system:monitoring"],
  // Nodes are authorized by what their pods need, not by a role for all of them; see authz/node.ts.
  "system:node": [],
  "system:node-proxier": ["User system:kube-proxy"],
  "system:public-info-viewer": ["Group system:authenticated", "Group system:unauthenticated"],
  "system:service-account-issuer-discovery": ["Group system:serviceaccounts"],
  "system:volume-scheduler": ["User system:kube-scheduler"],
};

const roles: readonly { readonly namespace: string; readonly name: string; readonly rules: readonly string[] }[] = [
  { namespace: "kube-public", name: "system:controller:bootstrap-signer", rules: ["read core configmaps", "update core configmaps cluster-info", EVENTS] },
  { namespace: "kube-system", name: "extension-apiserver-authentication-reader", rules: ["read core configmaps extension-apiserver-authentication"] },
  { namespace: "kube-system", name: "system::leader-locking-kube-controller-manager", rules: ["watch core configmaps", "get,update core configmaps kube-controller-manager"] },
  { namespace: "kube-system", name: "system::leader-locking-kube-scheduler", rules: ["watch core configmaps", "get,update core configmaps kube-scheduler"] },
  { namespace: "kube-system", name: "system:controller:bootstrap-signer", rules: ["read core secrets"] },
  { namespace: "kube-system", name: "system:controller:cloud-provider", rules: ["create,get,list,watch core configmaps"] },
  { namespace: "kube-system", name: "system:controller:token-cleaner", rules: ["delete,get,list,watch core secrets", EVENTS] },
  // Join tokens are spent and device keys kept as Secrets.
  { namespace: "kube-system", name: "system:lichen:enrollment", rules: ["create,delete,get,update core secrets"] },
];

const roleBindings: readonly { readonly namespace: string; readonly name: string; readonly role: string; readonly subjects: readonly string[] }[] = [
  { namespace: "kube-public", name: "system:controller:bootstrap-signer", role: "system:controller:bootstrap-signer", subjects: ["ServiceAccount kube-system/bootstrap-signer"] },
  {
    namespace: "kube-system",
    name: "system::extension-apiserver-authentication-reader",
    role: "extension-apiserver-authentication-reader",
    subjects: ["User system:kube-controller-manager", "User system:kube-scheduler"],
  },
  {
    namespace: "kube-system",
    name: "system::leader-locking-kube-controller-manager",
    role: "system::leader-locking-kube-controller-manager",
    subjects: ["User system:kube-controller-manager", "ServiceAccount kube-system/kube-controller-manager"],
  },
  {
    namespace: "kube-system",
    name: "system::leader-locking-kube-scheduler",
    role: "system::leader-locking-kube-scheduler",
    subjects: ["User system:kube-scheduler", "ServiceAccount kube-system/kube-scheduler"],
  },
  { namespace: "kube-system", name: "system:controller:bootstrap-signer", role: "system:controller:bootstrap-signer", subjects: ["ServiceAccount kube-system/bootstrap-signer"] },
  { namespace: "kube-system", name: "system:controller:cloud-provider", role: "system:controller:cloud-provider", subjects: ["ServiceAccount kube-system/cloud-provider"] },
  { namespace: "kube-system", name: "system:controller:token-cleaner", role: "system:controller:token-cleaner", subjects: ["ServiceAccount kube-system/token-cleaner"] },
  { namespace: "kube-system", name: "system:lichen:enrollment", role: "system:lichen:enrollment", subjects: ["User system:lichen:enrollment"] },
];

export interface DefaultRbac {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

/** All of them as objects, ready to be created where they are missing. Aggregated roles carry the rules they collect. */
export function defaultRbac(): DefaultRbac {
  const found = new Map<string, ClusterRole>();
  const add = (name: string, lines: readonly string[]) =>
    found.set(name, { apiVersion, kind: "ClusterRole", metadata: metadata(name, collectedBy(name)), rules: lines.map(ruleOf) });
  for (const [name, lines] of Object.entries(clusterRoles)) add(name, lines);
  for (const [name, lines] of Object.entries(controllers)) add(controllerRole(name), lines);
  for (const { name, from } of aggregates) {
    found.set(name, {
      apiVersion,
      kind: "ClusterRole",
      metadata: metadata(name, collectedBy(name)),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(name)]: "true" } }] },
      rules: from.flatMap((one) => found.get(one)?.rules ?? []),
    });
  }
  const bindings = {
    ...clusterRoleBindings,
    ...Object.fromEntries(Object.keys(controllers).map((name) => [controllerRole(name), [`ServiceAccount kube-system/${name}`]])),
  };
  return {
    clusterRoles: [...found.values()].toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1)),
    clusterRoleBindings: Object.entries(bindings).map(([name, subjects]) => ({
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: metadata(name),
      roleRef: { apiGroup, kind: "ClusterRole", name },
      ...(subjects.length === 0 ? {} : { subjects: subjects.map(subjectOf) }),
    })),
    roles: roles.map(({ namespace, name, rules }) => ({ apiVersion, kind: "Role", metadata: { ...metadata(name), namespace }, rules: rules.map(ruleOf) })),
    roleBindings: roleBindings.map(({ namespace, name, role, subjects }) => ({
      apiVersion,
      kind: "RoleBinding",
      metadata: { ...metadata(name), namespace },
      roleRef: { apiGroup, kind: "Role", name: role },
      subjects: subjects.map(subjectOf),
    })),
  };
}

const apiGroup = "rbac.authorization.k8s.io";
const apiVersion = `${apiGroup}/v1`;
const controllerRole = (name: string) => `system:controller:${name}`;
const aggregateLabel = (name: string) => `${apiGroup}/aggregate-to-${name}`;

function collectedBy(name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(aggregates.filter(({ from }) => from.includes(name)).map((aggregate) => [aggregateLabel(aggregate.name), "true"]));
}

function metadata(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    name,
    labels: { "kubernetes.io/bootstrapping": "rbac-defaults", ...labels },
    annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
  };
}
