/**
 * What a fresh cluster contains before anybody did anything: the namespaces, priority classes and roles that Kubernetes
 * makes, lichen's runtime classes, and the service under which pods find the API.
 */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  FLOW_SCHEMAS,
  NAMESPACES,
  PRIORITY_CLASSES,
  PRIORITY_LEVEL_CONFIGURATIONS,
  ROLE_BINDINGS,
  ROLES,
  RUNTIME_CLASSES,
  SERVICE_CIDRS,
} from "../api/resources.gen.ts";
import { defaultRbac } from "../auth/default-rbac.ts";
import { flowSchemas, priorityLevels } from "./flow-control.ts";

export interface BootstrapObject {
  readonly resource: Resource<KubeObject>;
  readonly object: KubeObject;
}

export interface BootstrapFacts {
  /** PEM of the cluster CA */
  readonly caCertificate: string;
  /** PEM of the CA of request-header proxies */
  readonly requestHeaderCa: string;
  readonly serviceCidr: string;
}

/** In the order in which they have to be made. */
export function bootstrapObjects({ caCertificate, requestHeaderCa, serviceCidr }: BootstrapFacts): readonly BootstrapObject[] {
  const rbac = defaultRbac();
  return [
    ...all(NAMESPACES, ["default", "kube-system", "kube-public", "kube-node-lease"].map(namespace)),
    ...all(CLUSTER_ROLES, rbac.clusterRoles),
    ...all(CLUSTER_ROLE_BINDINGS, rbac.clusterRoleBindings),
    ...all(ROLES, rbac.roles),
    ...all(ROLE_BINDINGS, rbac.roleBindings),
    ...all(PRIORITY_CLASSES, [
      priorityClass("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current node."),
      priorityClass("system-cluster-critical", 2_000_000_000, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
    ]),
    ...all(RUNTIME_CLASSES, ["containerd", "wasi", "any"].map(runtimeClass)),
    ...all(SERVICE_CIDRS, [
      { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" }, spec: { cidrs: [serviceCidr] } } as KubeObject,
    ]),
    ...all(PRIORITY_LEVEL_CONFIGURATIONS, priorityLevels),
    ...all(FLOW_SCHEMAS, flowSchemas),
    ...all(CONFIG_MAPS, [
      configMap("extension-apiserver-authentication", {
        "client-ca-file": caCertificate,
        "requestheader-allowed-names": '["front-proxy-client"]',
        "requestheader-client-ca-file": requestHeaderCa,
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-username-headers": '["X-Remote-User"]',
      }),
    ]),
  ];
}

const all = (resource: Resource<KubeObject>, objects: readonly KubeObject[]): readonly BootstrapObject[] => objects.map((object) => ({ resource, object }));

function namespace(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function priorityClass(name: string, value: number, description: string): KubeObject {
  const object = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value, description };
  return object;
}

/** Decision 22: `containerd` pins the image, `wasi` the component, `any` lets scheduler and device choose. */
function runtimeClass(name: string): KubeObject {
  const object = { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler: name };
  return object;
}

function configMap(name: string, data: { readonly [key: string]: string }): KubeObject {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "kube-system", name }, data };
  return object;
}
