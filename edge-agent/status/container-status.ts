/** What the API shows of one container: from its spec, what the runtime says and what the agent remembers. */
import { timestamp } from "../../core/api/clock.ts";
import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus, EphemeralContainer, Pod } from "../../core/api/types.gen.ts";
import { CRASH_LOOP, retryAt } from "../backoff.ts";
import { before, latest, podTitle } from "../containers.ts";
import { container as memoryOf, ERROR_SHOWN_MS, type PodMemory, type Trouble } from "../memory.ts";
import { initRestartsAfter, isSidecar, restartsAfter } from "../restart-policy.ts";
import { appliedResources } from "../resize.ts";
import type { ProbeResults } from "../probes/prober.ts";
import type { RunningContainer, RunningPod } from "../runtimes/runtime.ts";

export interface StatusInput {
  readonly pod: Pod;
  readonly running: RunningPod | undefined;
  readonly memory: PodMemory;
  readonly hostIPs: readonly string[];
  /** prefix of container ids: "containerd", "wasi" */
  readonly handler: string;
  readonly now: number;
  readonly probes: ProbeResults;
}

/** Pulls that failed show their back-off between tries. */
const BACKING_OFF: { readonly [reason: string]: string } = { ErrImagePull: "ImagePullBackOff", RegistryUnavailable: "ImagePullBackOff" };

export function containerStatus(input: StatusInput, container: Container, kind: "init" | "main", initialized: boolean): ContainerStatus {
  const { running, memory } = input;
  const found = latest(running, container.name);
  const trouble = memoryOf(memory, container.name).trouble;
  const previous = found === undefined ? undefined : before(running, container.name, found.attempt);
  const waiting = waitingState(input, container, kind, found, trouble, initialized);
  const state = waiting ?? stateOf(input, found);
  const last = waiting !== undefined && found?.state === "exited" ? found : previous;
  const probed = found === undefined ? undefined : input.probes.get(found.id);
  const started = state.running !== undefined && probed?.started !== false;
  return {
    name: container.name,
    state,
    lastState: last?.state === "exited" ? { terminated: terminated(input, last) } : {},
    ready: kind === "init" && !isSidecar(container) ? state.terminated?.exitCode === 0 : started && probed?.ready !== false,
    restartCount: found?.attempt ?? 0,
    image: found?.image ?? container.image ?? "",
    imageID: found?.imageId ?? "",
    ...(found === undefined ? {} : { containerID: `${input.handler}://${found.id}` }),
    started,
    ...resourcesOf(input, container, found),
    ...volumeMounts(container),
  };
}

/** `allocatedResources` is what the device has agreed to, `resources` what the container has; before there is one it has none. */
function resourcesOf({ pod, memory }: StatusInput, container: Container, found: RunningContainer | undefined): Pick<ContainerStatus, "allocatedResources" | "resources"> {
  if (found === undefined) return container.resources?.requests === undefined ? {} : { allocatedResources: container.resources.requests };
  const resources = (found.state === "running" ? appliedResources(pod, memory, container, found) : undefined) ?? container.resources ?? {};
  const allocated = memory.resize?.pending === undefined ? container.resources?.requests : resources.requests;
  return { ...(allocated === undefined ? {} : { allocatedResources: allocated }), resources };
}

/** Why it does not run although it should; undefined: it runs, or has ended for good. */
function waitingState(input: StatusInput, container: Container, kind: "init" | "main", found: RunningContainer | undefined, trouble: Trouble | undefined, initialized: boolean): ContainerState | undefined {
  const { pod, memory, now } = input;
  // it counts as running once its postStart hook has ended
  if (found?.state === "running" && memoryOf(memory, container.name).postStart === found.id) return { waiting: { reason: kind === "init" ? "PodInitializing" : "ContainerCreating" } };
  if (found?.state === "running" || found?.state === "unknown") return undefined;
  const ended = found?.state === "exited";
  if (ended && memory.rerun?.ids.includes(found.id) !== true) {
    const again = kind === "init" ? initRestartsAfter(pod, container, found.exitCode ?? 0) : restartsAfter(pod, container, found.exitCode ?? 0);
    if (!again || memory.ending !== undefined) return undefined;
  }
  if (trouble !== undefined && (memory.ending === undefined || !ended)) return troubleState(input, container, trouble);
  if (!ended) return { waiting: { reason: initialized && (pod.spec?.initContainers ?? []).length === 0 ? "ContainerCreating" : initialized && kind === "main" ? "ContainerCreating" : "PodInitializing" } };
  if (memory.rerun?.ids.includes(found.id) === true) return { waiting: { reason: kind === "init" ? "PodInitializing" : "ContainerCreating" } };
  const { crash, unstarted } = memoryOf(memory, container.name);
  if (unstarted?.id === found.id && (crash === undefined || now < unstarted.at + ERROR_SHOWN_MS)) return notStarted(unstarted);
  const until = retryAt(crash, found.finishedAt ?? found.createdAt, CRASH_LOOP);
  if (crash === undefined || now >= until) return undefined;
  const delay = formatDelay(crash.delayMs);
  return { waiting: { reason: "CrashLoopBackOff", message: `back-off ${delay} restarting failed container=${container.name} pod=${podTitle(pod)}` } };
}

