/** Requests and limits as cgroup numbers, with kubelet's formulas (Kubernetes documentation, "Resource Management"). */
import type { Container, Pod } from "../../../core/api/types.gen.ts";
import { qosClass } from "../../qos.ts";
import { milli, whole } from "../../quantity.ts";
import { CPU_PERIOD_US, pageName, quotaOf, sharesOf, type CgroupVersion } from "./cgroup-values.ts";
import type { M } from "./messages.ts";
import { hugepages } from "./pod-cgroup.ts";

const OOM_GUARANTEED = -997;
const OOM_BEST_EFFORT = 1000;

/** `memoryBytes`: of the device */
export function containerResources(pod: Pod, container: Container, memoryBytes: number, version: CgroupVersion = "v1"): M<"LinuxContainerResources"> {
  const { requests = {}, limits = {} } = container.resources ?? {};
  // what a container leaves open is as wide as its pod (KEP-2837)
  const ofPod = pod.spec?.resources;
  const cpuLimit = limits["cpu"] ?? ofPod?.limits?.["cpu"];
  const cpuRequest = requests["cpu"] ?? limits["cpu"] ?? ofPod?.requests?.["cpu"] ?? cpuLimit;
  const memoryLimit = limits["memory"] ?? ofPod?.limits?.["memory"];
  const quota = cpuLimit === undefined ? undefined : quotaOf(milli(cpuLimit) / 1000);
  const huge = hugepages(Object.fromEntries(Object.entries(limits).map(([name, text]) => [name, whole(text)])));
  return {
    cpu_shares: sharesOf(cpuRequest === undefined ? 0 : milli(cpuRequest) / 1000),
    ...(quota === undefined ? {} : { cpu_period: CPU_PERIOD_US, cpu_quota: quota }),
    ...(memoryLimit === undefined ? {} : { memory_limit_in_bytes: whole(memoryLimit) }),
    oom_score_adj: oomScoreAdjustment(pod, container, memoryBytes),
    hugepage_limits: Object.entries(huge).map(([size, bytes]) => ({ page_size: pageName(Number(size)), limit: bytes })),
    // a container that is out of memory ends as a whole instead of losing one process that others wait for
    ...(version === "v2" ? { unified: { "memory.oom.group": "1" } } : {}),
  };
}

/**
 * The same for a container that runs: what was limited before and is not any more has to be said (-1), and the rest
 * (OOM score, huge pages) cannot change.
 */
export function resizedResources(pod: Pod, container: Container, memoryBytes: number): M<"LinuxContainerResources"> {
  const { cpu_shares, cpu_quota = -1, memory_limit_in_bytes = -1, oom_score_adj } = containerResources(pod, container, memoryBytes);
  return { cpu_shares, cpu_period: CPU_PERIOD_US, cpu_quota, memory_limit_in_bytes, oom_score_adj };
}

/** What asked for less memory goes first when the device runs out. */
function oomScoreAdjustment(pod: Pod, container: Container, memoryBytes: number): number {
  const qos = qosClass(pod);
  if (qos === "Guaranteed") return OOM_GUARANTEED;
  if (qos === "BestEffort") return OOM_BEST_EFFORT;
  const request = container.resources?.requests?.["memory"] ?? container.resources?.limits?.["memory"];
  const share = 1000 - Math.floor((1000 * (request === undefined ? 0 : whole(request))) / memoryBytes);
  return Math.min(Math.max(share, 1000 + OOM_GUARANTEED), OOM_BEST_EFFORT - 1);
}
