/** A pod that ends: why, and how everything that it has goes, in order. */
import type { Pod } from "../../core/api/types.gen.ts";
import { isAlive } from "../containers.ts";
import type { Ending } from "../memory.ts";
import { isSidecar } from "../restart-policy.ts";
import { DEFAULT_GRACE_SECONDS, graceOf, stopOf, wake } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { isFinished } from "./finished.ts";

/** Removal is not always announced by an event. */
const FORGET_LOOK_MS = 5_000;

export function noteEnding(draft: Draft): void {
  const { pod, now } = draft.input;
  const known = draft.memory.ending;
  const begin = (ending: Omit<Ending, "since">) => {
    draft.memory = { ...draft.memory, ending: { ...ending, since: now } };
  };
  if (pod === undefined) {
    if (known === undefined || known.cause === "deadline" || known.cause === "evicted") begin({ cause: "orphan", graceSeconds: known?.graceSeconds ?? DEFAULT_GRACE_SECONDS });
    return;
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    const graceSeconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    // a second deletion may shorten the grace period, never extend it
    if (known?.cause !== "deleted" || graceSeconds < known.graceSeconds) begin({ ...known, cause: "deleted", graceSeconds });
    return;
  }
  const deadline = pod.spec?.activeDeadlineSeconds;
  if (deadline === undefined || known !== undefined || isFinished(pod, draft.input.running)) return;
  const endsAt = draft.memory.startTime + deadline * 1000;
  if (now < endsAt) return wake(draft, endsAt);
  const message = "Pod was active on the node longer than the specified deadline";
  draft.events.push({ type: "Normal", reason: "DeadlineExceeded", message });
  begin({ cause: "deadline", graceSeconds: pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS, reason: "DeadlineExceeded", message });
}

/** Keeps its dead containers, gives the rest back. */
export function planFinished(draft: Draft, pod: Pod): void {
  stopAll(draft, pod, graceOf(pod), undefined);
}

export function planEnding(draft: Draft): void {
  const { pod, running, now } = draft.input;
  const ending = draft.memory.ending;
  if (ending === undefined) return;
  if (!stopAll(draft, pod, ending.graceSeconds, ending.since + ending.graceSeconds * 1000)) return;
  if (ending.cause !== "deleted" && ending.cause !== "orphan") return;
  if (running === undefined) {
    if (draft.memory.gone !== true) draft.steps.push({ type: "forgetPod" });
    return;
  }
  for (const container of running.containers) draft.steps.push({ type: "removeContainer", containerId: container.id });
  if (running.containers.length > 0) return;
  for (const sandboxId of [...(running.earlierSandboxes ?? []), running.sandboxId]) draft.steps.push({ type: "removeSandbox", sandboxId });
  wake(draft, now + FORGET_LOOK_MS);
}

/** Containers, then sidecars from last to first, then sandbox, then volumes. True when all of it is done. */
function stopAll(draft: Draft, pod: Pod | undefined, graceSeconds: number, until: number | undefined): boolean {
  const { running } = draft.input;
  const sidecars = (pod?.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const alive = running?.containers.filter(isAlive) ?? [];
  const first = alive.filter(({ name }) => !sidecars.includes(name));
  const last = alive.toSorted((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name)).slice(0, 1);
  for (const container of first.length > 0 ? first : last) draft.steps.push(stopOf(container, graceSeconds, `Stopping container ${container.name}`, until));
  if (alive.length > 0) return false;
  if (draft.memory.released === true) return true;
  if (running?.ready === true) {
    draft.steps.push({ type: "stopSandbox", sandboxId: running.sandboxId });
    return false;
  }
  draft.steps.push({ type: "unmountVolumes" });
  return false;
}
