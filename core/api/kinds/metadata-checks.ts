/**
 * How often Kubernetes checks the metadata of a kind. Every write is checked once by the machinery that all kinds share;
 * most kinds check again in rules of their own, and a mistake is named as often as it was found. A row says what the
 * kind's own rules repeat, where that is not the same as of most kinds.
 */

/** "birth": the checks of a new object, names and finalizers among them; "update": what an update may not change, and the labels */
export type MetadataCheck = "birth" | "update";

export interface MetadataChecks {
  /** false: a POST has only the shared checks, and those after the rules over spec found nothing */
  readonly create: boolean;
  readonly update: readonly MetadataCheck[];
  readonly status: readonly MetadataCheck[];
  /** finalizers without a domain must be those that Kubernetes knows */
  readonly standardFinalizers: boolean;
  /** generateName has to follow the rule of names, too */
  readonly prefix: boolean;
}

const usual: MetadataChecks = { create: true, update: ["update", "birth"], status: ["update"], standardFinalizers: true, prefix: true };
/** first as a new object, then as an update */
const birthFirst: MetadataChecks = { ...usual, update: ["birth", "update"] };
const birthOnly: MetadataChecks = { ...usual, update: ["birth"] };
const updateOnly: MetadataChecks = { ...usual, update: ["update"] };
const none: MetadataChecks = { ...usual, create: false, update: [], status: [], standardFinalizers: false };
const admission: MetadataChecks = { ...birthOnly, standardFinalizers: false };
const custom: MetadataChecks = { ...updateOnly, standardFinalizers: false };

const rows: { readonly [kind: string]: MetadataChecks } = {
  "/Event": none,
  "/LimitRange": birthOnly,
  "/Namespace": birthFirst,
  "/Node": birthFirst,
  "/PersistentVolume": { ...usual, update: ["birth", "birth"] },
  "/PodTemplate": updateOnly,
  "/ReplicationController": { ...updateOnly, prefix: false },
  "/ResourceQuota": updateOnly,
  "/Service": updateOnly,
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": admission,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": admission,
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": admission,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": admission,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": admission,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": admission,
  "apiregistration.k8s.io/APIService": { ...usual, standardFinalizers: false },
  "apps/DaemonSet": updateOnly,
  "apps/Deployment": updateOnly,
  "apps/ReplicaSet": updateOnly,
  "apps/StatefulSet": updateOnly,
  "autoscaling/HorizontalPodAutoscaler": updateOnly,
  "batch/CronJob": { ...updateOnly, status: [] },
  "batch/Job": birthFirst,
  "certificates.k8s.io/CertificateSigningRequest": { ...birthFirst, status: ["birth", "update"], prefix: false },
  "coordination.k8s.io/Lease": { ...updateOnly, standardFinalizers: false },
  "discovery.k8s.io/EndpointSlice": birthOnly,
  "events.k8s.io/Event": updateOnly,
  "flowcontrol.apiserver.k8s.io/FlowSchema": birthOnly,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": birthOnly,
  "networking.k8s.io/IPAddress": birthFirst,
  "networking.k8s.io/NetworkPolicy": updateOnly,
  "networking.k8s.io/ServiceCIDR": updateOnly,
  "node.k8s.io/RuntimeClass": { ...birthFirst, standardFinalizers: false },
  "policy/PodDisruptionBudget": none,
  "rbac.authorization.k8s.io/ClusterRole": birthFirst,
  "rbac.authorization.k8s.io/ClusterRoleBinding": birthFirst,
  "rbac.authorization.k8s.io/Role": birthFirst,
  "rbac.authorization.k8s.io/RoleBinding": birthFirst,
  "resource.k8s.io/DeviceClass": { ...birthFirst, prefix: false },
  "resource.k8s.io/ResourceClaimTemplate": birthFirst,
  "resource.k8s.io/ResourceSlice": updateOnly,
  "scheduling.k8s.io/PriorityClass": updateOnly,
  "storage.k8s.io/CSIDriver": updateOnly,
  "storage.k8s.io/CSINode": birthOnly,
  "storage.k8s.io/CSIStorageCapacity": birthFirst,
  "storage.k8s.io/StorageClass": birthFirst,
  "storage.k8s.io/VolumeAttachment": birthOnly,
};

/** `isCustom`: of a kind that a CustomResourceDefinition makes */
export function metadataChecksOf(group: string, kind: string, isCustom: boolean): MetadataChecks {
  return isCustom ? custom : (rows[`${group}/${kind}`] ?? usual);
}
