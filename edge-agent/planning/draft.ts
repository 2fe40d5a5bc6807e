/** A plan while it is made: what it is made from, and what its parts have added so far. */
import type { Pod } from "../../core/api/types.gen.ts";
import type { Room } from "../admit.ts";
import { without } from "../containers.ts";
import type { PodMemory } from "../memory.ts";
import type { ProbeResults } from "../probes/prober.ts";
import type { RunningContainer, RunningPod } from "../runtimes/runtime.ts";
import type { Step } from "../steps/step.ts";

export interface PlanInput {
  /** undefined: nobody wants it any more */
  readonly pod: Pod | undefined;
  readonly running: RunningPod | undefined;
  readonly memory: PodMemory;
  readonly probes: ProbeResults;
  /** what the device has for this pod; asked only when it matters */
  readonly room: () => Room;
  /** digest of the objects that the pod's volumes are made of */
  readonly volumes: string;
  /** nothing that they are made of is missing */
  readonly volumesCertain: () => boolean;
  readonly now: number;
}

export interface PlannedEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly container?: string | undefined;
}

export interface Draft {
  readonly input: PlanInput;
  memory: PodMemory;
  readonly steps: Step[];
  readonly events: PlannedEvent[];
  /** milliseconds; undefined: only when something changes */
  wakeAt: number | undefined;
}

/** For pods whose object is gone: the API's default. */
export const DEFAULT_GRACE_SECONDS = 30;

export function graceOf(pod: Pod): number {
  return pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

/** What runs, without the containers that a rerun has replaced. */
export function counted({ input: { running }, memory: { rerun } }: Draft): RunningPod | undefined {
  return running === undefined || rerun === undefined ? running : without(running, rerun.ids);
}

export function stopOf({ id, name }: RunningContainer, graceSeconds: number, message: string, until?: number): Step {
  return { type: "stopContainer", container: name, containerId: id, graceSeconds, until, message };
}

/** Whether the time has come; if not, the plan is looked at again then. */
export function due(draft: Draft, at: number | undefined): boolean {
  if (at === undefined || draft.input.now >= at) return true;
  wake(draft, at);
  return false;
}

export function wake(draft: Draft, at: number): void {
  draft.wakeAt = Math.min(draft.wakeAt ?? at, at);
}
