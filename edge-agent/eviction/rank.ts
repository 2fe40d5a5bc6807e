/**
 * Who goes first when a resource runs out (Kubernetes documentation, "Pod selection for kubelet eviction"): those who use
 * more than they asked for, then those of lower priority, then those who exceed their request by more. Pods that the
 * cluster cannot do without are never chosen. Pure.
 */
import type { Pod } from "../../core/api/types.gen.ts";
import { podRequests } from "../pod-resources.ts";
import type { PodUsage } from "../runtimes/runtime.ts";
import type { StarvedResource } from "./pressure.ts";

export interface PodStanding {
  readonly pod: Pod;
  /** bytes, inodes or processes */
  readonly used: number;
  /** what it asked for of the same; 0 when nothing can be asked for */
  readonly requested: number;
  readonly containers: readonly ContainerStanding[];
}

export interface ContainerStanding {
  readonly name: string;
  readonly used: number;
  /** as it is written in the pod, "0" if it is not */
  readonly request: string;
  readonly over: boolean;
}

/** system-cluster-critical and above */
const CRITICAL_PRIORITY = 2_000_000_000;

/** Worst first. */
export function rank(standings: readonly PodStanding[]): readonly PodStanding[] {
  const excess = ({ used, requested }: PodStanding) => used - requested;
  return standings
    .filter(({ pod }) => !isCritical(pod))
    .toSorted((a, b) => Number(excess(b) > 0) - Number(excess(a) > 0) || (a.pod.spec?.priority ?? 0) - (b.pod.spec?.priority ?? 0) || excess(b) - excess(a));
}

/** Static pods and those of the highest priorities. */
export function isCritical(pod: Pod): boolean {
  const { annotations = {} } = pod.metadata;
  return annotations["kubernetes.io/config.source"] === "file" || annotations["kubernetes.io/config.mirror"] !== undefined || (pod.spec?.priority ?? 0) >= CRITICAL_PRIORITY;
}

export interface DiskOfPod {
  /** bytes of writable layer and logs by container */
  readonly containers: ReadonlyMap<string, number>;
  /** bytes of volumes that lie on the node's disk */
  readonly volumes: number;
}

export function standing(pod: Pod, usage: PodUsage | undefined, disk: DiskOfPod | undefined, resource: StarvedResource): PodStanding {
  const requests = podRequests(pod);
  const containersOf = (usedBy: (name: string) => number): ContainerStanding[] =>
    (pod.spec?.containers ?? []).map(({ name, resources }) => {
      const request = resources?.requests?.[resource] ?? "0";
      const used = usedBy(name);
      return { name, used, request, over: used > (podRequests({ ...pod, spec: { containers: [{ name, ...(resources === undefined ? {} : { resources }) }] } })[resource] ?? 0) };
    });
  switch (resource) {
    case "memory": {
      const of = (name: string) => usage?.containers.find((container) => container.name === name)?.workingSet ?? 0;
      return { pod, used: usage?.workingSet ?? 0, requested: requests["memory"] ?? 0, containers: containersOf(of) };
    }
    case "ephemeral-storage": {
      const of = (name: string) => disk?.containers.get(name) ?? 0;
      const used = [...(disk?.containers.values() ?? [])].reduce((sum, bytes) => sum + bytes, disk?.volumes ?? 0);
      return { pod, used, requested: requests["ephemeral-storage"] ?? 0, containers: containersOf(of) };
    }
    case "inodes":
      return { pod, used: usage?.containers.reduce((sum, { layerInodes = 0 }) => sum + layerInodes, 0) ?? 0, requested: 0, containers: [] };
    case "pids":
      return { pod, used: usage?.processes ?? 0, requested: 0, containers: [] };
  }
}
