/** Requests and limits as cgroup numbers, with kubelet's formulas (Kubernetes documentation, "Resource Management"). */
import type { Container, Pod } from "../../../core/api/types.gen.ts";
import { qosClass } from "../../qos.ts";
import { milli, whole } from "../../quantity.ts";
import type { M } from "./messages.ts";

const CPU_PERIOD_US = 100_000;
/** kernel minimum of cpu.cfs_quota_us */
const MIN_QUOTA_US = 1_000;
const MIN_SHARES = 2;
const OOM_GUARANTEED = -997;
const OOM_BEST_EFFORT = 1000;

/** `memoryBytes`: of the device */
export function containerResources(pod: Pod, container: Container, memoryBytes: number): M<"LinuxContainerResources"> {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpuLimit = limits["cpu"];
  const cpuRequest = requests["cpu"] ?? cpuLimit;
  const memoryLimit = limits["memory"];
  return {
    cpu_shares: cpuRequest === undefined ? MIN_SHARES : Math.max(MIN_SHARES, Math.floor((milli(cpuRequest) * 1024) / 1000)),
    ...(cpuLimit === undefined || milli(cpuLimit) === 0
      ? {}
      : { cpu_period: CPU_PERIOD_US, cpu_quota: Math.max(MIN_QUOTA_US, (milli(cpuLimit) * CPU_PERIOD_US) / 1000) }),
    ...(memoryLimit === undefined ? {} : { memory_limit_in_bytes: whole(memoryLimit) }),
    oom_score_adj: oomScoreAdjustment(pod, container, memoryBytes),
  };
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
