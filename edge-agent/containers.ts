/** Questions about the containers of a pod that plan, status and streams all ask. */
import { createHash } from "node:crypto";
import type { Container, EphemeralContainer, Pod } from "../core/api/types.gen.ts";
import type { RunningContainer, RunningPod } from "./runtimes/runtime.ts";

/** The newest container of that name, of any sandbox. */
export function latest(running: RunningPod | undefined, name: string): RunningContainer | undefined {
  let found: RunningContainer | undefined;
  for (const container of running?.containers ?? []) {
    if (container.name === name && (found === undefined || container.attempt > found.attempt)) found = container;
  }
  return found;
}

/** The newest container of that name before `attempt`. */
export function before(running: RunningPod | undefined, name: string, attempt: number): RunningContainer | undefined {
  let found: RunningContainer | undefined;
  for (const container of running?.containers ?? []) {
    if (container.name === name && container.attempt < attempt && (found === undefined || container.attempt > found.attempt)) found = container;
  }
  return found;
}

export function inCurrentSandbox(running: RunningPod, container: RunningContainer): boolean {
  return container.sandboxId === undefined || container.sandboxId === running.sandboxId;
}

/** The newest container of that name if it belongs to the sandbox that lives. */
export function current(running: RunningPod | undefined, name: string): RunningContainer | undefined {
  const found = latest(running, name);
  return running !== undefined && found !== undefined && inCurrentSandbox(running, found) ? found : undefined;
}

export function isAlive(container: RunningContainer | undefined): boolean {
  return container?.state === "running" || container?.state === "unknown";
}

/**
 * What makes a container another container. Only the image may change in a running pod's spec (besides resources, which
 * are updated in place), so an agent that learns to default a field does not restart the fleet.
 */
export function specHash(container: Container): string {
  return createHash("sha256").update(JSON.stringify([container.name, container.image])).digest("hex").slice(0, 16);
}

export function allContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
}

/** Of any kind, also those that were added for debugging. */
export function findContainer(pod: Pod, name: string): Container | EphemeralContainer | undefined {
  return allContainers(pod).find((each) => each.name === name) ?? pod.spec?.ephemeralContainers?.find((each) => each.name === name);
}

/** The pod without containers that count as gone. */
export function without(running: RunningPod, ids: readonly string[]): RunningPod {
  return { ...running, containers: running.containers.filter(({ id }) => !ids.includes(id)) };
}

export function podUid(pod: Pod): string {
  return pod.metadata.uid ?? "";
}

/** "name_namespace(uid)", as in kubelet messages */
export function podTitle(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
