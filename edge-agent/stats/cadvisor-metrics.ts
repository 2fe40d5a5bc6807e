/**
 * /metrics/cadvisor with the names and labels of cAdvisor as a kubelet shows them: one row per container, one per pod
 * (container=""), one for the machine (id="/"). Pure: figures in, families out.
 */
import type { ContainerUsage, PodUsage, RunningContainer, RunningPod, Usage } from "../runtimes/runtime.ts";
import type { ContainerSpec } from "./container-spec.ts";
import type { DiskFigures, GroupFigures } from "./group-figures.ts";
import { STALL_RESOURCES, type Stall } from "./pressure-stall.ts";
import { counter, gauge, type Family, type MetricSample } from "./prometheus.ts";
import type { Figures } from "./sampler.ts";

export interface CadvisorInput {
  readonly version: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly figures: Figures;
  /** what the kernel counts for pods and containers, by uid and by id */
  readonly groups: ReadonlyMap<string, GroupFigures>;
  readonly running: ReadonlyMap<string, RunningPod>;
  readonly cores: number;
  spec(uid: string, container: string): ContainerSpec;
}

/** CFS period that runc sets, in microseconds. */
const CPU_PERIOD = 100_000;

type Labels = { readonly [name: string]: string };

interface Row {
  readonly labels: Labels;
  readonly usage: Usage;
  readonly group?: GroupFigures | undefined;
  readonly container?: { readonly usage: ContainerUsage; readonly spec: ContainerSpec; readonly running: RunningContainer | undefined } | undefined;
  readonly pod?: PodUsage | undefined;
}

interface Series {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (row: Row) => number | undefined;
  readonly labels?: Labels;
}

const seconds = (nanoseconds: number | undefined) => (nanoseconds === undefined ? undefined : nanoseconds / 1e9);

