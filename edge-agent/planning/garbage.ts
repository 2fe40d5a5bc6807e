/** What a pod that goes on has no use for any more. */
import type { Draft } from "./draft.ts";

/** Dead containers kept per container beside the newest: the one before it, for lastState and `logs --previous`. */
const KEEP_DEAD = 1;

export function collectGarbage(draft: Draft): void {
  const { pod, running } = draft.input;
  if (running === undefined || pod === undefined || draft.memory.ending !== undefined) return;
  const names = new Set(running.containers.map(({ name }) => name));
  const kept = new Set<string>();
  for (const name of names) {
    const byAge = running.containers.filter((container) => container.name === name).toSorted((a, b) => b.attempt - a.attempt);
    byAge.forEach((container, index) => {
      if (index <= KEEP_DEAD || container.state !== "exited") kept.add(container.sandboxId ?? running.sandboxId);
      else draft.steps.push({ type: "removeContainer", containerId: container.id });
    });
  }
  for (const sandboxId of running.earlierSandboxes ?? []) if (!kept.has(sandboxId)) draft.steps.push({ type: "removeSandbox", sandboxId });
}
