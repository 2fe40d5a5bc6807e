/** The columns of `kubectl get pods`: the Status column is a summary of what keeps the pod from running. */
import type { Column } from "../kinds.ts";
import type { ContainerStatus, Pod } from "../types.gen.ts";
import { ageOf } from "./age.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";

const column = columnsOf<Pod>();

export const podColumns: readonly Column[] = [
  nameColumn,
  column("Ready", (pod) => readiness(pod)),
  column("Status", (pod) => podStatusText(pod)),
  column("Restarts", restarts),
  ageColumn,
  column("IP", (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? "<none>", { wide: true }),
  column("Node", (pod) => pod.spec?.nodeName ?? "<none>", { wide: true }),
  column("Nominated Node", (pod) => pod.status?.nominatedNodeName ?? "<none>", { wide: true }),
  column("Readiness Gates", readinessGates, { wide: true }),
];

const sidecars = (pod: Pod): ReadonlySet<string> =>
  new Set((pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map((one) => one.name));

function readiness(pod: Pod): string {
  const restartable = sidecars(pod);
  const total = (pod.spec?.containers.length ?? 0) + restartable.size;
  const ready = [
    ...(pod.status?.containerStatuses ?? []).filter((one) => one.ready && one.state?.running !== undefined),
    ...(pod.status?.initContainerStatuses ?? []).filter((one) => restartable.has(one.name) && one.started === true && one.ready),
  ];
  return `${ready.length}/${total}`;
}

export function podStatusText(pod: Pod): string {
  const init = initText(pod);
  const own = init ?? containersText(pod);
  if (pod.metadata.deletionTimestamp === undefined) return own;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" ? own : "Terminating";
}

function initText(pod: Pod): string | undefined {
  const restartable = sidecars(pod);
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [index, status] of statuses.entries()) {
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (restartable.has(status.name) && status.started === true) continue;
    if (terminated !== undefined) return `Init:${ending(terminated)}`;
    if (waiting?.reason !== undefined && waiting.reason !== "" && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
    return `Init:${index}/${pod.spec?.initContainers?.length ?? statuses.length}`;
  }
  return undefined;
}

function ending(terminated: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>): string {
  if (terminated.reason !== undefined && terminated.reason !== "") return terminated.reason;
  return terminated.signal !== undefined && terminated.signal !== 0 ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function containersText(pod: Pod): string {
  let text = pod.status?.reason ?? pod.status?.phase ?? "Unknown";
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.reason === "SchedulingGated") text = "SchedulingGated";
  let running = false;
  for (const { state, ready } of (pod.status?.containerStatuses ?? []).toReversed()) {
    if (state?.waiting?.reason !== undefined && state.waiting.reason !== "") text = state.waiting.reason;
    else if (state?.terminated !== undefined) text = ending(state.terminated);
    else if (ready && state?.running !== undefined) running = true;
  }
  if (text !== "Completed" || !running) return text;
  const isReady = pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  return isReady ? "Running" : "NotReady";
}

/** "3 (2m ago)": the number of restarts and when the last one was. */
function restarts(pod: Pod, now: number): string {
  const restartable = sidecars(pod);
  const initializing = initText(pod) !== undefined;
  const counted = initializing
    ? (pod.status?.initContainerStatuses ?? [])
    : [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? []).filter((one) => restartable.has(one.name))];
  const count = counted.reduce((sum, status) => sum + status.restartCount, 0);
  const last = counted.flatMap((status) => status.lastState?.terminated?.finishedAt ?? []).toSorted().at(-1);
  return count === 0 || last === undefined ? String(count) : `${count} (${ageOf(last, now)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const met = gates.filter((gate) => pod.status?.conditions?.some((one) => one.type === gate.conditionType && one.status === "True"));
  return `${met.length}/${gates.length}`;
}
