/**
 * The resources of the Kubernetes 1.36 API that this server serves, as rows. Facts only: what a kind does beyond its
 * schema is in the hooks. The order is the order of discovery. Source: https://kubernetes.io/docs/reference/kubernetes-api/
 */
import type { Kind, Subresource, Verb } from "../kinds.ts";

/** A row before it is joined with its schema and hooks. */
export interface KindRow
  extends Pick<Kind, "group" | "version" | "kind" | "plural" | "singular" | "namespaced" | "shortNames" | "categories" | "verbs" | "subresources" | "storageVersion"> {
  /** group under whose keys the objects are stored, where it is not the row's own */
  readonly storageGroup?: string;
  /** OpenAPI model prefix: "io.k8s.api.core.v1" */
  readonly models: string;
}

interface Extra {
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs?: readonly Verb[];
  readonly subresources?: readonly Subresource[];
}

export const everyVerb: readonly Verb[] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const createOnly: Extra = { verbs: ["create"] };

const status: Subresource = { name: "status", verbs: ["get", "patch", "update"] };
const scale: Subresource = {
  name: "scale",
  verbs: ["get", "patch", "update"],
  kind: { group: "autoscaling", version: "v1", kind: "Scale" },
};
/** Discovery shows the HTTP verbs of a connection; authorization knows only these names, too. */
const stream = (name: string, kind: string): Subresource => ({
  name,
  verbs: ["create", "get"],
  kind: { group: "", version: "v1", kind },
});
const proxy = (kind: string): Subresource => ({
  name: "proxy",
  verbs: ["create", "delete", "get", "patch", "update"],
  kind: { group: "", version: "v1", kind },
});
const withStatus: Extra = { subresources: [status] };
const workload: Extra = { categories: ["all"], subresources: [scale, status] };
const extension: Extra = { categories: ["api-extensions"] };

const podSubresources: readonly Subresource[] = [
  stream("attach", "PodAttachOptions"),
  { name: "binding", verbs: ["create"], kind: { group: "", version: "v1", kind: "Binding" } },
  { name: "ephemeralcontainers", verbs: ["get", "patch", "update"] },
  { name: "eviction", verbs: ["create"], kind: { group: "policy", version: "v1", kind: "Eviction" } },
  stream("exec", "PodExecOptions"),
  { name: "log", verbs: ["get"] },
  stream("portforward", "PodPortForwardOptions"),
  proxy("PodProxyOptions"),
  { name: "resize", verbs: ["get", "patch", "update"] },
  status,
];

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly models: string;
  readonly storageVersion?: string;
  readonly storageGroup?: string;
}

export function rowsOf(of: GroupVersion) {
  const row = (namespaced: boolean) => (kind: string, plural: string, extra: Extra = {}): KindRow => ({
    group: of.group,
    version: of.version,
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced,
    shortNames: extra.short ?? [],
    categories: extra.categories ?? [],
    verbs: extra.verbs ?? everyVerb,
    subresources: extra.subresources ?? [],
    storageVersion: of.storageVersion ?? of.version,
    ...(of.storageGroup === undefined ? {} : { storageGroup: of.storageGroup }),
    models: of.models,
  });
  return { inNamespace: row(true), inCluster: row(false) };
}

