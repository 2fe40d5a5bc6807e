/**
 * The pages of metrics that monitoring of Kubernetes nodes reads with the names of kubelet: /metrics and /metrics/resource.
 * Pure: figures in, families out.
 */
import type { ContainerUsage, PodUsage, RunningContainer, RunningPod, Usage } from "../runtimes/runtime.ts";
import { counter, gauge, type Family, type MetricSample } from "./prometheus.ts";
import type { Figures } from "./sampler.ts";

export interface MetricsInput {
  readonly nodeName: string;
  readonly version: string;
  readonly figures: Figures;
  readonly running: ReadonlyMap<string, RunningPod>;
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