const series: readonly Series[] = [
  { name: "container_cpu_usage_seconds_total", type: "counter", help: "Cumulative cpu time consumed in seconds.", labels: { cpu: "total" }, value: ({ usage }) => seconds(usage.cpu) },
  { name: "container_cpu_user_seconds_total", type: "counter", help: "Cumulative user cpu time consumed in seconds.", value: ({ group }) => seconds(group?.cpuUser) },
  { name: "container_cpu_system_seconds_total", type: "counter", help: "Cumulative system cpu time consumed in seconds.", value: ({ group }) => seconds(group?.cpuSystem) },
  { name: "container_cpu_cfs_periods_total", type: "counter", help: "Number of elapsed enforcement period intervals.", value: ({ group }) => (group?.periods === 0 ? undefined : group?.periods) },
  { name: "container_cpu_cfs_throttled_periods_total", type: "counter", help: "Number of throttled period intervals.", value: ({ group }) => (group?.periods === 0 ? undefined : group?.throttledPeriods) },
  { name: "container_cpu_cfs_throttled_seconds_total", type: "counter", help: "Total time duration the container has been throttled.", value: ({ group }) => (group?.periods === 0 ? undefined : seconds(group?.throttled)) },
  { name: "container_memory_usage_bytes", type: "gauge", help: "Current memory usage in bytes, including all memory regardless of when it was accessed", value: ({ usage }) => usage.memory },
  { name: "container_memory_working_set_bytes", type: "gauge", help: "Current working set in bytes.", value: ({ usage }) => usage.workingSet },
  { name: "container_memory_rss", type: "gauge", help: "Size of RSS in bytes.", value: ({ usage }) => usage.rss },
  { name: "container_memory_cache", type: "gauge", help: "Number of bytes of page cache memory.", value: ({ group }) => group?.cache },
  { name: "container_memory_mapped_file", type: "gauge", help: "Size of memory mapped files in bytes.", value: ({ group }) => group?.mappedFile },
  { name: "container_memory_swap", type: "gauge", help: "Container swap usage in bytes.", value: ({ group }) => group?.swap },
  { name: "container_memory_max_usage_bytes", type: "gauge", help: "Maximum memory usage recorded in bytes", value: ({ group }) => group?.memoryPeak },
  { name: "container_memory_failcnt", type: "counter", help: "Number of memory usage hits limits", value: ({ group }) => group?.memoryFailures },
  { name: "container_memory_failures_total", type: "counter", help: "Cumulative count of memory allocation failures.", labels: { failure_type: "pgfault", scope: "container" }, value: ({ usage }) => usage.pageFaults },
  { name: "container_memory_failures_total", type: "counter", help: "Cumulative count of memory allocation failures.", labels: { failure_type: "pgmajfault", scope: "container" }, value: ({ usage }) => usage.majorPageFaults },
  { name: "container_oom_events_total", type: "counter", help: "Count of out of memory events observed for the container", value: ({ group }) => group?.oomKills },
  { name: "container_threads", type: "gauge", help: "Number of threads running inside the container", value: ({ group }) => group?.threads },
  { name: "container_processes", type: "gauge", help: "Number of processes running inside the container.", value: ({ pod }) => pod?.processes },
  { name: "container_fs_usage_bytes", type: "gauge", help: "Number of bytes that are consumed by the container on this filesystem.", value: ({ container }) => container?.usage.layerBytes },
  { name: "container_fs_inodes_total", type: "gauge", help: "Number of Inodes", value: ({ container }) => container?.usage.layerInodes },
  { name: "container_start_time_seconds", type: "gauge", help: "Start time of the container since unix epoch in seconds.", value: ({ container }) => (container?.running?.startedAt === undefined ? undefined : container.running.startedAt / 1000) },
  { name: "container_last_seen", type: "gauge", help: "Last time a container was seen by the exporter", value: ({ usage }) => usage.at / 1000 },
  { name: "container_spec_memory_limit_bytes", type: "gauge", help: "Memory limit for the container.", value: ({ container }) => (container === undefined ? undefined : (container.spec.memoryLimit ?? 0)) },
  { name: "container_spec_cpu_period", type: "gauge", help: "CPU period of the container.", value: ({ container }) => (container === undefined ? undefined : CPU_PERIOD) },
  { name: "container_spec_cpu_quota", type: "gauge", help: "CPU quota of the container.", value: ({ container }) => container?.spec.cpuQuota },
  { name: "container_spec_cpu_shares", type: "gauge", help: "CPU share of the container.", value: ({ container }) => container?.spec.cpuShares },
  ...STALL_RESOURCES.flatMap((resource): Series[] => {
    const micro = (pick: (stall: Stall) => number | undefined) => ({ group }: Row) => {
      const stall = group?.stalls[resource];
      const total = stall === undefined ? undefined : pick(stall);
      return total === undefined ? undefined : total / 1e6;
    };
    const title = resource === "io" ? "IO" : resource === "cpu" ? "CPU" : "memory";
    return [
      { name: `container_pressure_${resource}_stalled_seconds_total`, type: "counter", help: `Total time duration no tasks in the container could make progress due to ${title} congestion.`, value: micro(({ full }) => full?.total) },
      { name: `container_pressure_${resource}_waiting_seconds_total`, type: "counter", help: `Total time duration tasks in the container have waited due to ${title} congestion.`, value: micro(({ some }) => some.total) },
    ];
  }),
];

const diskSeries: readonly { readonly name: string; readonly help: string; readonly value: (disk: DiskFigures) => number }[] = [
  { name: "container_fs_reads_bytes_total", help: "Cumulative count of bytes read", value: ({ readBytes }) => readBytes },
  { name: "container_fs_writes_bytes_total", help: "Cumulative count of bytes written", value: ({ writtenBytes }) => writtenBytes },
  { name: "container_fs_reads_total", help: "Cumulative count of reads completed", value: ({ reads }) => reads },
  { name: "container_fs_writes_total", help: "Cumulative count of writes completed", value: ({ writes }) => writes },
];

