/** Which cgroup a pod lives in and what it is limited to there, with kubelet's rules (design "Pod level resource management"). */
import type { Pod } from "../../../core/api/types.gen.ts";
import { podLimits, podRequests, type Amounts } from "../../pod-resources.ts";
import { qosClass, type QosClass } from "../../qos.ts";
import { MIN_SHARES, quotaOf, sharesOf, type CgroupLimits } from "./cgroup-values.ts";

/** kubelet's cgroupfs layout: Guaranteed pods beside the two other classes. */
export function qosCgroup(root: string, qos: QosClass): string {
  return qos === "Guaranteed" ? root : `${root}/${qos.toLowerCase()}`;
}

export function podCgroup(root: string, pod: Pod): string {
  return `${qosCgroup(root, qosClass(pod))}/pod${pod.metadata.uid}`;
}

/** `pids`: processes that any pod may have */
export function podCgroupLimits(pod: Pod, pids: number | undefined): CgroupLimits {
  const requests = podRequests(pod);
  const limits = podLimits(pod);
  if (qosClass(pod) === "BestEffort") return { cpuShares: MIN_SHARES, pids };
  return {
    cpuShares: sharesOf(requests["cpu"] ?? 0),
    cpuQuota: limits["cpu"] === undefined ? undefined : quotaOf(limits["cpu"]),
    memory: limits["memory"] === undefined || limits["memory"] === 0 ? undefined : Math.ceil(limits["memory"]),
    pids,
    hugepages: hugepages(limits),
  };
}

/** "hugepages-2Mi" → bytes per page size; what a pod does not ask for it does not get (its limit is the kernel's, unset). */
export function hugepages(amounts: Amounts): { readonly [pageSize: number]: number } {
  const out: { [pageSize: number]: number } = {};
  for (const [resource, bytes] of Object.entries(amounts)) {
    const [, count, unit] = /^hugepages-(\d+)(Ki|Mi|Gi)$/.exec(resource) ?? [];
    if (count !== undefined) out[Number(count) * (unit === "Gi" ? 2 ** 30 : unit === "Mi" ? 2 ** 20 : 1024)] = bytes;
  }
  return out;
}
