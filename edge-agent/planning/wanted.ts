/** A pod that should run: volumes → sandbox → init containers one by one (sidecars stay) → containers in order → restarts. */
import type { Container, Pod } from "../../core/api/types.gen.ts";
import { current, isAlive, latest, specHash } from "../containers.ts";
import { container as memoryOf } from "../memory.ts";
import { isSidecar, podRestartPolicy, restartsAfter } from "../restart-policy.ts";
import type { RunningContainer, RunningPod } from "../runtimes/runtime.ts";
import { counted, due, graceOf, stopOf } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { planRerun } from "./rerun.ts";
import { planResize } from "./resize.ts";
import { restart, startFirst, startOf, tryAgain } from "./starts.ts";

export function planWanted(draft: Draft, pod: Pod): void {
  const { running, memory, volumes, volumesCertain } = draft.input;
  if (memory.volumes !== volumes && due(draft, memory.volumeTrouble?.retryAt)) draft.steps.push({ type: "mountVolumes", digest: volumes });
  // both take a while: side by side where it is certain that the volumes will be there
  if (memory.volumes === undefined && (memory.volumeTrouble !== undefined || !volumesCertain())) return;
  if (running === undefined || !running.ready) return planSandbox(draft, running);
  if (memory.volumes === undefined) return;
  if (draft.memory.rerun?.done === false) return planRerun(draft, pod, running, draft.memory.rerun.ids);
  const view = counted(draft) ?? running;
  planResize(draft, pod, view);
  planEphemeral(draft, pod, view);
  if (planInit(draft, pod, view)) planContainers(draft, pod, view);
}

function planSandbox(draft: Draft, dead: RunningPod | undefined): void {
  // what survived its sandbox cannot reach the network; it starts again in the next one
  const left = dead?.containers.filter(isAlive) ?? [];
  if (dead !== undefined && left.length > 0) {
    draft.steps.push({ type: "stopSandbox", sandboxId: dead.sandboxId });
    return;
  }
  if (due(draft, draft.memory.sandboxTrouble?.retryAt)) draft.steps.push({ type: "startSandbox", attempt: dead === undefined ? 0 : (dead.attempt ?? 0) + 1 });
}

/** Containers for debugging start once, whatever the others do. */
function planEphemeral(draft: Draft, pod: Pod, running: RunningPod): void {
  for (const container of pod.spec?.ephemeralContainers ?? []) {
    const found = latest(running, container.name);
    if ((found === undefined || found.state === "created") && tryAgain(draft, container, found)) draft.steps.push(startOf(draft, container, found));
  }
}

/** True when the containers may start. */
function planInit(draft: Draft, pod: Pod, running: RunningPod): boolean {
  const started = (pod.spec?.containers ?? []).some((container) => current(running, container.name) !== undefined);
  for (const init of pod.spec?.initContainers ?? []) {
    const sidecar = isSidecar(init);
    if (started && !sidecar) continue;
    const found = current(running, init.name);
    if (found?.state === "exited" && !sidecar && found.exitCode === 0) continue;
    if (found !== undefined && isAlive(found)) {
      if (planRunning(draft, pod, init, found) || !sidecar) return false;
      const waits = init.startupProbe !== undefined && draft.input.probes.get(found.id)?.started !== true;
      if (waits && !started) return false;
      continue;
    }
    if (found === undefined || found.state === "created") {
      startFirst(draft, pod, init, found);
    } else if (found.state === "exited") restart(draft, pod, init, found);
    // the ones after it wait until it runs, unless the pod was initialized before
    if (!started) return false;
  }
  return true;
}

function planContainers(draft: Draft, pod: Pod, running: RunningPod): void {
  // one start at a time keeps the order; a container that waits for its next try holds up nobody
  const starting = () => draft.steps.some(({ type }) => type === "startContainer" || type === "postStart");
  for (const container of pod.spec?.containers ?? []) {
    const found = current(running, container.name);
    if (found === undefined) {
      const earlier = latest(running, container.name);
      if (earlier !== undefined && !restartsAfter(pod, container, earlier.exitCode ?? 0)) continue;
      if (!starting()) startFirst(draft, pod, container, undefined);
    } else if (found.state === "created") {
      if (!starting()) startFirst(draft, pod, container, found);
    } else if (found.state === "exited") {
      const changed = found.specHash !== specHash(container);
      if (!starting() && (changed || restartsAfter(pod, container, found.exitCode ?? 0))) restart(draft, pod, container, found);
    } else planRunning(draft, pod, container, found);
  }
}

/** A container that runs: its hook, or why it may not go on. True when the next ones have to wait. */
function planRunning(draft: Draft, pod: Pod, container: Container, found: RunningContainer): boolean {
  const { postStart, condemned } = memoryOf(draft.memory, container.name);
  const stop = (message: string, graceSeconds = graceOf(pod)) => {
    draft.steps.push(stopOf(found, graceSeconds, message));
    return true;
  };
  // the runtime has lost it: nobody can say what it does, and its next start has to wait for its end
  if (found.state === "unknown") return stop(`Container ${container.name} is in unknown state, try killing it before restart`);
  if (postStart === found.id) {
    draft.steps.push({ type: "postStart", container: container.name, containerId: found.id });
    return true;
  }
  if (condemned?.id === found.id) return stop(condemned.message);
  if (found.specHash !== specHash(container)) return stop(`Container ${container.name} definition changed, will be restarted`);
  const failed = draft.input.probes.get(found.id)?.failed;
  if (failed === undefined) return false;
  if ((pod.spec?.initContainers ?? []).includes(container)) return stop(`Init container ${container.name} failed ${failed.probe} probe`, failed.graceSeconds);
  const restarts = (container.restartPolicy ?? podRestartPolicy(pod)) !== "Never";
  // the end of the last one is the end of the pod, which has a grace period and words of its own
  if (!restarts && isLast(draft, pod, container)) return stop(`Stopping container ${container.name}`);
  return stop(`Container ${container.name} failed ${failed.probe} probe${restarts ? ", will be restarted" : ""}`, failed.graceSeconds);
}

/** Every other container has ended for good. */
function isLast(draft: Draft, pod: Pod, container: Container): boolean {
  return (pod.spec?.containers ?? []).every((each) => {
    const found = latest(draft.input.running, each.name);
    return each === container || (found?.state === "exited" && !restartsAfter(pod, each, found.exitCode ?? 0));
  });
}
