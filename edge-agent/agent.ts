/**
 * The loop: observe → plan → act → report, one worker per pod. A worker never waits: it looks at the newest state,
 * starts the steps the plan names that are not going on, aborts those that the plan dropped, and reports. Whatever
 * changes (the desired set, the runtime, a finished step, a moment that was waited for) makes it look again. A step
 * counts as going on until a listing made after its end was seen, so nothing is done twice on old news.
 */
import type { Pod, PodStatus } from "../core/api/types.gen.ts";
import type { AnyObject } from "../core/api/meta.ts";
import { refusal, type Room } from "./admit.ts";
import { clearing } from "./clearing.ts";
import type { Desired } from "./desired.ts";
import { drain } from "./drain.ts";
import { removeLeftovers } from "./leftovers.ts";
import { freshMemory, type MemoryChange, type PodMemory } from "./memory.ts";
import type { Observer } from "./observe.ts";
import { plan } from "./plan.ts";
import type { PodIdentity } from "./pod-directories.ts";
import { prober, type ProbedPod, type ProbeResults } from "./probes/prober.ts";
import type { Report } from "./report.ts";
import type { RunningPod, Runtime } from "./runtimes/runtime.ts";
import { isStatic } from "./static-pods.ts";
import { podStatus } from "./status/pod-status.ts";
import { textOf, type Device } from "./steps/executor.ts";
import { execute } from "./steps/executors.ts";
import { stepKey, type Step } from "./steps/step.ts";

export interface AgentParts {
  readonly device: Device;
  readonly desired: Desired;
  readonly observer: Observer;
  readonly report: Report;
  readonly runtimes: readonly Runtime[];
  readonly chooseRuntime: (pod: Pod) => Runtime | undefined;
}

/** `ownFault`: for its own excess, not because the device is in need */
export interface EvictionCause {
  readonly message: string;
  readonly graceSeconds: number;
  readonly ownFault?: boolean;
}

export interface Agent {
  /** look at everything again: runtimes, then every pod */
  wake(): Promise<void>;
  /** what the API is told of a pod, for streams that need its state */
  status(uid: string): PodStatus | undefined;
  /** ends a pod because the device runs out of something; false: it is not here, or it ends already */
  evict(uid: string, why: EvictionCause): boolean;
  /**
   * Resolves when no step is going on any more; starts no more steps.
   * @param how drain: stops every pod with its grace period; they start again with the next agent
   */
  close(how?: { readonly drain: boolean }): Promise<void>;
}

/** Runtime events are hints; this is how long a missed one can go unnoticed (kubelet: 1 s with events off, 300 s with). */
const RELIST_MS = 10_000;
/** After a step that failed in a way no plan knows. */
const AFTER_FAILURE_MS = 2_000;

interface Worker {
  readonly id: PodIdentity;
  memory: PodMemory;
  /** it was checked whether there is room for it */
  admitted: boolean;
  /** the last object of it, for pods that are no longer desired */
  pod: Pod | undefined;
  status: PodStatus | undefined;
  runtime: Runtime | undefined;
  readonly active: Map<string, AbortController>;
  cancelWake: () => void;
}

