/** The behaviour of the built-in kinds, by group and kind; a kind that is not here has none beyond its schema. */
import type { HooksByKind } from "./built-in.ts";
import { configMapHooks } from "./config-map.ts";
import { controllerRevisionHooks } from "./controller-revision.ts";
import { cronJobHooks } from "./cron-job.ts";
import { daemonSetHooks } from "./daemon-set.ts";
import { deploymentHooks } from "./deployment.ts";
import { eventHooks, eventV1Hooks } from "./event.ts";
import { horizontalPodAutoscalerHooks, horizontalPodAutoscalerV1Hooks } from "./horizontal-pod-autoscaler.ts";
import { jobHooks } from "./job.ts";
import { leaseHooks } from "./lease.ts";
import { limitRangeHooks } from "./limit-range.ts";
import { namespaceHooks } from "./namespace.ts";
import { nodeHooks } from "./node.ts";
import { podDisruptionBudgetHooks } from "./pod-disruption-budget.ts";
import { podHooks } from "./pod.ts";
import { podTemplateHooks } from "./pod-template.ts";
import { priorityClassHooks } from "./priority-class.ts";
import { clusterRoleBindingHooks, clusterRoleHooks, roleBindingHooks, roleHooks } from "./rbac.ts";
import { replicaSetHooks } from "./replica-set.ts";
import { replicationControllerHooks } from "./replication-controller.ts";
import { resourceQuotaHooks } from "./resource-quota.ts";
import { runtimeClassHooks } from "./runtime-class.ts";
import { secretHooks } from "./secret.ts";
import { serviceAccountHooks } from "./service-account.ts";
import { serviceHooks } from "./service.ts";
import { statefulSetHooks } from "./stateful-set.ts";

export const builtInHooks: HooksByKind = {
  "/ConfigMap": configMapHooks,
  "/Event": eventHooks,
  "/LimitRange": limitRangeHooks,
  "/Namespace": namespaceHooks,
  "/Node": nodeHooks,
  "/Pod": podHooks,
  "/PodTemplate": podTemplateHooks,
  "/ReplicationController": replicationControllerHooks,
  "/ResourceQuota": resourceQuotaHooks,
  "/Secret": secretHooks,
  "/Service": serviceHooks,
  "/ServiceAccount": serviceAccountHooks,
  "apps/ControllerRevision": controllerRevisionHooks,
  "apps/DaemonSet": daemonSetHooks,
  "apps/Deployment": deploymentHooks,
  "apps/ReplicaSet": replicaSetHooks,
  "apps/StatefulSet": statefulSetHooks,
  "autoscaling/v1/HorizontalPodAutoscaler": horizontalPodAutoscalerV1Hooks,
  "autoscaling/v2/HorizontalPodAutoscaler": horizontalPodAutoscalerHooks,
  "batch/CronJob": cronJobHooks,
  "batch/Job": jobHooks,
  "coordination.k8s.io/Lease": leaseHooks,
  "events.k8s.io/Event": eventV1Hooks,
  "node.k8s.io/RuntimeClass": runtimeClassHooks,
  "policy/PodDisruptionBudget": podDisruptionBudgetHooks,
  "rbac.authorization.k8s.io/ClusterRole": clusterRoleHooks,
  "rbac.authorization.k8s.io/ClusterRoleBinding": clusterRoleBindingHooks,
  "rbac.authorization.k8s.io/Role": roleHooks,
  "rbac.authorization.k8s.io/RoleBinding": roleBindingHooks,
  "scheduling.k8s.io/PriorityClass": priorityClassHooks,
};
