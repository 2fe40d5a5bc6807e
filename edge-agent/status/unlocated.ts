/** What the end of a pod makes of containers that did not get to run: nobody can say any more how they ended. */
import type { ContainerStatus, Pod } from "../../core/api/types.gen.ts";
import { isSidecar } from "../restart-policy.ts";

export interface Statuses {
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
}

/** Of a pod that has ended: all of an initialized one, and the init containers up to the last that was begun, are shown as ended. */
export function unlocated(pod: Pod, { init, main }: Statuses): Statuses {
  const lastBegun = init.findLastIndex(hasBegun);
  return {
    init: init.map((status, index) => (index <= Math.max(0, lastBegun) ? ended(status) : status)),
    main: isInitialized(pod, { init, main }) ? main.map(ended) : main,
  };
}

function isInitialized(pod: Pod, { init, main }: Statuses): boolean {
  const last = init.at(-1);
  if (last === undefined || main.some(hasBegun)) return true;
  const container = pod.spec?.initContainers?.at(-1);
  return container !== undefined && isSidecar(container) ? last.state?.running !== undefined : last.state?.terminated?.exitCode === 0;
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined;
}

function ended(status: ContainerStatus): ContainerStatus {
  if (status.state?.terminated !== undefined) return status;
  return { ...status, state: { terminated: { exitCode: 137, reason: "ContainerStatusUnknown", message: "The container could not be located when the pod was terminated", startedAt: null, finishedAt: null } } };
}
