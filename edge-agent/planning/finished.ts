/** When a pod has nothing left to do. */
import type { Pod } from "../../core/api/types.gen.ts";
import { latest } from "../containers.ts";
import { initRestartsAfter, isSidecar, restartsAfter } from "../restart-policy.ts";
import type { RunningPod } from "../runtimes/runtime.ts";

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
