/** The phase of a pod, from the statuses of its containers (Kubernetes documentation, "Pod phase"). */
import type { ContainerStatus, Pod } from "../../core/api/types.gen.ts";
import { initRestartsAfter, isSidecar } from "../restart-policy.ts";

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

export interface PhaseInput {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  /** nothing of it runs, and nothing will again: finished, deleted or out of time */
  readonly over: boolean;
  /** every container has ended for good */
  readonly finished: boolean;
}

export function phaseOf({ pod, init, main, over, finished }: PhaseInput): PodPhase {
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const plainInit = init.filter(({ name }) => !sidecars.has(name));
  const sidecarRuns = init.some(({ name, state }) => sidecars.has(name) && state?.running !== undefined);
  const begun = main.some(({ state, lastState }) => state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined);

  const failed = plainInit.find(({ state }) => state?.terminated !== undefined && state.terminated.exitCode !== 0);
  if (failed !== undefined && (over || !startsAgain(pod, failed))) return "Failed";
  const pendingInit = plainInit.some(({ state }) => state?.terminated?.exitCode !== 0);
  const pendingSidecar = init.some(({ name, state, lastState }) => sidecars.has(name) && state?.waiting !== undefined && lastState?.terminated === undefined);
  if ((pendingInit || pendingSidecar) && !begun) return over ? "Failed" : "Pending";

  const running = main.filter(({ state }) => state?.running !== undefined).length;
  const ended = main.filter(({ state, lastState }) => state?.terminated !== undefined || (state?.waiting !== undefined && lastState?.terminated !== undefined));
  const waiting = main.length - running - ended.length;
  // what never ran cannot have succeeded
  if (waiting > 0) return over ? "Failed" : "Pending";
  if (running > 0) return "Running";
  const allGood = main.every(({ state }) => state?.terminated?.exitCode === 0);
  if (sidecarRuns) return "Running";
  // those that have ended start again otherwise
  if (!over && !finished) return "Running";
  return allGood ? "Succeeded" : "Failed";
}

function startsAgain(pod: Pod, { name, state }: ContainerStatus): boolean {
  const init = pod.spec?.initContainers?.find((each) => each.name === name);
  return init !== undefined && initRestartsAfter(pod, init, state?.terminated?.exitCode ?? 0);
}
