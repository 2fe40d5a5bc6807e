/** Records and the state of processes as the agent knows pods. Pure. */
import type { ComponentState } from "../../../wasm-runtime/process.ts";
import type { RunningContainer, RunningPod } from "../runtime.ts";
import type { ContainerRecord, SandboxRecord } from "./state.ts";

/** Where a pod listens that has the device's network: no address to find it by. */
export const ANY_ADDRESS = "0.0.0.0";

/** One of a pod's sandboxes with the containers that are, or were, in it. */
export interface SandboxContents {
  readonly sandbox: SandboxRecord;
  readonly containers: readonly RunningContainer[];
}

/** All sandboxes that one pod has had; the newest is the pod, the others still hold ended containers. */
export function runningPod(sandboxes: readonly SandboxContents[]): RunningPod {
  const [current, ...earlier] = sandboxes.toSorted((a, b) => b.sandbox.attempt - a.sandbox.attempt);
  if (current === undefined) throw new Error("a pod has a sandbox");
  const { id, uid, namespace, name, attempt, stopped, ip, createdAt } = current.sandbox;
  return {
    uid,
    namespace,
    name,
    sandboxId: id,
    attempt,
    ready: !stopped,
    ips: ip === ANY_ADDRESS ? [] : [ip],
    createdAt,
    containers: [...current.containers, ...earlier.flatMap(({ sandbox, containers }) => containers.map((container) => ({ ...container, sandboxId: sandbox.id })))],
    ...(earlier.length === 0 ? {} : { earlierSandboxes: earlier.map(({ sandbox }) => sandbox.id) }),
  };
}

export function runningContainer({ id, name, attempt, image, imageId, specHash, createdAt }: ContainerRecord, found: ComponentState): RunningContainer {
  const base = { id, name, attempt, image, imageId, specHash, createdAt };
  switch (found.state) {
    case "created":
      return { ...base, state: "created" };
    case "running":
      return { ...base, state: "running", startedAt: found.running.startedAt, ...(found.running.asleep === true ? { asleep: true } : {}) };
    case "exited": {
      const { code, reason, message, startedAt, finishedAt, fault } = found.exit;
      return { ...base, state: "exited", startedAt, finishedAt, exitCode: code, reason, ...(message === undefined ? {} : { message }), ...(fault === "blameless" ? { blameless: true } : {}) };
    }
  }
}