function troubleState({ now }: StatusInput, { image }: { readonly image?: string }, trouble: Trouble): ContainerState {
  const reason = BACKING_OFF[trouble.reason];
  if (reason === undefined || trouble.backoff.delayMs <= 0 || now < trouble.at + ERROR_SHOWN_MS) return { waiting: { reason: trouble.reason, message: trouble.message } };
  return { waiting: { reason, message: `Back-off pulling image "${image}": ${trouble.reason}: ${trouble.message}` } };
}

function notStarted({ reason, message }: Trouble): ContainerState {
  return { waiting: { reason, message } };
}

/** Go's duration text: 10s, 1m20s, 5m0s. */
function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function stateOf(input: StatusInput, found: RunningContainer | undefined): ContainerState {
  if (found === undefined || found.state === "created") return { waiting: { reason: "ContainerCreating" } };
  if (found.state === "exited") return { terminated: terminated(input, found) };
  return { running: { startedAt: timestamp(found.startedAt ?? found.createdAt) } };
}

function terminated({ handler, memory }: StatusInput, found: RunningContainer): ContainerStateTerminated {
  if (memory.rerun?.ids.includes(found.id) === true) return replacedByRerun();
  const exitCode = found.exitCode ?? 0;
  const finishedAt = found.finishedAt ?? found.createdAt;
  return {
    exitCode,
    reason: found.reason !== undefined && found.reason !== "" ? found.reason : exitCode === 0 ? "Completed" : "Error",
    ...(found.message === undefined || found.message === "" ? {} : { message: found.message }),
    startedAt: timestamp(found.startedAt ?? 0),
    finishedAt: timestamp(finishedAt),
    containerID: `${handler}://${found.id}`,
  };
}

/** A container that had to go because its pod started over is shown as if it were gone already. */
function replacedByRerun(): ContainerStateTerminated {
  return {
    exitCode: 137,
    reason: "RestartingAllContainers",
    message: "The container is removed because RestartAllContainers in place",
  };
}

function volumeMounts({ volumeMounts: mounts = [] }: Container | EphemeralContainer): Pick<ContainerStatus, "volumeMounts"> {
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly }) => ({ name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}) })),
  };
}

/** A container for debugging: it has no probes and no say in what becomes of the pod. */
export function ephemeralStatus(input: StatusInput, container: EphemeralContainer): ContainerStatus {
  const { pod, running, memory } = input;
  const found = latest(running, container.name);
  const { trouble, unstarted } = memoryOf(memory, container.name);
  const pending = trouble !== undefined && (found === undefined || found.state === "created") ? troubleState(input, container, trouble) : undefined;
  // it is not tried again, but a kubelet shows it as if, where the pod's own containers would be
  const failed = found?.state === "exited" && unstarted?.id === found.id && memory.ending === undefined && restartsAfter(pod, { name: container.name }, found.exitCode ?? 0);
  return {
    name: container.name,
    state: pending ?? (failed ? notStarted(unstarted) : stateOf(input, found)),
    lastState: failed ? { terminated: terminated(input, found) } : {},
    ready: false,
    restartCount: 0,
    image: found?.image ?? container.image ?? "",
    imageID: found?.imageId ?? "",
    ...(found === undefined ? {} : { containerID: `${input.handler}://${found.id}` }),
    resources: {},
    ...volumeMounts(container),
  };
}