export function startAgent({ device, desired, observer, report, runtimes, chooseRuntime }: AgentParts): Agent {
  const { clock, log } = device;
  const workers = new Map<string, Worker>();
  const going = new Set<Promise<void>>();
  let closed = false;

  /** A pod that cannot even be looked at holds up no other. */
  const look = (uid: string): void => {
    try {
      lookAt(uid);
    } catch (error) {
      const pod = desired.pod(uid);
      log.error({ pod: pod?.metadata.name ?? uid, error: error instanceof Error ? error.stack : String(error) }, "a pod could not be looked at");
      if (pod !== undefined) device.events.pod(pod, { type: "Warning", reason: "FailedSync", message: `error determining status: ${textOf(error)}` });
    }
  };

  const lookAt = (uid: string): void => {
    if (closed || !observer.complete()) return;
    const pod = desired.pod(uid);
    const observed = observer.pods().get(uid);
    const worker = workers.get(uid) ?? newWorker(uid, pod, observed?.pod, clock.now());
    if (worker === undefined) return;
    workers.set(uid, worker);
    worker.pod = pod ?? worker.pod;
    worker.runtime = observed?.runtime ?? worker.runtime ?? (pod === undefined ? undefined : chooseRuntime(pod));
    // a device that was never told anything leaves alone what it finds
    if (pod === undefined && !desired.known()) return;
    if (worker.runtime === undefined) return refuse(worker, pod);

    const running = observed?.pod;
    if (pod !== undefined && running === undefined && isNew(pod, worker)) admit(worker, pod);
    const probes = probing.follow(uid, probed(worker, pod, running));
    const decided = plan({ pod, running, memory: worker.memory, probes, room: () => roomFor(worker), volumes: pod === undefined ? "" : device.volumes.digest(pod), volumesCertain: () => pod !== undefined && device.volumes.certain(pod), now: clock.now() });
    worker.memory = decided.memory;
    if (worker.pod !== undefined) for (const event of decided.events) device.events.pod(worker.pod, event);
    wakeAt(worker, decided.wakeAt);
    tell(worker, pod, running, probes);
    act(worker, pod, running, decided.steps);
    if (worker.memory.gone === true && pod === undefined && running === undefined && worker.active.size === 0) forget(worker);
  };

  const act = (worker: Worker, pod: Pod | undefined, running: RunningPod | undefined, steps: readonly Step[]): void => {
    const wanted = new Map(steps.map((step) => [stepKey(step), step]));
    for (const [key, control] of worker.active) if (!wanted.has(key)) control.abort();
    for (const [key, step] of wanted) if (!worker.active.has(key)) begin(worker, key, step, pod ?? worker.pod, running);
  };

  const clear = clearing(clock, () => !closed && [...workers.values()].some(isStarting));

  const begin = (worker: Worker, key: string, step: Step, pod: Pod | undefined, running: RunningPod | undefined): void => {
    const { id, memory, runtime } = worker;
    if (runtime === undefined) return;
    const control = new AbortController();
    worker.active.set(key, control);
    const work = async () => {
      let change: MemoryChange;
      try {
        const note = (noted: MemoryChange) => void (worker.memory = noted(worker.memory));
        const carryOut = () => execute(step, { device, id, pod, runtime, running, memory, note, signal: control.signal });
        change = await (CLEARING.has(step.type) ? clear(carryOut) : carryOut());
      } catch (error) {
        log.warn({ pod: `${id.namespace}/${id.name}`, step: step.type, error: textOf(error) }, "a step failed; it will be tried again");
        if (pod !== undefined && !control.signal.aborted) device.events.pod(pod, { type: "Warning", ...failureOf(step, textOf(error)) });
        await new Promise<void>((resolve) => clock.after(AFTER_FAILURE_MS, resolve));
        change = (before) => before;
      }
      worker.memory = change(worker.memory);
      if (!ASIDE.has(step.type)) await observer.refresh();
      worker.active.delete(key);
      look(id.uid);
    };
    const tracked = work().finally(() => going.delete(tracked));
    going.add(tracked);
  };

  const tell = (worker: Worker, pod: Pod | undefined, running: RunningPod | undefined, probes: ProbeResults): void => {
    const { id, runtime } = worker;
    if (pod === undefined || runtime === undefined) return;
    // what is left of a pod that is being cleared away says nothing about how it ended
    const goesAway = worker.memory.released === true && worker.memory.ending !== undefined;
    if (!goesAway || worker.status === undefined || (!isOver(worker) && showsAll(running, worker.status))) {
      const before = worker.status;
      worker.status = podStatus({ pod, running, memory: worker.memory, probes, hostIPs: device.hostIPs(), handler: runtime.handler, now: clock.now() }, worker.status ?? pod.status);
      if (before?.phase === "Pending" && worker.status.phase === "Running") device.meter?.observe("kubelet_pod_start_duration_seconds", (clock.now() - worker.memory.startTime) / 1000);
    }
    report.pod(id.uid, { namespace: id.namespace, name: id.name, status: worker.status as unknown as AnyObject, ...(isStatic(pod) ? { mirror: pod as AnyObject } : {}), ...(worker.memory.gone === true ? { gone: true } : {}) });
  };

  const roomFor = (worker: Worker): Room => ({
    allocatable: device.allocatable(),
    others: [...workers.values()].filter((each) => each !== worker && each.admitted && each.pod !== undefined && !isOver(each)).flatMap((each) => each.pod ?? []),
  });

  const admit = (worker: Worker, pod: Pod): void => {
    worker.admitted = true;
    const problem = refusal(pod, { ...roomFor(worker), pressure: device.pressure?.() ?? [], features: device.features?.() });
    if (problem === undefined) return;
    device.events.pod(pod, { type: "Warning", ...problem });
    worker.memory = { ...worker.memory, ending: { cause: "rejected", since: clock.now(), graceSeconds: 0, reason: problem.reason, message: `Pod was rejected: ${problem.message}` } };
  };

  /** No runtime of this device can run it. */
  const refuse = (worker: Worker, pod: Pod | undefined): void => {
    if (pod === undefined) return;
    const { namespace, name, uid } = worker.id;
    if (pod.metadata.deletionTimestamp !== undefined) {
      worker.memory = { ...worker.memory, gone: true };
      report.pod(uid, { namespace, name, gone: true });
      return;
    }
    const wanted = pod.spec?.runtimeClassName;
    if (worker.memory.sandboxTrouble !== undefined) return;
    const message = `Failed to create pod sandbox: this device has no runtime for RuntimeClass "${wanted ?? ""}"; it has ${runtimes.map(({ handler }) => handler).join(", ") || "none"}`;
    device.events.pod(pod, { type: "Warning", reason: "FailedCreatePodSandBox", message });
    const now = clock.now();
    worker.memory = { ...worker.memory, sandboxTrouble: { reason: "FailedCreatePodSandBox", message, at: now, retryAt: now, backoff: { delayMs: 0, since: now } } };
  };

  const wakeAt = (worker: Worker, at: number | undefined): void => {
    worker.cancelWake();
    worker.cancelWake = at === undefined ? () => {} : clock.after(Math.max(0, at - clock.now()), () => look(worker.id.uid));
  };

  const forget = (worker: Worker): void => {
    probing.follow(worker.id.uid, undefined);
    worker.cancelWake();
    workers.delete(worker.id.uid);
    report.forget(worker.id.uid);
  };

  let tidied = false;
  /** Once, as soon as it is known what is wanted and what runs. */
  const tidy = (): void => {
    if (tidied || closed || !desired.known() || !observer.complete()) return;
    tidied = true;
    const needed = (uid: string) => workers.has(uid) || desired.pod(uid) !== undefined || observer.pods().has(uid);
    const tidying = removeLeftovers({ files: device.files, volumes: device.volumes, runtimes, log, needed }).finally(() => going.delete(tidying));
    going.add(tidying);
  };

  const lookAtAll = (): void => {
    const uids = new Set([...desired.pods().map((pod) => pod.metadata.uid ?? ""), ...observer.pods().keys(), ...workers.keys()]);
    for (const uid of uids) look(uid);
    tidy();
  };
  const wake = async (): Promise<void> => {
    await observer.refresh();
    lookAtAll();
  };

  let cancelRelist: (() => void) | undefined;
  const relist = () => {
    cancelRelist = clock.after(RELIST_MS, () => void wake().finally(() => closed || relist()));
  };
  const hinted = new Set<number>();
  const hint = () => {
    for (const delay of HINT_LOOKS_MS) {
      if (closed || hinted.has(delay)) continue;
      hinted.add(delay);
      clock.after(delay, () => {
        hinted.delete(delay);
        if (!closed) void wake();
      });
    }
  };
  const probing = prober({ clock, hostIPs: device.hostIPs, tell: (pod, event) => device.events.pod(pod, event), onChange: look, meter: device.meter });
  const stops = runtimes.map((runtime) => runtime.changes(hint));
  desired.onChange(lookAtAll);
  relist();

  return {
    wake,
    status: (uid) => workers.get(uid)?.status,
    evict(uid, { message, graceSeconds, ownFault }) {
      const worker = workers.get(uid);
      if (worker === undefined || worker.memory.ending !== undefined || isOver(worker)) return false;
      worker.memory = { ...worker.memory, ending: { cause: "evicted", since: clock.now(), graceSeconds, reason: "Evicted", message, ownFault } };
      look(uid);
      return true;
    },
    async close(how = { drain: false }) {
      closed = true;
      if (how.drain) await drain({ device, desired, observer });
      cancelRelist?.();
      for (const stop of stops) stop();
      probing.close();
      for (const worker of workers.values()) {
        worker.cancelWake();
        for (const control of worker.active.values()) control.abort();
      }
      await Promise.allSettled(going);
      // a step that was under way may have started what the first look did not see
      if (how.drain) await drain({ device, desired, observer });
    },
  };
}

