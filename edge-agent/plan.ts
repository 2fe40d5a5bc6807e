/**
 * Decides what should be going on for one pod: a pure function of what is wanted, what runs, what is remembered and the
 * time. It returns the steps that should be in progress (also those that already are), the next memory, what to tell
 * the user, and when to look again. Order comes from state alone: no step waits for another, the plan names a step only
 * when what it needs is there.
 *
 *   wanted:  volumes → sandbox → init containers one by one (sidecars stay) → containers in order → restarts
 *   ending:  containers together → sidecars from last to first → sandbox → volumes
 *   deleted: … → dead containers → sandboxes → everything else
 */
import type { PodMemory } from "./memory.ts";
import { counted } from "./planning/draft.ts";
import type { Draft, PlanInput, PlannedEvent } from "./planning/draft.ts";
import { noteEnding, planEnding, planFinished } from "./planning/ending.ts";
import { isFinished } from "./planning/finished.ts";
import { collectGarbage } from "./planning/garbage.ts";
import { noteRerun } from "./planning/rerun.ts";
import { planWanted } from "./planning/wanted.ts";
import type { Step } from "./steps/step.ts";

export interface Plan {
  readonly steps: readonly Step[];
  readonly memory: PodMemory;
  readonly events: readonly PlannedEvent[];
  /** milliseconds; undefined: only when something changes */
  readonly wakeAt: number | undefined;
}

export function plan(input: PlanInput): Plan {
  const draft: Draft = { input, memory: input.memory, steps: [], events: [], wakeAt: undefined };
  noteEnding(draft);
  noteRerun(draft);
  const { pod } = input;
  if (draft.memory.ending !== undefined || pod === undefined) planEnding(draft);
  else if (isFinished(pod, counted(draft))) planFinished(draft, pod);
  else planWanted(draft, pod);
  collectGarbage(draft);
  const { memory, steps, events, wakeAt } = draft;
  return { memory, steps, events, wakeAt };
}
