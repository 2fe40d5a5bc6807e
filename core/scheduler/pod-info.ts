/** What the scheduler keeps of each pod: numbers and names that are computed once, when the pod is first seen. */
import type { Labels } from "../api/selector.ts";
import type { Pod } from "../api/types.gen.ts";
import type { Amounts, ResourceSlots } from "./resources.ts";

export interface HostPort {
  /** "protocol/port" */
  readonly key: string;
  readonly address: string;
}

export interface PodInfo {
  /** the newest version of it that was seen */
  pod: Pod;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly priority: number;
  readonly requests: Amounts;
  readonly hostPorts: readonly HostPort[];
  readonly terminating: boolean;
}

const none: readonly HostPort[] = [];

export function podInfo(pod: Pod, slots: ResourceSlots): PodInfo {
  return {
    pod,
    uid: pod.metadata.uid ?? "",
    namespace: pod.metadata.namespace ?? "",
    name: pod.metadata.name ?? "",
    labels: pod.metadata.labels ?? {},
    priority: pod.spec?.priority ?? 0,
    requests: slots.needs(pod),
    hostPorts: hostPortsOf(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
  };
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always")];
  const ports = containers.flatMap((container) => container.ports ?? []).filter((port) => (port.hostPort ?? 0) > 0);
  if (ports.length === 0) return none;
  return ports.map((port) => ({ key: `${port.protocol ?? "TCP"}/${port.hostPort}`, address: port.hostIP || "0.0.0.0" }));
}
