/** The PodStatus that the API shows: a pure function, so the same device always says the same of the same state. */
import { timestamp } from "../../core/api/clock.ts";
import type { PodStatus } from "../../core/api/types.gen.ts";
import { latest, without } from "../containers.ts";
import { isFinished } from "../planning/finished.ts";
import { qosClass } from "../qos.ts";
import { isSidecar } from "../restart-policy.ts";
import { conditionsOf } from "./conditions.ts";
import { containerStatus, ephemeralStatus, type StatusInput } from "./container-status.ts";
import { phaseOf } from "./phase.ts";
import { podResources } from "./pod-resources.ts";
import { unlocated } from "./unlocated.ts";

/** `previous`: what was shown before, for transition times and conditions that others own */
export function podStatus(input: StatusInput, previous: PodStatus | undefined): PodStatus {
  const { pod, running, memory, now } = input;
  if (memory.ending?.cause === "rejected") return rejected(input);
  const inits = pod.spec?.initContainers ?? [];
  const mains = pod.spec?.containers ?? [];
  const counted = running === undefined || memory.rerun === undefined ? running : without(running, memory.rerun.ids);
  const done = inits.every((container) => {
    const found = latest(counted, container.name);
    return isSidecar(container) ? found?.state === "running" : found?.state === "exited" && found.exitCode === 0;
  });
  const init = inits.map((container) => containerStatus(input, container, "init", false));
  const main = mains.map((container) => containerStatus(input, container, "main", done));
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => ephemeralStatus(input, container));
  const alive = running?.containers.some(({ state }) => state === "running") === true;
  const finished = isFinished(pod, counted);
  const ends = memory.ending !== undefined || finished;
  const over = ends && !alive;
  const failed = memory.ending?.cause === "deadline" || memory.ending?.cause === "evicted";
  const coming = over && failed ? "Failed" : over || !ends ? phaseOf({ pod, init, main, over, finished }) : phaseWhileEnding(previous);
  const sandboxReady = running?.ready === true && memory.released !== true;
  // whoever waits for the end takes address and devices for free then: it is told once the sandbox has ended, too
  const phase = terminalPhase(previous) ?? (isTerminal(coming) && sandboxReady ? phaseWhileEnding(previous) : coming);
  const hostNetwork = pod.spec?.hostNetwork === true;
  const podIPs = hostNetwork ? (running === undefined ? [] : input.hostIPs) : (running?.ips ?? []);
  const shownIPs = podIPs.length > 0 ? podIPs : (previous?.podIPs ?? []).map(({ ip }) => ip);
  // a reason stays with the phase it explains
  const why = !isTerminal(phase) ? undefined : memory.ending?.reason === undefined ? previous : memory.ending;
  // what happens to the object of a pod that is over is not looked at any more
  const generation = terminalPhase(previous) === undefined ? pod.metadata.generation : (previous?.observedGeneration ?? pod.metadata.generation);
  // a deleted pod that never ran has not failed, as far as its conditions go
  const initFailed = init.some(({ state }) => state?.terminated !== undefined && state.terminated.exitCode !== 0);
  const neverRan = memory.ending?.cause === "deleted" && !initFailed && main.some(({ state, lastState }) => state?.waiting !== undefined && lastState?.terminated === undefined);
  const shown = isTerminal(phase) ? unlocated(pod, { init, main }) : { init, main };
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: conditionsOf({ pod, generation, phase: neverRan && isTerminal(coming) ? "Pending" : (terminalPhase(previous) ?? coming), init, main, sandboxReady, memory, previous: previous?.conditions ?? [], now }),
    ...(why?.reason === undefined ? {} : { reason: why.reason }),
    ...(why?.message === undefined ? {} : { message: why.message }),
    ...(input.hostIPs[0] === undefined ? {} : { hostIP: input.hostIPs[0], hostIPs: input.hostIPs.map((ip) => ({ ip })) }),
    ...(shownIPs[0] === undefined ? {} : { podIP: shownIPs[0], podIPs: shownIPs.map((ip) => ({ ip })) }),
    startTime: timestamp(memory.startTime),
    ...(init.length === 0 ? {} : { initContainerStatuses: shown.init }),
    containerStatuses: shown.main,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: qosClass(pod),
    ...podResources(pod, [...init, ...main]),
  };
}

/** A pod that the device did not take has nothing to show but why. */
function rejected({ pod, memory }: StatusInput): PodStatus {
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: "Failed",
    reason: memory.ending?.reason ?? "",
    message: memory.ending?.message ?? "",
    startTime: timestamp(memory.startTime),
    qosClass: qosClass(pod),
  };
}

/** The end of a pod is shown once everything has stopped. */
function phaseWhileEnding(previous: PodStatus | undefined): "Pending" | "Running" {
  return previous?.phase === "Pending" ? "Pending" : "Running";
}

function terminalPhase(previous: PodStatus | undefined): "Succeeded" | "Failed" | undefined {
  return isTerminal(previous?.phase) ? previous?.phase : undefined;
}

function isTerminal(phase: string | undefined): phase is "Succeeded" | "Failed" {
  return phase === "Succeeded" || phase === "Failed";
}