const core = rowsOf({ group: "", version: "v1", models: "io.k8s.api.core.v1" });
const apiregistration = rowsOf({
  group: "apiregistration.k8s.io",
  version: "v1",
  models: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
});
const apps = rowsOf({ group: "apps", version: "v1", models: "io.k8s.api.apps.v1" });
/** Events of both groups are the same objects (KEP-383). */
const events = rowsOf({ group: "events.k8s.io", version: "v1", models: "io.k8s.api.events.v1", storageGroup: "" });
const authentication = rowsOf({ group: "authentication.k8s.io", version: "v1", models: "io.k8s.api.authentication.v1" });
const authorization = rowsOf({ group: "authorization.k8s.io", version: "v1", models: "io.k8s.api.authorization.v1" });
const autoscaling2 = rowsOf({ group: "autoscaling", version: "v2", models: "io.k8s.api.autoscaling.v2" });
const autoscaling1 = rowsOf({ group: "autoscaling", version: "v1", models: "io.k8s.api.autoscaling.v1", storageVersion: "v2" });
const batch = rowsOf({ group: "batch", version: "v1", models: "io.k8s.api.batch.v1" });
const certificates = rowsOf({ group: "certificates.k8s.io", version: "v1", models: "io.k8s.api.certificates.v1" });
const networking = rowsOf({ group: "networking.k8s.io", version: "v1", models: "io.k8s.api.networking.v1" });
const policy = rowsOf({ group: "policy", version: "v1", models: "io.k8s.api.policy.v1" });
const rbac = rowsOf({ group: "rbac.authorization.k8s.io", version: "v1", models: "io.k8s.api.rbac.v1" });
const storage = rowsOf({ group: "storage.k8s.io", version: "v1", models: "io.k8s.api.storage.v1" });
const admission = rowsOf({ group: "admissionregistration.k8s.io", version: "v1", models: "io.k8s.api.admissionregistration.v1" });
const apiextensions = rowsOf({
  group: "apiextensions.k8s.io",
  version: "v1",
  models: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
});
const scheduling = rowsOf({ group: "scheduling.k8s.io", version: "v1", models: "io.k8s.api.scheduling.v1" });
const coordination = rowsOf({ group: "coordination.k8s.io", version: "v1", models: "io.k8s.api.coordination.v1" });
const node = rowsOf({ group: "node.k8s.io", version: "v1", models: "io.k8s.api.node.v1" });
const discovery = rowsOf({ group: "discovery.k8s.io", version: "v1", models: "io.k8s.api.discovery.v1" });
const resource = rowsOf({ group: "resource.k8s.io", version: "v1", models: "io.k8s.api.resource.v1" });
const flowcontrol = rowsOf({ group: "flowcontrol.apiserver.k8s.io", version: "v1", models: "io.k8s.api.flowcontrol.v1" });

