/** The behaviour of the built-in kinds, by group and kind; a kind that is not here has none beyond its schema. */
import type { HooksByKind } from "./built-in.ts";
import { mutatingPolicyBindingHooks, mutatingPolicyHooks, validatingPolicyBindingHooks, validatingPolicyHooks } from "./admission-policy.ts";
import { apiServiceHooks } from "./api-service.ts";
import { certificateSigningRequestHooks } from "./certificate-signing-request.ts";
import { componentStatusHooks } from "./component-status.ts";
import { configMapHooks } from "./config-map.ts";
import { controllerRevisionHooks } from "./controller-revision.ts";
import { cronJobHooks } from "./cron-job.ts";
import { csiDriverHooks, csiNodeHooks, csiStorageCapacityHooks } from "./csi.ts";
import { daemonSetHooks } from "./daemon-set.ts";
import { deploymentHooks } from "./deployment.ts";
import { deviceClassHooks } from "./device-class.ts";
import { endpointSliceHooks } from "./endpoint-slice.ts";
import { endpointsHooks } from "./endpoints.ts";
import { eventHooks, eventV1Hooks } from "./event.ts";
import { flowSchemaHooks, priorityLevelHooks } from "./flow-control.ts";
import { horizontalPodAutoscalerHooks, horizontalPodAutoscalerV1Hooks } from "./horizontal-pod-autoscaler.ts";
import { ingressClassHooks } from "./ingress-class.ts";
import { ingressHooks } from "./ingress.ts";
import { jobHooks } from "./job.ts";
import { leaseHooks } from "./lease.ts";
import { limitRangeHooks } from "./limit-range.ts";
import { namespaceHooks } from "./namespace.ts";
import { networkPolicyHooks } from "./network-policy.ts";
import { nodeHooks } from "./node.ts";
import { persistentVolumeClaimHooks } from "./persistent-volume-claim.ts";
import { persistentVolumeHooks } from "./persistent-volume.ts";
import { podDisruptionBudgetHooks } from "./pod-disruption-budget.ts";
import { podTemplateHooks } from "./pod-template.ts";
import { podHooks } from "./pod.ts";
import { priorityClassHooks } from "./priority-class.ts";
import { clusterRoleBindingHooks, clusterRoleHooks, roleBindingHooks, roleHooks } from "./rbac.ts";
import { replicaSetHooks } from "./replica-set.ts";
import { replicationControllerHooks } from "./replication-controller.ts";
import { resourceClaimHooks, resourceClaimTemplateHooks } from "./resource-claim.ts";
import { resourceQuotaHooks } from "./resource-quota.ts";
import { resourceSliceHooks } from "./resource-slice.ts";
import { runtimeClassHooks } from "./runtime-class.ts";
import { secretHooks } from "./secret.ts";
import { serviceAccountHooks } from "./service-account.ts";
import { ipAddressHooks, serviceCidrHooks } from "./service-addresses.ts";
import { serviceHooks } from "./service.ts";
import { statefulSetHooks } from "./stateful-set.ts";
import { storageClassHooks, volumeAttributesClassHooks } from "./storage-class.ts";
import { volumeAttachmentHooks } from "./volume-attachment.ts";
import { mutatingWebhookHooks, validatingWebhookHooks } from "./webhook-configuration.ts";

export const builtInHooks: HooksByKind = {
  "/ComponentStatus": componentStatusHooks,
  "/ConfigMap": configMapHooks,
  "/Endpoints": endpointsHooks,
  "/Event": eventHooks,
  "/LimitRange": limitRangeHooks,
  "/Namespace": namespaceHooks,
  "/Node": nodeHooks,
  "/PersistentVolume": persistentVolumeHooks,
  "/PersistentVolumeClaim": persistentVolumeClaimHooks,
  "/Pod": podHooks,
  "/PodTemplate": podTemplateHooks,
  "/ReplicationController": replicationControllerHooks,
  "/ResourceQuota": resourceQuotaHooks,
  "/Secret": secretHooks,
  "/Service": serviceHooks,
  "/ServiceAccount": serviceAccountHooks,
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": mutatingPolicyHooks,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": mutatingPolicyBindingHooks,
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": mutatingWebhookHooks,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": validatingPolicyHooks,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": validatingPolicyBindingHooks,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": validatingWebhookHooks,
  "apiregistration.k8s.io/APIService": apiServiceHooks,
  "apps/ControllerRevision": controllerRevisionHooks,
  "apps/DaemonSet": daemonSetHooks,
  "apps/Deployment": deploymentHooks,
  "apps/ReplicaSet": replicaSetHooks,
  "apps/StatefulSet": statefulSetHooks,
  "autoscaling/v1/HorizontalPodAutoscaler": horizontalPodAutoscalerV1Hooks,
  "autoscaling/v2/HorizontalPodAutoscaler": horizontalPodAutoscalerHooks,
  "batch/CronJob": cronJobHooks,
  "batch/Job": jobHooks,
  "certificates.k8s.io/CertificateSigningRequest": certificateSigningRequestHooks,
  "coordination.k8s.io/Lease": leaseHooks,
  "discovery.k8s.io/EndpointSlice": endpointSliceHooks,
  "events.k8s.io/Event": eventV1Hooks,
  "flowcontrol.apiserver.k8s.io/FlowSchema": flowSchemaHooks,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": priorityLevelHooks,
  "networking.k8s.io/IPAddress": ipAddressHooks,
  "networking.k8s.io/Ingress": ingressHooks,
  "networking.k8s.io/IngressClass": ingressClassHooks,
  "networking.k8s.io/NetworkPolicy": networkPolicyHooks,
  "networking.k8s.io/ServiceCIDR": serviceCidrHooks,
  "node.k8s.io/RuntimeClass": runtimeClassHooks,
  "policy/PodDisruptionBudget": podDisruptionBudgetHooks,
  "rbac.authorization.k8s.io/ClusterRole": clusterRoleHooks,
  "rbac.authorization.k8s.io/ClusterRoleBinding": clusterRoleBindingHooks,
  "rbac.authorization.k8s.io/Role": roleHooks,
  "rbac.authorization.k8s.io/RoleBinding": roleBindingHooks,
  "resource.k8s.io/DeviceClass": deviceClassHooks,
  "resource.k8s.io/ResourceClaim": resourceClaimHooks,
  "resource.k8s.io/ResourceClaimTemplate": resourceClaimTemplateHooks,
  "resource.k8s.io/ResourceSlice": resourceSliceHooks,
  "scheduling.k8s.io/PriorityClass": priorityClassHooks,
  "storage.k8s.io/CSIDriver": csiDriverHooks,
  "storage.k8s.io/CSINode": csiNodeHooks,
  "storage.k8s.io/CSIStorageCapacity": csiStorageCapacityHooks,
  "storage.k8s.io/StorageClass": storageClassHooks,
  "storage.k8s.io/VolumeAttachment": volumeAttachmentHooks,
  "storage.k8s.io/VolumeAttributesClass": volumeAttributesClassHooks,
};
