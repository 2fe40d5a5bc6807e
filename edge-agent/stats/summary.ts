/**
 * The figures in kubelet's words (stats/summary, api stats.k8s.io/v1alpha1) and in the short form that the server's
 * metrics API asks for. Pure.
 */
import { timestamp } from "../../core/api/clock.ts";
import type { DeviceUsage } from "../../core/api/usage.ts";
import type { InterfaceUsage, RunningPod, Usage } from "../runtimes/runtime.ts";
import type { DiskUsage } from "./machine-usage.ts";
import type { GroupFigures } from "./group-figures.ts";
import type { Stall, Stalls, StallTimes } from "./pressure-stall.ts";
import type { Figures } from "./sampler.ts";
import type { VolumeUsage } from "./volume-usage.ts";

export interface SummaryInput {
  readonly nodeName: string;
  readonly figures: Figures;
  /** what the kernel counts for pods and containers, by uid and by id */
  readonly groups: ReadonlyMap<string, GroupFigures>;
  /** pods that run, by uid */
  readonly running: ReadonlyMap<string, RunningPod>;
  /** bytes of a container's logs, by "uid/container" */
  readonly logBytes: ReadonlyMap<string, number>;
  /** by uid of the pod */
  readonly volumes: ReadonlyMap<string, readonly VolumeUsage[]>;
  readonly images: { readonly disk: DiskUsage; readonly usedBytes: number; readonly usedInodes: number } | undefined;
  /** bytes that a pod may use; undefined: no limit */
  memoryLimit(uid: string, container?: string): number | undefined;
  readonly startedAt: number;
}

export function summary(input: SummaryInput): object {
  const { nodeName, figures, images } = input;
  const { machine } = figures;
  const time = timestamp(figures.at);
  return {
    node: {
      nodeName,
      systemContainers: [
        { name: "kubelet", startTime: timestamp(input.startedAt), ...usageOf(figures.agent, figures.rate("agent"), undefined) },
      ],
      startTime: timestamp(machine.bootedAt),
      ...usageOf(machine, figures.rate("machine"), machine.memoryTotal, machine.stalls),
      network: network(time, machine.interfaces),
      fs: disk(time, machine.disk, machine.disk.usedBytes),
      ...(images === undefined ? {} : { runtime: { imageFs: disk(time, images.disk, images.usedBytes, images.usedInodes), containerFs: disk(time, images.disk, images.usedBytes, images.usedInodes) } }),
      rlimit: { time, maxpid: machine.maxProcesses, curproc: machine.processes },
      swap: { time, swapAvailableBytes: machine.swapFree, swapUsageBytes: machine.swapTotal - machine.swapFree },
    },
    pods: figures.pods.flatMap((usage) => {
      const pod = input.running.get(usage.uid);
      if (pod === undefined) return [];
      // the runtime lists containers that have ended, too, without figures
      const containers = usage.containers.filter(({ id }) => pod.containers.some((each) => each.id === id && each.state === "running"));
      return containers.length === 0 ? [] : [podOf(input, pod, { ...usage, containers }, time)];
    }),
  };
}

function podOf({ figures, groups, volumes, logBytes, images, memoryLimit }: SummaryInput, pod: RunningPod, usage: Figures["pods"][number], time: string): object {
  const { uid, namespace, name } = pod;
  const room = images?.disk ?? figures.machine.disk;
  const containers = usage.containers.map((container) => {
    const logs = logBytes.get(`${uid}/${container.name}`) ?? 0;
    return {
      name: container.name,
      startTime: timestamp(pod.containers.find(({ id }) => id === container.id)?.startedAt ?? pod.createdAt),
      ...usageOf(container, figures.rate(container.id), memoryLimit(uid, container.name), groups.get(container.id)?.stalls),
      rootfs: disk(time, room, container.layerBytes ?? 0, container.layerInodes),
      logs: disk(time, figures.machine.disk, logs),
      swap: { time, swapUsageBytes: 0 },
    };
  });
  const bytes = usage.containers.reduce((sum, container) => sum + (container.layerBytes ?? 0) + (logBytes.get(`${uid}/${container.name}`) ?? 0), 0);
  return {
    podRef: { name, namespace, uid },
    startTime: timestamp(pod.createdAt),
    containers,
    ...usageOf(usage, figures.rate(uid), memoryLimit(uid), groups.get(uid)?.stalls),
    ...(usage.interfaces === undefined ? {} : { network: network(time, usage.interfaces) }),
    volume: (volumes.get(uid) ?? []).map((volume) => ({
      ...disk(time, volume.disk, volume.usedBytes),
      name: volume.name,
      ...(volume.claim === undefined ? {} : { pvcRef: { name: volume.claim, namespace } }),
    })),
    "ephemeral-storage": disk(time, figures.machine.disk, bytes),
    ...(usage.processes === undefined ? {} : { process_stats: { process_count: usage.processes } }),
    swap: { time, swapUsageBytes: 0 },
  };
}

export function deviceUsage(figures: Figures, running: ReadonlyMap<string, RunningPod>): DeviceUsage {
  return {
    at: figures.at,
    windowMs: figures.windowMs,
    node: { cpu: figures.rate("machine"), memory: figures.machine.workingSet },
    pods: figures.pods.flatMap(({ uid, containers }) => {
      const pod = running.get(uid);
      if (pod === undefined) return [];
      return [{ namespace: pod.namespace, name: pod.name, uid, containers: containers.map(({ id, name, workingSet }) => ({ name, cpu: figures.rate(id), memory: workingSet })) }];
    }),
  };
}

/** `io` is there only where the kernel tells how long it is waited for (KEP-4205). */
function usageOf(usage: Usage, rate: number | undefined, limit: number | undefined, stalls: Stalls = {}): object {
  return {
    cpu: { ...cpu(usage, rate), ...stall(stalls.cpu) },
    memory: { ...memory(usage, limit), ...stall(stalls.memory) },
    ...(stalls.io === undefined ? {} : { io: { time: timestamp(usage.at), ...stall(stalls.io) } }),
  };
}

function stall(of: Stall | undefined): object {
  return of === undefined ? {} : { psi: { full: of.full ?? NO_STALL, some: of.some } };
}

const NO_STALL: StallTimes = { total: 0, avg10: 0, avg60: 0, avg300: 0 };

function cpu({ at, cpu: total }: Usage, rate: number | undefined): object {
  return { time: timestamp(at), ...(rate === undefined ? {} : { usageNanoCores: rate }), ...(total === undefined ? {} : { usageCoreNanoSeconds: Math.round(total) }) };
}

function memory({ at, memory: used, workingSet, rss, pageFaults, majorPageFaults }: Usage, limit: number | undefined): object {
  return {
    time: timestamp(at),
    ...(limit === undefined || workingSet === undefined ? {} : { availableBytes: Math.max(0, limit - workingSet) }),
    usageBytes: used,
    workingSetBytes: workingSet,
    rssBytes: rss,
    pageFaults,
    majorPageFaults,
  };
}

function network(time: string, interfaces: readonly InterfaceUsage[]): object {
  const first = interfaces.find(({ name }) => name === "eth0") ?? interfaces[0];
  return { time, ...first, interfaces };
}

function disk(time: string, of: DiskUsage, usedBytes: number, inodesUsed?: number): object {
  return {
    time,
    availableBytes: of.availableBytes,
    capacityBytes: of.capacityBytes,
    usedBytes,
    inodesFree: of.inodesFree,
    inodes: of.inodes,
    inodesUsed: inodesUsed ?? of.inodes - of.inodesFree,
  };
}
