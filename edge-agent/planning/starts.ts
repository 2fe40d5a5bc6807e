/** The first start of a container and those after its ends, each at its time. */
import type { Container, EphemeralContainer, Pod } from "../../core/api/types.gen.ts";
import { CRASH_LOOP, retryAt } from "../backoff.ts";
import { latest, podTitle } from "../containers.ts";
import { container as memoryOf, ERROR_SHOWN_MS, withContainer } from "../memory.ts";
import type { RunningContainer } from "../runtimes/runtime.ts";
import type { Step } from "../steps/step.ts";
import { due, wake } from "./draft.ts";
import type { Draft } from "./draft.ts";

/** The first of a container in its sandbox, or in a rerun: who caused that has to wait as after any crash. */
export function startFirst(draft: Draft, pod: Pod, container: Container, created: RunningContainer | undefined): void {
  const before = created === undefined && draft.memory.rerun?.cause === container.name ? latest(draft.input.running, container.name) : undefined;
  if (before?.state === "exited") restart(draft, pod, container, before);
  else if (tryAgain(draft, container, created)) draft.steps.push(startOf(draft, container, created));
}

export function restart(draft: Draft, pod: Pod, container: Container, dead: RunningContainer): void {
  const { now } = draft.input;
  const { crash } = memoryOf(draft.memory, container.name);
  const failedAt = dead.finishedAt ?? dead.createdAt;
  const at = dead.blameless === true ? failedAt : retryAt(crash, failedAt, CRASH_LOOP);
  if (now < at) {
    const message = `Back-off restarting failed container ${container.name} in pod ${podTitle(pod)}`;
    if (memoryOf(draft.memory, container.name).toldOf !== dead.id) {
      draft.events.push({ type: "Warning", reason: "BackOff", message, container: container.name });
      draft.memory = withContainer(draft.memory, container.name, { toldOf: dead.id });
    }
    // the status changes when the error of its start gives way to the back-off
    const { unstarted } = memoryOf(draft.memory, container.name);
    if (unstarted?.id === dead.id) due(draft, unstarted.at + ERROR_SHOWN_MS);
    return wake(draft, at);
  }
  if (tryAgain(draft, container)) draft.steps.push(startOf(draft, container, undefined));
}

export function startOf({ input: { running } }: Draft, container: Container | EphemeralContainer, created: RunningContainer | undefined): Step {
  if (created !== undefined) return { type: "startContainer", container: container.name, attempt: created.attempt, created: created.id };
  const earlier = latest(running, container.name);
  return { type: "startContainer", container: container.name, attempt: earlier === undefined ? 0 : earlier.attempt + 1 };
}

export function tryAgain(draft: Draft, { name }: Container | EphemeralContainer, created?: RunningContainer): boolean {
  const { trouble, unstarted } = memoryOf(draft.memory, name);
  // a start that the runtime did not even note: it may be away
  if (created !== undefined && unstarted?.id === created.id && !due(draft, unstarted.retryAt)) return false;
  // the status changes when the error gives way to the back-off
  if (trouble !== undefined) due(draft, trouble.at + ERROR_SHOWN_MS);
  return due(draft, trouble?.retryAt);
}