/** They take away what ended (clearing.ts). */
const CLEARING: ReadonlySet<Step["type"]> = new Set(["removeContainer", "stopSandbox", "removeSandbox", "unmountVolumes", "forgetPod"]);

/** Steps that change nothing that the runtime could tell: there is nothing to wait for after them. */
const ASIDE: ReadonlySet<Step["type"]> = new Set(["mountVolumes", "unmountVolumes", "forgetPod"]);

/** In the words of a kubelet: what takes a pod away fails to kill it, anything else to synchronise it. */
function failureOf({ type }: Step, message: string): { readonly reason: string; readonly message: string } {
  if (type === "unmountVolumes") return { reason: "FailedUnMount", message };
  return ENDING.has(type) ? { reason: "FailedKillPod", message: `error killing pod: ${message}` } : { reason: "FailedSync", message: `error syncing pod: ${message}` };
}

const ENDING: ReadonlySet<Step["type"]> = new Set(["stopContainer", "removeContainer", "stopSandbox", "removeSandbox", "forgetPod"]);

/** Not yet checked, and not one that was told before that it is running or over. */
function isNew(pod: Pod, worker: Worker): boolean {
  return !worker.admitted && pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";
}

function probed({ runtime, memory }: Worker, pod: Pod | undefined, running: RunningPod | undefined): ProbedPod | undefined {
  return pod === undefined || running === undefined || runtime === undefined ? undefined : { pod, running, runtime, ending: memory.ending !== undefined };
}

