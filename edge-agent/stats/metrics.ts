/**
 * The three pages of metrics that monitoring of Kubernetes nodes reads, with the names of kubelet (/metrics,
 * /metrics/resource) and cAdvisor (/metrics/cadvisor). Pure: figures in, families out.
 */
import type { ContainerUsage, PodUsage, RunningContainer, RunningPod, Usage } from "../runtimes/runtime.ts";
import type { Family, MetricSample } from "./prometheus.ts";
import type { Figures } from "./sampler.ts";

export interface MetricsInput {
  readonly nodeName: string;
  readonly version: string;
  readonly figures: Figures;
  readonly running: ReadonlyMap<string, RunningPod>;
  readonly cores: number;
  /** bytes; undefined: no limit */
  memoryLimit(uid: string, container: string): number | undefined;
  readonly startedAt: number;
  readonly agentRss: number;
}

type PodRow = readonly [RunningPod, PodUsage];
type ContainerRow = readonly [RunningPod, ContainerUsage, RunningContainer | undefined];

const seconds = (nanoseconds: number) => nanoseconds / 1e9;

function rows({ figures, running }: MetricsInput): { readonly pods: readonly PodRow[]; readonly containers: readonly ContainerRow[] } {
  const pods = figures.pods.flatMap((usage): PodRow[] => {
    const pod = running.get(usage.uid);
    return pod === undefined ? [] : [[pod, usage]];
  });
  const containers = pods.flatMap(([pod, { containers: all }]) => all.map((usage): ContainerRow => [pod, usage, pod.containers.find(({ id }) => id === usage.id)]));
  return { pods, containers };
}

/** KEP-2371 and instrumentation of kubelet's resource endpoint. */
export function resourceMetrics(input: MetricsInput): readonly Family[] {
  const { machine } = input.figures;
  const { pods, containers } = rows(input);
  const ofContainers = (value: (row: ContainerRow) => number | undefined) => sampled(containers, ([pod, { name }]) => ({ container: name, namespace: pod.namespace, pod: pod.name }), value, ([, { at }]) => at);
  const ofPods = (value: (row: PodRow) => number | undefined) => sampled(pods, ([pod]) => ({ namespace: pod.namespace, pod: pod.name }), value, ([, { at }]) => at);
  const cpuOf = ({ cpu }: Usage) => (cpu === undefined ? undefined : seconds(cpu));
  return [
    counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed by the container in core-seconds", ofContainers(([, usage]) => cpuOf(usage))),
    gauge("container_memory_working_set_bytes", "Current working set of the container in bytes", ofContainers(([, { workingSet }]) => workingSet)),
    gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds", ofContainers(([, , container]) => (container?.startedAt === undefined ? undefined : container.startedAt / 1000))),
    gauge("container_swap_limit_bytes", "Current amount of the container swap limit in bytes", ofContainers(() => 0)),
    gauge("container_swap_usage_bytes", "Current amount of the container swap usage in bytes", ofContainers(() => 0)),
    counter("node_cpu_usage_seconds_total", "Cumulative cpu time consumed by the node in core-seconds", [{ value: seconds(machine.cpu ?? 0), at: machine.at }]),
    gauge("node_memory_working_set_bytes", "Current working set of the node in bytes", [{ value: machine.workingSet ?? 0, at: machine.at }]),
    gauge("node_swap_usage_bytes", "Current swap usage of the node in bytes", [{ value: machine.swapTotal - machine.swapFree, at: machine.at }]),
    counter("pod_cpu_usage_seconds_total", "Cumulative cpu time consumed by the pod in core-seconds", ofPods(([, usage]) => cpuOf(usage))),
    gauge("pod_memory_working_set_bytes", "Current working set of the pod in bytes", ofPods(([, { workingSet }]) => workingSet)),
    gauge("pod_swap_usage_bytes", "Current amount of the pod swap usage in bytes", ofPods(() => 0)),
    gauge("resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", [{ value: 0 }]),
    gauge("scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", [{ value: 0 }]),
  ];
}

function cadvisorLabels([pod, { id, name }, container]: ContainerRow) {
  return { container: name, id: `/kubepods/pod${pod.uid}/${id}`, image: container?.image ?? "", name: id, namespace: pod.namespace, pod: pod.name };
}

