/**
 * What the Deployment controller writes into a Deployment's status while it works. Each write starts from the object as
 * the informer has it, which includes this run's own writes.
 */
import type { Client, Target } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import { DEPLOYMENTS } from "../api/resources.gen.ts";
import type { Deployment, DeploymentCondition, DeploymentStatus, Pod, ReplicaSet } from "../api/types.gen.ts";
import type { Informer, Outcome } from "../control/control.ts";
import type { EventRecorder } from "../control/event-recorder.ts";
import { findCondition } from "./conditions.ts";
import { currentSet } from "./deployment-revision.ts";
import { deadlineSeconds, deploymentStatus, setCondition, withProgress } from "./deployment-status.ts";

export const targetOf = (object: Deployment | ReplicaSet): Target => ({ namespace: object.metadata.namespace, name: object.metadata.name ?? "" });
const conditionsOf = ({ status }: Deployment) => status?.conditions;

/** What a run has at hand. */
export interface Parts {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly deployments: Informer<Deployment>;
  readonly sets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

/** The Progressing condition says when a rollout is paused and when it goes on, so that the pause counts for no deadline. */
export async function notePause(parts: Parts, object: Deployment): Promise<Deployment> {
  if (deadlineSeconds(object) === undefined) return object;
  const reason = findCondition(conditionsOf(object), "Progressing")?.reason;
  // what has failed or paused already keeps saying so
  if (object.spec?.paused === true && reason !== "DeploymentPaused" && reason !== "ProgressDeadlineExceeded") {
    return addCondition(parts, object, "Unknown", "DeploymentPaused", "Deployment is paused");
  }
  if (object.spec?.paused !== true && reason === "DeploymentPaused") {
    return addCondition(parts, object, "Unknown", "DeploymentResumed", "Deployment is resumed");
  }
  return object;
}

export function addCondition(parts: Parts, object: Deployment, status: string, reason: string, message: string): Promise<Deployment> {
  const latest = parts.deployments.get(`${object.metadata.namespace}/${object.metadata.name}`) ?? object;
  const condition: DeploymentCondition = { type: "Progressing", status, reason, message };
  return patchStatus(parts, latest, { ...latest.status, conditions: setCondition(conditionsOf(latest), condition, parts.clock.now()) });
}

export async function patchStatus({ client, deployments }: Parts, object: Deployment, status: DeploymentStatus): Promise<Deployment> {
  const latest = deployments.get(`${object.metadata.namespace}/${object.metadata.name}`) ?? object;
  if (sameJson(status, latest.status)) return latest;
  return client.update(DEPLOYMENTS, { ...targetOf(latest), subresource: "status" }, { ...latest, status });
}

export async function writeStatus(parts: Parts, seen: Deployment, sets: readonly ReplicaSet[], rollout: boolean): Promise<Outcome> {
  // own writes of this run (revision, conditions) are in the informer; a foreign change of the spec starts another run
  const object = parts.deployments.get(`${seen.metadata.namespace}/${seen.metadata.name}`) ?? seen;
  if (object.metadata.generation !== seen.metadata.generation) return undefined;
  const now = parts.clock.now();
  const current = currentSet(object, sets);
  const plain = deploymentStatus(object, current, sets, now);
  const { status, nextMs } = rollout ? withProgress(object, plain, current, sets, now) : { status: plain, nextMs: undefined };
  await patchStatus(parts, object, status);
  return nextMs === undefined ? undefined : { afterMs: nextMs };
}
