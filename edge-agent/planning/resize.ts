/** Containers that should have other amounts than they run with (KEP-1287). */
import type { Pod } from "../../core/api/types.gen.ts";
import { allContainers, current } from "../containers.ts";
import { appliedResources, changedResources, podResizeDue, resizeProblem, resizeRestarts, resizeText } from "../resize.ts";
import type { RunningPod } from "../runtimes/runtime.ts";
import { due, graceOf, stopOf } from "./draft.ts";
import type { Draft } from "./draft.ts";

export function planResize(draft: Draft, pod: Pod, running: RunningPod): void {
  const { memory, room } = draft.input;
  const changes = allContainers(pod).flatMap((container) => {
    const found = current(running, container.name);
    if (found?.state !== "running") return [];
    const applied = appliedResources(pod, memory, container, found);
    if (applied === undefined) {
      // setting what may be set already does no harm and is not worth telling
      if (container.resources !== undefined && due(draft, memory.resizeTrouble?.retryAt)) draft.steps.push({ type: "resizeContainer", container: container.name, containerId: found.id });
      return [];
    }
    const changed = changedResources(container.resources, applied);
    return changed.length === 0 ? [] : [{ container, found, changed }];
  });
  const podResize = podResizeDue(pod, memory);
  if (podResize === "quietly") draft.steps.push({ type: "resizePod" });
  const known = memory.resize;
  const tell = (type: "Normal" | "Warning", reason: string, message: string) => draft.events.push({ type, reason, message });
  if (changes.length === 0 && podResize !== "due") {
    if (known === undefined) return;
    if (known.pending === undefined) tell("Normal", "ResizeCompleted", `Pod resize completed: ${resizeText(pod)}`);
    draft.memory = { ...draft.memory, resize: undefined, resizeTrouble: undefined };
    return;
  }
  const pending = resizeProblem(pod, room());
  const { generation } = pod.metadata;
  if (known === undefined || known.generation !== generation || known.pending?.reason !== pending?.reason) {
    if (pending === undefined) tell("Normal", "ResizeStarted", `Pod resize started: ${resizeText(pod)}`);
    else tell("Warning", `Resize${pending.reason}`, `Pod resize ${pending.reason.toLowerCase()}: ${pending.message}`);
  }
  draft.memory = { ...draft.memory, resize: { generation, pending } };
  if (pending !== undefined || !due(draft, draft.memory.resizeTrouble?.retryAt)) return;
  if (podResize === "due") draft.steps.push({ type: "resizePod" });
  for (const { container, found, changed } of changes) {
    if (resizeRestarts(container, changed)) draft.steps.push(stopOf(found, graceOf(pod), `Container ${container.name} resize requires restart`));
    else draft.steps.push({ type: "resizeContainer", container: container.name, containerId: found.id });
  }
}
