/** What a pod was granted and has as a whole (KEP-5419): sums over its containers, where it states nothing itself. */
import { podLimits, podRequests, type ResourceAmounts } from "../../core/api/pod-resources.ts";
import { formatQuantity } from "../../core/api/quantity.ts";
import type { Container, ContainerStatus, Pod, PodStatus, ResourceRequirements } from "../../core/api/types.gen.ts";
import { limitedResources } from "../pod-resources.ts";

/** Those that the pod's own cgroup is made of. */
const ENFORCED: ReadonlySet<string> = new Set(["cpu", "memory"]);

export function podResources(pod: Pod, statuses: readonly ContainerStatus[]): Pick<PodStatus, "allocatedResources" | "resources"> {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const granted = withResources(pod, ({ name, resources }) => ({ ...resources, requests: byName.get(name)?.allocatedResources ?? {} }));
  const actual = withResources(pod, ({ name, resources }) => byName.get(name)?.resources ?? resources ?? {});
  const allocated = texts(podRequests(granted));
  const requests = texts(podRequests(actual), (name) => ENFORCED.has(name));
  const limited = limitedResources(actual);
  const limits = texts(podLimits(actual), (name) => ENFORCED.has(name) && limited(name));
  return {
    ...(isEmpty(allocated) ? {} : { allocatedResources: allocated }),
    resources: { ...(isEmpty(limits) ? {} : { limits }), ...(isEmpty(requests) ? {} : { requests }) },
  };
}

function withResources(pod: Pod, resourcesOf: (container: Container) => ResourceRequirements): Pod {
  const each = (container: Container): Container => ({ ...container, resources: resourcesOf(container) });
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  return { ...pod, spec: { ...pod.spec, initContainers: initContainers.map(each), containers: containers.map(each) } };
}

function texts(amounts: ResourceAmounts, wanted: (resource: string) => boolean = () => true): { readonly [resource: string]: string } {
  return Object.fromEntries([...amounts].filter(([name]) => wanted(name)).map(([name, amount]) => [name, formatQuantity(amount)]));
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
