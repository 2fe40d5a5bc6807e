/** An exit that makes the whole pod start over: what has to end first. */
import type { Pod } from "../../core/api/types.gen.ts";
import { allContainers, inCurrentSandbox, isAlive, latest } from "../containers.ts";
import { restartsAll } from "../restart-policy.ts";
import type { RunningPod } from "../runtimes/runtime.ts";
import { counted, graceOf, stopOf } from "./draft.ts";
import type { Draft } from "./draft.ts";

export function noteRerun(draft: Draft): void {
  const { pod, running } = draft.input;
  if (pod === undefined || running === undefined || draft.memory.ending !== undefined) return;
  const { rerun } = draft.memory;
  const cause = allContainers(pod).find((container) => {
    const found = latest(counted(draft), container.name);
    return found?.state === "exited" && inCurrentSandbox(running, found) && restartsAll(container, found.exitCode ?? 0);
  });
  if (cause !== undefined) draft.memory = { ...draft.memory, rerun: { ids: running.containers.map(({ id }) => id), cause: cause.name, done: false } };
  else if (rerun?.done === false && !running.containers.some((container) => rerun.ids.includes(container.id) && isAlive(container))) draft.memory = { ...draft.memory, rerun: { ...rerun, done: true } };
}

export function planRerun(draft: Draft, pod: Pod, running: RunningPod, ids: readonly string[]): void {
  for (const container of running.containers.filter((each) => ids.includes(each.id) && isAlive(each))) {
    draft.steps.push(stopOf(container, graceOf(pod), `Stopping container ${container.name}`));
  }
}
