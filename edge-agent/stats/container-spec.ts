/** What a container may use by its spec, in the kernel's units, for the pages that show use beside limits. */
import type { Pod } from "../../core/api/types.gen.ts";
import { MIN_SHARES } from "../runtimes/containerd/cgroup-values.ts";
import { containerResources } from "../runtimes/containerd/resources.ts";

export interface ContainerSpec {
  /** microseconds per period of 100 ms; undefined: no limit */
  readonly cpuQuota?: number | undefined;
  readonly cpuShares: number;
  /** bytes; undefined: no limit */
  readonly memoryLimit?: number | undefined;
}

/** Ranks victims of the kernel; nothing here shows it. */
const ANY_MEMORY = 1;

export function containerSpec(pod: Pod | undefined, name: string): ContainerSpec {
  const container = [...(pod?.spec?.initContainers ?? []), ...(pod?.spec?.containers ?? [])].find((each) => each.name === name);
  if (pod === undefined || container === undefined) return { cpuShares: MIN_SHARES };
  const { cpu_quota, cpu_shares = MIN_SHARES, memory_limit_in_bytes } = containerResources(pod, container, ANY_MEMORY);
  return { cpuQuota: cpu_quota, cpuShares: cpu_shares, memoryLimit: memory_limit_in_bytes };
}
