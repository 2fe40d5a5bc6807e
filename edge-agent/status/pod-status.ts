/** The PodStatus that the API shows: a pure function, so the same device always says the same of the same state. */
import { timestamp } from "../../core/api/clock.ts";
import type { PodStatus } from "../../core/api/types.gen.ts";
import { latest, without } from "../containers.ts";
import { isFinished } from "../plan.ts";
import { qosClass } from "../qos.ts";
import { isSidecar } from "../restart-policy.ts";
import { conditionsOf } from "./conditions.ts";
import { containerStatus, ephemeralStatus, type StatusInput } from "./container-status.ts";
import { phaseOf } from "./phase.ts";

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
  const over = !alive && (memory.ending !== undefined || finished);
  const failed = memory.ending?.cause === "deadline" || memory.ending?.cause === "evicted";
  const phase = terminalPhase(previous) ?? (over && failed ? "Failed" : undefined) ?? (over || memory.ending === undefined ? phaseOf({ pod, init, main, over, finished }) : phaseWhileEnding(previous));
  const sandboxReady = running?.ready === true && memory.released !== true;
  const hostNetwork = pod.spec?.hostNetwork === true;
  const podIPs = hostNetwork ? (running === undefined ? [] : input.hostIPs) : (running?.ips ?? []);
  const shownIPs = podIPs.length > 0 ? podIPs : (previous?.podIPs ?? []).map(({ ip }) => ip);
  // a reason stays with the phase it explains
  const why = memory.ending?.reason === undefined && terminalPhase(previous) !== undefined ? previous : memory.ending;
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf({ pod, phase, init, main, sandboxReady, memory, previous: previous?.conditions ?? [], now }),
    ...(why?.reason === undefined ? {} : { reason: why.reason }),
    ...(why?.message === undefined ? {} : { message: why.message }),
    ...(input.hostIPs[0] === undefined ? {} : { hostIP: input.hostIPs[0], hostIPs: input.hostIPs.map((ip) => ({ ip })) }),
    ...(shownIPs[0] === undefined ? {} : { podIP: shownIPs[0], podIPs: shownIPs.map((ip) => ({ ip })) }),
    startTime: timestamp(memory.startTime),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: main,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: qosClass(pod),
  };
}

/** A pod that the device did not take has nothing to show but why. */
function rejected({ pod, memory, hostIPs }: StatusInput): PodStatus {
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: "Failed",
    reason: memory.ending?.reason ?? "",
    message: memory.ending?.message ?? "",
    ...(hostIPs[0] === undefined ? {} : { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) }),
    startTime: timestamp(memory.startTime),
    qosClass: qosClass(pod),
  };
}

/** The end of a pod is shown once everything has stopped. */
function phaseWhileEnding(previous: PodStatus | undefined): "Pending" | "Running" {
  return previous?.phase === "Pending" ? "Pending" : "Running";
}

function terminalPhase(previous: PodStatus | undefined): "Succeeded" | "Failed" | undefined {
  return previous?.phase === "Succeeded" || previous?.phase === "Failed" ? previous.phase : undefined;
}