export const builtInRows: readonly KindRow[] = [
  core.inNamespace("Binding", "bindings", createOnly),
  core.inCluster("ComponentStatus", "componentstatuses", { short: ["cs"], verbs: ["get", "list"] }),
  core.inNamespace("ConfigMap", "configmaps", { short: ["cm"] }),
  core.inNamespace("Endpoints", "endpoints", { short: ["ep"] }),
  core.inNamespace("Event", "events", { short: ["ev"] }),
  core.inNamespace("LimitRange", "limitranges", { short: ["limits"] }),
  core.inCluster("Namespace", "namespaces", {
    short: ["ns"],
    verbs: everyVerb.filter((verb) => verb !== "deletecollection"),
    subresources: [{ name: "finalize", verbs: ["update"] }, status],
  }),
  core.inCluster("Node", "nodes", { short: ["no"], subresources: [proxy("NodeProxyOptions"), status] }),
  core.inNamespace("PersistentVolumeClaim", "persistentvolumeclaims", { short: ["pvc"], ...withStatus }),
  core.inCluster("PersistentVolume", "persistentvolumes", { short: ["pv"], ...withStatus }),
  core.inNamespace("Pod", "pods", { short: ["po"], categories: ["all"], subresources: podSubresources }),
  core.inNamespace("PodTemplate", "podtemplates"),
  core.inNamespace("ReplicationController", "replicationcontrollers", { short: ["rc"], ...workload }),
  core.inNamespace("ResourceQuota", "resourcequotas", { short: ["quota"], ...withStatus }),
  core.inNamespace("Secret", "secrets"),
  core.inNamespace("ServiceAccount", "serviceaccounts", {
    short: ["sa"],
    subresources: [
      { name: "token", verbs: ["create"], kind: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" } },
    ],
  }),
  core.inNamespace("Service", "services", {
    short: ["svc"],
    categories: ["all"],
    subresources: [proxy("ServiceProxyOptions"), status],
  }),
  apiregistration.inCluster("APIService", "apiservices", { ...extension, ...withStatus }),
  apps.inNamespace("ControllerRevision", "controllerrevisions"),
  apps.inNamespace("DaemonSet", "daemonsets", { short: ["ds"], categories: ["all"], ...withStatus }),
  apps.inNamespace("Deployment", "deployments", { short: ["deploy"], ...workload }),
  apps.inNamespace("ReplicaSet", "replicasets", { short: ["rs"], ...workload }),
  apps.inNamespace("StatefulSet", "statefulsets", { short: ["sts"], ...workload }),
  events.inNamespace("Event", "events", { short: ["ev"] }),
  authentication.inCluster("SelfSubjectReview", "selfsubjectreviews", createOnly),
  authentication.inCluster("TokenReview", "tokenreviews", createOnly),
  authorization.inNamespace("LocalSubjectAccessReview", "localsubjectaccessreviews", createOnly),
  authorization.inCluster("SelfSubjectAccessReview", "selfsubjectaccessreviews", createOnly),
  authorization.inCluster("SelfSubjectRulesReview", "selfsubjectrulesreviews", createOnly),
  authorization.inCluster("SubjectAccessReview", "subjectaccessreviews", createOnly),
  autoscaling2.inNamespace("HorizontalPodAutoscaler", "horizontalpodautoscalers", { short: ["hpa"], categories: ["all"], ...withStatus }),
  autoscaling1.inNamespace("HorizontalPodAutoscaler", "horizontalpodautoscalers", { short: ["hpa"], categories: ["all"], ...withStatus }),
  batch.inNamespace("CronJob", "cronjobs", { short: ["cj"], categories: ["all"], ...withStatus }),
  batch.inNamespace("Job", "jobs", { categories: ["all"], ...withStatus }),
  certificates.inCluster("CertificateSigningRequest", "certificatesigningrequests", {
    short: ["csr"],
    subresources: [{ name: "approval", verbs: ["get", "patch", "update"] }, status],
  }),
  networking.inCluster("IngressClass", "ingressclasses"),
  networking.inNamespace("Ingress", "ingresses", { short: ["ing"], ...withStatus }),
  networking.inCluster("IPAddress", "ipaddresses", { short: ["ip"] }),
  networking.inNamespace("NetworkPolicy", "networkpolicies", { short: ["netpol"] }),
  networking.inCluster("ServiceCIDR", "servicecidrs", withStatus),
  policy.inNamespace("PodDisruptionBudget", "poddisruptionbudgets", { short: ["pdb"], ...withStatus }),
  rbac.inCluster("ClusterRoleBinding", "clusterrolebindings"),
  rbac.inCluster("ClusterRole", "clusterroles"),
  rbac.inNamespace("RoleBinding", "rolebindings"),
  rbac.inNamespace("Role", "roles"),
  storage.inCluster("CSIDriver", "csidrivers"),
  storage.inCluster("CSINode", "csinodes"),
  storage.inNamespace("CSIStorageCapacity", "csistoragecapacities"),
  storage.inCluster("StorageClass", "storageclasses", { short: ["sc"] }),
  storage.inCluster("VolumeAttachment", "volumeattachments", withStatus),
  storage.inCluster("VolumeAttributesClass", "volumeattributesclasses", { short: ["vac"] }),
  admission.inCluster("MutatingAdmissionPolicy", "mutatingadmissionpolicies", extension),
  admission.inCluster("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", extension),
  admission.inCluster("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", extension),
  admission.inCluster("ValidatingAdmissionPolicy", "validatingadmissionpolicies", { ...extension, ...withStatus }),
  admission.inCluster("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", extension),
  admission.inCluster("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", extension),
  apiextensions.inCluster("CustomResourceDefinition", "customresourcedefinitions", { short: ["crd", "crds"], ...extension, ...withStatus }),
  scheduling.inCluster("PriorityClass", "priorityclasses", { short: ["pc"] }),
  coordination.inNamespace("Lease", "leases"),
  node.inCluster("RuntimeClass", "runtimeclasses"),
  discovery.inNamespace("EndpointSlice", "endpointslices"),
  resource.inCluster("DeviceClass", "deviceclasses"),
  resource.inNamespace("ResourceClaim", "resourceclaims", withStatus),
  resource.inNamespace("ResourceClaimTemplate", "resourceclaimtemplates"),
  resource.inCluster("ResourceSlice", "resourceslices"),
  flowcontrol.inCluster("FlowSchema", "flowschemas", withStatus),
  flowcontrol.inCluster("PriorityLevelConfiguration", "prioritylevelconfigurations", withStatus),
];
