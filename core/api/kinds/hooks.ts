/** The behaviour of the built-in kinds, by group and kind; a kind that is not here has none beyond its schema. */
import type { HooksByKind } from "./built-in.ts";
import { namespaceHooks } from "./namespace.ts";
import { nodeHooks } from "./node.ts";
import { podHooks } from "./pod.ts";
import { rbacHooks } from "./rbac.ts";
import { secretHooks } from "./secret.ts";
import { serviceHooks } from "./service.ts";
import { deploymentHooks, replicaSetHooks } from "./workloads.ts";

export const builtInHooks: HooksByKind = {
  "/Pod": podHooks,
  "/Namespace": namespaceHooks,
  "/Node": nodeHooks,
  "/Secret": secretHooks,
  "/Service": serviceHooks,
  "apps/Deployment": deploymentHooks,
  "apps/ReplicaSet": replicaSetHooks,
  "rbac.authorization.k8s.io/ClusterRole": rbacHooks,
  "rbac.authorization.k8s.io/ClusterRoleBinding": rbacHooks,
  "rbac.authorization.k8s.io/Role": rbacHooks,
  "rbac.authorization.k8s.io/RoleBinding": rbacHooks,
};
