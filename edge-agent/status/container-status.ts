/** What the API shows of one container: from its spec, what the runtime says and what the agent remembers. */
import { timestamp } from "../../core/api/clock.ts";
import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod } from "../../core/api/types.gen.ts";
import { CRASH_LOOP, retryAt } from "../backoff.ts";
import { before, latest, podTitle } from "../containers.ts";
import { container as memoryOf, ERROR_SHOWN_MS, type PodMemory, type Trouble } from "../memory.ts";
import { initRestartsAfter, isSidecar, restartsAfter } from "../restart-policy.ts";
import type { RunningContainer, RunningPod } from "../runtimes/runtime.ts";

export interface StatusInput {
  readonly pod: Pod;
  readonly running: RunningPod | undefined;
  readonly memory: PodMemory;
  readonly hostIPs: readonly string[];
  /** prefix of container ids: "containerd", "wasi" */
  readonly handler: string;
  readonly now: number;
  /** results of probes by container name; absent: no probe says no */
  readonly probes?: { readonly [container: string]: { readonly ready?: boolean; readonly started?: boolean } } | undefined;
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
  const started = state.running !== undefined && input.probes?.[container.name]?.started !== false;
  return {
    name: container.name,
    state,
    lastState: last?.state === "exited" ? { terminated: terminated(input, last) } : {},
    ready: isReady(input, container, kind, state, started),
    restartCount: found?.attempt ?? 0,
    image: found?.image ?? container.image ?? "",
    imageID: found?.imageId ?? "",
    ...(found === undefined ? {} : { containerID: `${input.handler}://${found.id}` }),
    started,
    ...(container.resources?.requests === undefined ? {} : { allocatedResources: container.resources.requests }),
    resources: container.resources ?? {},
    ...volumeMounts(container),
  };
}

function isReady({ probes }: StatusInput, container: Container, kind: "init" | "main", state: ContainerState, started: boolean): boolean {
  if (kind === "init" && !isSidecar(container)) return state.terminated?.exitCode === 0;
  return started && probes?.[container.name]?.ready !== false;
}

/** Why it does not run although it should; undefined: it runs, or has ended for good. */
function waitingState(input: StatusInput, container: Container, kind: "init" | "main", found: RunningContainer | undefined, trouble: Trouble | undefined, initialized: boolean): ContainerState | undefined {
  const { pod, memory, now } = input;
  if (found?.state === "running" || found?.state === "unknown") return undefined;
  const ended = found?.state === "exited";
  if (ended) {
    const again = kind === "init" ? initRestartsAfter(pod, container, found.exitCode ?? 0) : restartsAfter(pod, container, found.exitCode ?? 0);
    if (!again || memory.ending !== undefined) return undefined;
  }
  if (trouble !== undefined && (memory.ending === undefined || !ended)) {
    const reason = BACKING_OFF[trouble.reason];
    if (reason === undefined || trouble.backoff.delayMs <= 0 || now < trouble.at + ERROR_SHOWN_MS) return { waiting: { reason: trouble.reason, message: trouble.message } };
    return { waiting: { reason, message: `Back-off pulling image "${container.image}": ${trouble.reason}: ${trouble.message}` } };
  }
  if (!ended) return { waiting: { reason: initialized && (pod.spec?.initContainers ?? []).length === 0 ? "ContainerCreating" : initialized && kind === "main" ? "ContainerCreating" : "PodInitializing" } };
  const { crash } = memoryOf(memory, container.name);
  const until = retryAt(crash, found.finishedAt ?? found.createdAt, CRASH_LOOP);
  if (crash === undefined || now >= until) return undefined;
  const delay = formatDelay(crash.delayMs);
  return { waiting: { reason: "CrashLoopBackOff", message: `back-off ${delay} restarting failed container=${container.name} pod=${podTitle(pod)}` } };
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

function terminated({ handler }: StatusInput, found: RunningContainer): ContainerStateTerminated {
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

function volumeMounts({ volumeMounts: mounts = [] }: Container): Pick<ContainerStatus, "volumeMounts"> {
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly }) => ({ name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}) })),
  };
}
