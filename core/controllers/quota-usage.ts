/** What objects use of a ResourceQuota (Kubernetes, "Resource Quotas"). Pure. */
import { podLimits, podRequests } from "../api/pod-resources.ts";
import type { Quantity } from "../api/quantity.ts";
import { addQuantities, compareQuantities, parseQuantity } from "../api/quantity.ts";
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from "../api/types.gen.ts";
import { isFinished, isTerminating } from "./pod-state.ts";

/** Amounts by quota resource name: "pods", "requests.cpu", "count/deployments.apps". */
export type Usage = ReadonlyMap<string, Quantity>;

const one = parseQuantity("1");
const zero = parseQuantity("0");
type Amounts = { readonly [name: string]: string };

export function sum(usages: Iterable<Usage>): Usage {
  const total = new Map<string, Quantity>();
  for (const usage of usages) for (const [name, amount] of usage) total.set(name, addQuantities(total.get(name) ?? zero, amount));
  return total;
}

export function podUsage(pod: Pod): Usage {
  const usage = new Map<string, Quantity>([["count/pods", one]]);
  if (isFinished(pod)) return usage;
  usage.set("pods", one);
  for (const [name, amount] of podRequests(pod)) {
    usage.set(`requests.${name}`, amount);
    if (name === "cpu" || name === "memory" || name === "ephemeral-storage") usage.set(name, amount);
    if (name.startsWith("hugepages-")) usage.set(name, amount);
  }
  for (const [name, amount] of podLimits(pod)) usage.set(`limits.${name}`, amount);
  return usage;
}

export function serviceUsage({ spec }: Service): Usage {
  const usage = new Map<string, Quantity>([["services", one], ["count/services", one]]);
  const ports = parseQuantity(String(spec?.ports?.length ?? 0));
  if (spec?.type === "NodePort") usage.set("services.nodeports", ports);
  if (spec?.type === "LoadBalancer") {
    usage.set("services.loadbalancers", one);
    if (spec.allocateLoadBalancerNodePorts !== false) usage.set("services.nodeports", ports);
  }
  return usage;
}

export function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Usage {
  const asked = parseQuantity(spec?.resources?.requests?.["storage"] ?? "0");
  const given = parseQuantity((status?.allocatedResources as Amounts | undefined)?.["storage"] ?? "0");
  const storage = compareQuantities(given, asked) > 0 ? given : asked;
  const usage = new Map<string, Quantity>([["persistentvolumeclaims", one], ["count/persistentvolumeclaims", one], ["requests.storage", storage]]);
  const storageClass = metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "";
  if (storageClass !== "") {
    usage.set(`${storageClass}.storageclass.storage.k8s.io/persistentvolumeclaims`, one);
    usage.set(`${storageClass}.storageclass.storage.k8s.io/requests.storage`, storage);
  }
  return usage;
}

/** Whether the quota's scopes take the pod in. */
export function inScope({ spec }: ResourceQuota, pod: Pod): boolean {
  const terminating = pod.spec?.activeDeadlineSeconds !== undefined;
  const bestEffort = (pod.status?.qosClass ?? qosOf(pod)) === "BestEffort";
  const affinity = [...(pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...(pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])];
  const crosses = affinity.some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined);
  const priority = pod.spec?.priorityClassName ?? "";
  const holds = (scope: string, operator = "Exists", values: readonly string[] = []): boolean => {
    switch (scope) {
      case "Terminating":
        return terminating;
      case "NotTerminating":
        return !terminating;
      case "BestEffort":
        return bestEffort;
      case "NotBestEffort":
        return !bestEffort;
      case "CrossNamespacePodAffinity":
        return crosses;
      case "PriorityClass":
        if (operator === "In") return values.includes(priority);
        if (operator === "NotIn") return !values.includes(priority);
        return (operator === "DoesNotExist") === (priority === "");
      default:
        return false;
    }
  };
  return (
    (spec?.scopes ?? []).every((scope) => holds(scope)) &&
    (spec?.scopeSelector?.matchExpressions ?? []).every(({ scopeName, operator, values }) => holds(scopeName, operator, values))
  );
}

function qosOf({ spec }: Pod): string {
  const named = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) =>
    [...Object.keys(resources?.requests ?? {}), ...Object.keys(resources?.limits ?? {})].some((name) => name === "cpu" || name === "memory"),
  );
  return named ? "Burstable" : "BestEffort";
}

/** A pod whose node does not answer stops counting when its grace period is over. */
export function stillCounts(pod: Pod, now: number): boolean {
  if (!isTerminating(pod) || pod.metadata.deletionGracePeriodSeconds === undefined) return true;
  return Date.parse(pod.metadata.deletionTimestamp ?? "") > now;
}
