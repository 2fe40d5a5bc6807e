/**
 * What the agent remembers about a pod beyond what the runtime can tell: delays, the reason of the last failure, how its
 * end began. It is a value: the plan and the steps return the next one. Losing it (agent restart) costs nothing but
 * earlier retries; what must survive is read back from the runtime.
 */
import type { ResourceRequirements } from "../core/api/types.gen.ts";
import { CRASH_LOOP, extend, LOCAL, retryAt, type Backoff, type BackoffRule } from "./backoff.ts";

export interface Problem {
  /** as shown in a waiting state: "ErrImagePull", "CreateContainerConfigError", … */
  readonly reason: string;
  readonly message: string;
}

/** Something failed: why, and when to try again. */
export interface Trouble extends Problem {
  readonly at: number;
  readonly backoff: Backoff;
  readonly retryAt: number;
}

/** The error itself is shown for this long, then the back-off: users who watch see both. */
export const ERROR_SHOWN_MS = 1_000;

export interface ContainerMemory {
  /** restarts of a container that ends */
  readonly crash?: Backoff | undefined;
  /** pull, creation or start failed */
  readonly trouble?: Trouble | undefined;
  /** a created container whose start failed */
  readonly unstarted?: (Trouble & { readonly id: string }) | undefined;
  /** id of the dead container whose back-off the user was told of */
  readonly toldOf?: string | undefined;
  /** id of the container whose postStart hook has not ended */
  readonly postStart?: string | undefined;
  /** id of the container whose preStop hook was begun: a hurried second stop does not run it again */
  readonly preStop?: string | undefined;
  /** what the container of that id runs with */
  readonly applied?: { readonly id: string; readonly resources: ResourceRequirements } | undefined;
  /** a container that has to go, and what the user is told */
  readonly condemned?: { readonly id: string; readonly message: string } | undefined;
}

/** A container's exit made all of its pod start over (KEP-5532). */
export interface Rerun {
  /** containers of before: they count as gone */
  readonly ids: readonly string[];
  readonly cause: string;
  /** all of them have ended */
  readonly done: boolean;
}

export interface Ending {
  /** deleted: by the API; deadline: activeDeadlineSeconds; orphan: no longer desired; evicted: by the device */
  readonly cause: "deleted" | "deadline" | "orphan" | "evicted" | "rejected";
  readonly since: number;
  readonly graceSeconds: number;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  /** evicted for its own excess, not because the device is in need: nobody disrupted it */
  readonly ownFault?: boolean | undefined;
}

export interface PodMemory {
  /** when this pod was first seen on the device */
  readonly startTime: number;
  readonly containers: { readonly [name: string]: ContainerMemory };
  readonly ending?: Ending | undefined;
  /** digest of what was mounted; undefined: nothing is */
  readonly volumes?: string | undefined;
  readonly volumeTrouble?: Trouble | undefined;
  readonly sandboxTrouble?: Trouble | undefined;
  readonly rerun?: Rerun | undefined;
  /** what the pod itself states and its cgroup was made with */
  readonly podResources?: ResourceRequirements | undefined;
  /** the spec wants other amounts than the containers have: they are being changed, or why they are not */
  readonly resize?: { readonly generation: number | undefined; readonly pending?: Problem | undefined } | undefined;
  readonly resizeTrouble?: Trouble | undefined;
  /** everything of a finished pod has been let go except its dead containers */
  readonly released?: boolean | undefined;
  /** nothing of the pod is left on the device */
  readonly gone?: boolean | undefined;
}

export type MemoryChange = (memory: PodMemory) => PodMemory;

export function freshMemory(startTime: number): PodMemory {
  return { startTime, containers: {} };
}

export function container(memory: PodMemory, name: string): ContainerMemory {
  return memory.containers[name] ?? {};
}

export function withContainer(memory: PodMemory, name: string, change: Partial<ContainerMemory>): PodMemory {
  return { ...memory, containers: { ...memory.containers, [name]: { ...memory.containers[name], ...change } } };
}

/** The next trouble after a failure at `now`. */
export function troubled(previous: Trouble | undefined, problem: Problem, now: number, rule: BackoffRule = LOCAL): Trouble {
  const backoff = extend(previous?.backoff, now, now, rule);
  return { ...problem, at: now, backoff, retryAt: retryAt(backoff, now, rule) };
}

/** The container that ended at `failedAt` was started again at `now`. */
export function restarted(memory: PodMemory, name: string, failedAt: number, now: number): PodMemory {
  return withContainer(memory, name, { crash: extend(container(memory, name).crash, failedAt, now, CRASH_LOOP) });
}