/** Every container that the status speaks of is still there. */
function showsAll(running: RunningPod | undefined, { initContainerStatuses = [], containerStatuses = [] }: PodStatus): boolean {
  const shown = [...initContainerStatuses, ...containerStatuses].flatMap(({ containerID }) => containerID ?? []);
  return running !== undefined && shown.every((each) => running.containers.some(({ id }) => each.endsWith(`://${id}`)));
}

/** It is on its way; one that waits for its next try is not. */
function isStarting({ pod, memory, status, active }: Worker): boolean {
  return pod !== undefined && memory.ending === undefined && status?.phase === "Pending" && active.size > 0;
}

function isOver({ status }: Worker): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/**
 * Events come in bursts, and a runtime may announce a change before its own listing shows it (containerd syncs its state
 * to disk in between): one look for the burst, two more for slow disks.
 */
const HINT_LOOKS_MS = [50, 400, 2_000] as const;
function newWorker(uid: string, pod: Pod | undefined, running: RunningPod | undefined, now: number): Worker | undefined {
  const source = pod?.metadata ?? running;
  if (source === undefined) return undefined;
  const started = pod?.status?.startTime;
  const startTime = started !== undefined ? Date.parse(started) : (running?.createdAt ?? now);
  return {
    id: { namespace: source.namespace ?? "", name: source.name ?? "", uid },
    memory: freshMemory(startTime),
    // what runs has its room
    admitted: running !== undefined,
    pod,
    status: undefined,
    runtime: undefined,
    active: new Map(),
    cancelWake: () => {},
  };
}

