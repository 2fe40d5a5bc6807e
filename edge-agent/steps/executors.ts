/** Every step has its executor: a missing one does not compile. */
import type { MemoryChange } from "../memory.ts";
import type { Executor, StepContext } from "./executor.ts";
import { mountVolumes } from "./mount-volumes.ts";
import { forgetPod, removeContainer, removeSandbox, stopSandbox, unmountVolumes } from "./removal.ts";
import { postStart } from "./post-start.ts";
import { resizeContainer } from "./resize-container.ts";
import { resizePod } from "./resize-pod.ts";
import { startContainer } from "./start-container.ts";
import { startSandbox } from "./start-sandbox.ts";
import type { Step, StepType } from "./step.ts";
import { stopContainer } from "./stop-container.ts";

export type Executors = { readonly [T in StepType]: Executor<T> };

export const executors: Executors = {
  mountVolumes,
  startSandbox,
  startContainer,
  postStart,
  resizeContainer,
  resizePod,
  stopContainer,
  removeContainer,
  stopSandbox,
  removeSandbox,
  unmountVolumes,
  forgetPod,
};

export function execute(step: Step, context: StepContext): Promise<MemoryChange> {
  const run = executors[step.type] as Executor<typeof step.type>;
  return run(step, context);
}