const linkSeries: readonly { readonly name: string; readonly help: string; readonly field: "rxBytes" | "rxErrors" | "txBytes" | "txErrors" }[] = [
  { name: "container_network_receive_bytes_total", help: "Cumulative count of bytes received", field: "rxBytes" },
  { name: "container_network_receive_errors_total", help: "Cumulative count of errors encountered while receiving", field: "rxErrors" },
  { name: "container_network_transmit_bytes_total", help: "Cumulative count of bytes transmitted", field: "txBytes" },
  { name: "container_network_transmit_errors_total", help: "Cumulative count of errors encountered while transmitting", field: "txErrors" },
];

export function cadvisorMetrics(input: CadvisorInput): readonly Family[] {
  const { figures, cores, version, kernelVersion, osImage } = input;
  const { machine } = figures;
  const rows = rowsOf(input);
  const links = [{ labels: NOBODY, interfaces: machine.interfaces, at: machine.at }, ...rows.flatMap(({ labels, pod }) => (pod === undefined ? [] : [{ labels, interfaces: pod.interfaces ?? [], at: pod.at }]))];
  const named = Map.groupBy(series, ({ name }) => name);
  return [
    gauge("cadvisor_version_info", "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.", [{ labels: { cadvisorVersion: version, kernelVersion, osVersion: osImage }, value: 1 }]),
    gauge("machine_cpu_cores", "Number of logical CPU cores.", [{ value: cores }]),
    gauge("machine_memory_bytes", "Amount of memory installed on the machine.", [{ value: machine.memoryTotal }]),
    gauge("machine_swap_bytes", "Amount of swap memory available on the machine.", [{ value: machine.swapTotal }]),
    gauge("machine_scrape_error", "1 if there was an error while getting machine metrics, 0 otherwise.", [{ value: 0 }]),
    gauge("container_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", [{ value: 0 }]),
    ...[...named].map(([name, all]): Family => ({ name, type: all[0]?.type ?? "gauge", help: all[0]?.help ?? "", samples: all.flatMap(({ value, labels }) => samples(rows, value, labels)) })),
    ...diskSeries.map(({ name, help, value }) => counter(name, help, rows.flatMap((row) => (row.group?.disks ?? []).map((disk) => ({ labels: { ...row.labels, device: disk.device }, value: value(disk), at: row.usage.at }))))),
    ...linkSeries.map(({ name, help, field }) => counter(name, help, links.flatMap(({ labels, interfaces, at }) => interfaces.map((link) => ({ labels: { ...labels, interface: link.name }, value: link[field], at }))))),
  ];
}

function samples(of: readonly Row[], value: (row: Row) => number | undefined, more: Labels = {}): MetricSample[] {
  return of.flatMap((row) => {
    const found = value(row);
    return found === undefined ? [] : [{ labels: { ...row.labels, ...more }, value: found, at: row.usage.at }];
  });
}

const NOBODY: Labels = { container: "", id: "/", image: "", name: "", namespace: "", pod: "" };

function rowsOf({ figures, running, groups, spec }: CadvisorInput): readonly Row[] {
  const machine: Row = { labels: NOBODY, usage: figures.machine, group: { disks: [], stalls: figures.machine.stalls } };
  return [machine, ...figures.pods.flatMap((pod): readonly Row[] => {
    const found = running.get(pod.uid);
    if (found === undefined) return [];
    const { uid, namespace, name } = found;
    const whole: Row = { labels: { ...NOBODY, id: `/kubepods/pod${uid}`, namespace, pod: name }, usage: pod, group: groups.get(uid), pod };
    return [whole, ...pod.containers.map((usage): Row => {
      const container = found.containers.find(({ id }) => id === usage.id);
      const labels = { container: usage.name, id: `/kubepods/pod${uid}/${usage.id}`, image: container?.image ?? "", name: usage.id, namespace, pod: name };
      return { labels, usage, group: groups.get(usage.id), container: { usage, spec: spec(uid, usage.name), running: container } };
    })];
  })];
}