export function cadvisorMetrics(input: MetricsInput): readonly Family[] {
  const { figures, cores, version } = input;
  const { pods, containers } = rows(input);
  const ofContainers = (value: (row: ContainerRow) => number | undefined) => sampled(containers, cadvisorLabels, value, ([, { at }]) => at);
  const links = pods.flatMap(([pod, { interfaces = [], at }]) => interfaces.map((link) => ({ labels: { container: "", id: `/kubepods/pod${pod.uid}`, image: "", interface: link.name, name: "", namespace: pod.namespace, pod: pod.name }, link, at })));
  const ofLinks = (value: (link: (typeof links)[number]["link"]) => number) => links.map(({ labels: named, link, at }) => ({ labels: named, value: value(link), at }));
  return [
    gauge("cadvisor_version_info", "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.", [{ labels: { cadvisorVersion: version }, value: 1 }]),
    gauge("machine_cpu_cores", "Number of logical CPU cores.", [{ value: cores }]),
    gauge("machine_memory_bytes", "Amount of memory installed on the machine.", [{ value: figures.machine.memoryTotal }]),
    counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", ofContainers(([, { cpu }]) => (cpu === undefined ? undefined : seconds(cpu))).map((sample) => ({ ...sample, labels: { ...sample.labels, cpu: "total" } }))),
    gauge("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed", ofContainers(([, { memory }]) => memory)),
    gauge("container_memory_working_set_bytes", "Current working set in bytes.", ofContainers(([, { workingSet }]) => workingSet)),
    gauge("container_memory_rss", "Size of RSS in bytes.", ofContainers(([, { rss }]) => rss)),
    counter("container_memory_failures_total", "Cumulative count of memory allocation failures.", ofContainers(([, { pageFaults }]) => pageFaults).map((sample) => ({ ...sample, labels: { ...sample.labels, failure_type: "pgfault", scope: "container" } }))),
    gauge("container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", ofContainers(([, { layerBytes }]) => layerBytes)),
    gauge("container_fs_inodes_total", "Number of Inodes", ofContainers(([, { layerInodes }]) => layerInodes)),
    gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", ofContainers(([, , container]) => (container?.startedAt === undefined ? undefined : container.startedAt / 1000))),
    gauge("container_last_seen", "Last time a container was seen by the exporter", ofContainers(([, { at }]) => at / 1000)),
    gauge("container_spec_memory_limit_bytes", "Memory limit for the container.", ofContainers(([pod, { name }]) => input.memoryLimit(pod.uid, name) ?? 0)),
    counter("container_network_receive_bytes_total", "Cumulative count of bytes received", ofLinks(({ rxBytes }) => rxBytes)),
    counter("container_network_receive_errors_total", "Cumulative count of errors encountered while receiving", ofLinks(({ rxErrors }) => rxErrors)),
    counter("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", ofLinks(({ txBytes }) => txBytes)),
    counter("container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting", ofLinks(({ txErrors }) => txErrors)),
    gauge("container_processes", "Number of processes running inside the container.", pods.flatMap(([pod, { processes, at }]) => (processes === undefined ? [] : [{ labels: { container: "", id: `/kubepods/pod${pod.uid}`, image: "", name: "", namespace: pod.namespace, pod: pod.name }, value: processes, at }]))),
  ];
}

export function agentMetrics({ nodeName, version, running, figures, startedAt, agentRss }: MetricsInput): readonly Family[] {
  const states = new Map<string, number>();
  for (const pod of running.values()) for (const { state } of pod.containers) states.set(state, (states.get(state) ?? 0) + 1);
  return [
    gauge("kubelet_node_name", "The node's name. The count is always 1.", [{ labels: { node: nodeName }, value: 1 }]),
    gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox", [{ value: [...running.values()].filter(({ ready }) => ready).length }]),
    gauge("kubelet_running_containers", "Number of containers currently running", [...states].map(([state, value]) => ({ labels: { container_state: state }, value }))),
    gauge("kubernetes_build_info", "A metric with a constant '1' value labeled by version", [{ labels: { git_version: version }, value: 1 }]),
    counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", [{ value: seconds(figures.agent.cpu ?? 0) }]),
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", [{ value: agentRss }]),
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", [{ value: startedAt / 1000 }]),
  ];
}

function sampled<R>(list: readonly R[], labels: (row: R) => { readonly [name: string]: string }, value: (row: R) => number | undefined, at: (row: R) => number): MetricSample[] {
  return list.flatMap((row) => {
    const found = value(row);
    return found === undefined ? [] : [{ labels: labels(row), value: found, at: at(row) }];
  });
}

const counter = (name: string, help: string, samples: readonly MetricSample[]): Family => ({ name, type: "counter", help, samples });
const gauge = (name: string, help: string, samples: readonly MetricSample[]): Family => ({ name, type: "gauge", help, samples });
