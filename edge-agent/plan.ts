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
import type { Container, EphemeralContainer, Pod } from "../core/api/types.gen.ts";
import type { Room } from "./admit.ts";
import { CRASH_LOOP, retryAt } from "./backoff.ts";
import { allContainers, current, inCurrentSandbox, isAlive, latest, podTitle, specHash, without } from "./containers.ts";
import { container as memoryOf, ERROR_SHOWN_MS, withContainer, type Ending, type PodMemory } from "./memory.ts";
import type { ProbeResults } from "./probes/prober.ts";
import { initRestartsAfter, isSidecar, podRestartPolicy, restartsAfter, restartsAll } from "./restart-policy.ts";
import { appliedResources, changedResources, podResizeDue, resizeProblem, resizeRestarts, resizeText } from "./resize.ts";
import type { RunningContainer, RunningPod } from "./runtimes/runtime.ts";
import type { Step } from "./steps/step.ts";

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

export interface Plan {
  readonly steps: readonly Step[];
  readonly memory: PodMemory;
  readonly events: readonly PlannedEvent[];
  /** milliseconds; undefined: only when something changes */
  readonly wakeAt: number | undefined;
}

/** For pods whose object is gone: the API's default. */
const DEFAULT_GRACE_SECONDS = 30;
/** Dead containers kept per container beside the newest: the one before it, for lastState and `logs --previous`. */
const KEEP_DEAD = 1;

/** Collects the parts of a plan while it is made. */
interface Draft {
  readonly input: PlanInput;
  memory: PodMemory;
  readonly steps: Step[];
  readonly events: PlannedEvent[];
  wakeAt: number | undefined;
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

// --- when does a pod end? ---

function noteEnding(draft: Draft): void {
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

/** Every container has ended and none starts again, or an init container failed for good. */
export function isFinished(pod: Pod, running: RunningPod | undefined): boolean {
  // a pod that was reported as finished never runs again, whatever is left of it
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return true;
  if (running === undefined) return false;
  const containers = pod.spec?.containers ?? [];
  const initFailed = (pod.spec?.initContainers ?? []).some((init) => {
    const found = latest(running, init.name);
    return !isSidecar(init) && found?.state === "exited" && (found.exitCode ?? 0) !== 0 && !initRestartsAfter(pod, init, found.exitCode ?? 0);
  });
  if (initFailed) return true;
  return containers.length > 0 && containers.every((container) => {
    const found = latest(running, container.name);
    return found?.state === "exited" && !restartsAfter(pod, container, found.exitCode ?? 0);
  });
}

// --- does an exit make the whole pod start over? ---

function noteRerun(draft: Draft): void {
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

/** What runs, without the containers that a rerun has replaced. */
function counted({ input: { running }, memory: { rerun } }: Draft): RunningPod | undefined {
  return running === undefined || rerun === undefined ? running : without(running, rerun.ids);
}

// --- a pod that should run ---

function planWanted(draft: Draft, pod: Pod): void {
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

function planRerun(draft: Draft, pod: Pod, running: RunningPod, ids: readonly string[]): void {
  for (const container of running.containers.filter((each) => ids.includes(each.id) && isAlive(each))) {
    draft.steps.push(stopOf(container, graceOf(pod), `Stopping container ${container.name}`));
  }
}

/** Containers that should have other amounts than they run with. */
function planResize(draft: Draft, pod: Pod, running: RunningPod): void {
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

/** Containers for debugging start once, whatever the others do. */
function planEphemeral(draft: Draft, pod: Pod, running: RunningPod): void {
  for (const container of pod.spec?.ephemeralContainers ?? []) {
    const found = latest(running, container.name);
    if ((found === undefined || found.state === "created") && tryAgain(draft, container, found)) draft.steps.push(startOf(draft, container, found));
  }
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

function graceOf(pod: Pod): number {
  return pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

/** The first of a container in its sandbox, or in a rerun: who caused that has to wait as after any crash. */
function startFirst(draft: Draft, pod: Pod, container: Container, created: RunningContainer | undefined): void {
  const before = created === undefined && draft.memory.rerun?.cause === container.name ? latest(draft.input.running, container.name) : undefined;
  if (before?.state === "exited") restart(draft, pod, container, before);
  else if (tryAgain(draft, container, created)) draft.steps.push(startOf(draft, container, created));
}

function restart(draft: Draft, pod: Pod, container: Container, dead: RunningContainer): void {
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

function startOf({ input: { running } }: Draft, container: Container | EphemeralContainer, created: RunningContainer | undefined): Step {
  if (created !== undefined) return { type: "startContainer", container: container.name, attempt: created.attempt, created: created.id };
  const earlier = latest(running, container.name);
  return { type: "startContainer", container: container.name, attempt: earlier === undefined ? 0 : earlier.attempt + 1 };
}

function tryAgain(draft: Draft, { name }: Container | EphemeralContainer, created?: RunningContainer): boolean {
  const { trouble, unstarted } = memoryOf(draft.memory, name);
  // a start that the runtime did not even note: it may be away
  if (created !== undefined && unstarted?.id === created.id && !due(draft, unstarted.retryAt)) return false;
  // the status changes when the error gives way to the back-off
  if (trouble !== undefined) due(draft, trouble.at + ERROR_SHOWN_MS);
  return due(draft, trouble?.retryAt);
}

// --- a pod that has finished: keep its dead containers, give the rest back ---

function planFinished(draft: Draft, pod: Pod): void {
  stopAll(draft, pod, graceOf(pod), undefined);
}

// --- a pod that ends ---

function planEnding(draft: Draft): void {
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

/** Removal is not always announced by an event. */
const FORGET_LOOK_MS = 5_000;

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

function stopOf({ id, name }: RunningContainer, graceSeconds: number, message: string, until?: number): Step {
  return { type: "stopContainer", container: name, containerId: id, graceSeconds, until, message };
}

// --- always ---

function collectGarbage(draft: Draft): void {
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

function due(draft: Draft, at: number | undefined): boolean {
  if (at === undefined || draft.input.now >= at) return true;
  wake(draft, at);
  return false;
}

function wake(draft: Draft, at: number): void {
  draft.wakeAt = Math.min(draft.wakeAt ?? at, at);
}
