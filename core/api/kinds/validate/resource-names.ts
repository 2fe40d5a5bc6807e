/** Names of resources: which are Kubernetes' own, which are a device's (documentation, "Extended resources"). */
import { qualifiedName } from "../../names.ts";
import { type Errors, check, invalid } from "./errors.ts";

const OF_CONTAINERS = new Set(["cpu", "memory", "ephemeral-storage"]);
const QUOTA_ONLY = [
  "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
  "storage", "requests.storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
];
const STANDARD = new Set([...OF_CONTAINERS, ...QUOTA_ONLY]);
const QUOTA = new Set([...OF_CONTAINERS, ...QUOTA_ONLY.filter((name) => name !== "storage")]);
const INTEGERS = new Set(["pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"]);
const KUBERNETES_PREFIX = "kubernetes.io/";
const REQUESTS = "requests.";

export const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
const isQuotaHugePages = (name: string): boolean => isHugePages(name) || name.startsWith("requests.hugepages-");
/** without a prefix, or with one of kubernetes.io */
export const isNative = (name: string): boolean => !name.includes("/") || name.includes(KUBERNETES_PREFIX);
export const isExtended = (name: string): boolean => !isNative(name) && !name.startsWith(REQUESTS) && qualifiedName(`${REQUESTS}${name}`).length === 0;
export const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);
export const isQuotaResource = (name: string): boolean => QUOTA.has(name) || isQuotaHugePages(name);
/** counted in whole things */
export const isWholeResource = (name: string): boolean => INTEGERS.has(name) || isExtended(name);

/** What every name of a resource has to follow. */
export function resourceName(errors: Errors, path: string, name: string): void {
  const before = errors.length;
  check(errors, path, name, qualifiedName);
  if (errors.length > before || name.includes("/")) return;
  if (!STANDARD.has(name) && !isQuotaHugePages(name)) {
    invalid(errors, path, name, "must be a standard resource type or fully qualified");
  }
}

export function containerResourceName(errors: Errors, path: string, name: string): void {
  if (OF_CONTAINERS.has(name)) return;
  resourceName(errors, path, name);
  if (!name.includes("/")) {
    if (!isHugePages(name)) invalid(errors, path, name, "must be a standard resource for containers");
  } else if (!isNative(name) && !isExtended(name)) {
    invalid(errors, path, name, "doesn't follow extended resource name standard");
  }
}

export function quotaResourceName(errors: Errors, path: string, name: string): void {
  resourceName(errors, path, name);
  if (!name.includes("/") && !QUOTA.has(name) && !isQuotaHugePages(name)) invalid(errors, path, name, "must be a standard resource for quota");
}

export function limitRangeResourceName(errors: Errors, path: string, name: string, type: string): void {
  if (type === "Pod" || type === "Container") containerResourceName(errors, path, name);
  else resourceName(errors, path, name);
}
