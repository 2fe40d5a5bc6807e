/** The status of a Deployment: sums over its ReplicaSets, and how the rollout goes. Pure. */
import { timestamp } from "../api/clock.ts";
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../api/types.gen.ts";
import { findCondition, withoutCondition } from "./conditions.ts";
import { limits, sizeOf, wanted } from "./deployment-sizes.ts";
import { count, present } from "./json.ts";

type Counter = "replicas" | "readyReplicas" | "availableReplicas" | "terminatingReplicas";
const sum = (sets: readonly ReplicaSet[], field: Counter) => sets.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);

export function deploymentStatus(deployment: Deployment, current: ReplicaSet | undefined, sets: readonly ReplicaSet[], now: number): DeploymentStatus {
  const available = sum(sets, "availableReplicas");
  const planned = sets.reduce((total, set) => total + sizeOf(set), 0);
  const enough = available >= wanted(deployment) - limits(deployment).unavailable;
  return present({
    observedGeneration: deployment.metadata.generation,
    replicas: count(sum(sets, "replicas")),
    updatedReplicas: count(current?.status?.replicas ?? 0),
    readyReplicas: count(sum(sets, "readyReplicas")),
    availableReplicas: count(available),
    unavailableReplicas: count(Math.max(0, planned - available)),
    terminatingReplicas: sum(sets, "terminatingReplicas"),
    collisionCount: deployment.status?.collisionCount,
    conditions: setCondition(
      deployment.status?.conditions,
      enough
        ? { type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
        : { type: "Available", status: "False", reason: "MinimumReplicasUnavailable", message: "Deployment does not have minimum availability." },
      now,
    ),
  });
}

type NewCondition = Pick<DeploymentCondition, "type" | "status" | "reason" | "message">;

/** With the condition, unless one of the same status and reason is there already; that one keeps its times. */
export function setCondition(conditions: readonly DeploymentCondition[] | undefined, condition: NewCondition, now: number): readonly DeploymentCondition[] {
  const old = findCondition(conditions, condition.type);
  if (old !== undefined && old.status === condition.status && old.reason === condition.reason) return conditions ?? [];
  const at = timestamp(now);
  const lastTransitionTime = old?.status === condition.status ? (old.lastTransitionTime ?? at) : at;
  return [...withoutCondition(conditions, condition.type), { ...condition, lastUpdateTime: at, lastTransitionTime }];
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const replicas = wanted(deployment);
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** `progressDeadlineSeconds` at its largest value means: none. */
export const deadlineSeconds = (deployment: Deployment): number | undefined => {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds === undefined || seconds === 2_147_483_647 ? undefined : seconds;
};

/** The status with the Progressing condition of a running rollout, and when to look again for its deadline. */
export function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: number,
): { readonly status: DeploymentStatus; readonly nextMs: number | undefined } {
  const failure = replicaFailure(current === undefined ? sets : [current, ...sets.filter((set) => set !== current)]);
  const withFailure = (conditions: readonly DeploymentCondition[] | undefined): DeploymentStatus => ({
    ...status,
    conditions: failure === undefined ? withoutCondition(conditions, "ReplicaFailure") : setCondition(conditions, failure, now),
  });
  const deadline = deadlineSeconds(deployment);
  const old = findCondition(status.conditions, "Progressing");
  const rolledOut = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && old?.reason === "NewReplicaSetAvailable";
  if (deadline === undefined || rolledOut) return { status: withFailure(status.conditions), nextMs: undefined };

  const subject = current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  const set = (value: string, reason: string, message: string, conditions = status.conditions) =>
    setCondition(conditions, { type: "Progressing", status: value, reason, message: `${subject} ${message}` }, now);
  if (isComplete(deployment, status)) {
    return { status: withFailure(set("True", "NewReplicaSetAvailable", "has successfully progressed.")), nextMs: undefined };
  }
  if (moved(deployment.status, status)) {
    // progress moves lastUpdateTime, from which the deadline counts
    const conditions = set("True", "ReplicaSetUpdated", "is progressing.", withoutCondition(status.conditions, "Progressing"));
    const kept = old?.status === "True" ? old.lastTransitionTime : undefined;
    const renewed = conditions.map((each) => (each.type === "Progressing" && kept !== undefined ? { ...each, lastTransitionTime: kept } : each));
    return { status: withFailure(renewed), nextMs: deadline * 1000 + 1000 };
  }
  if (old === undefined || old.reason === "ProgressDeadlineExceeded") return { status: withFailure(status.conditions), nextMs: undefined };
  const left = Date.parse(old.lastUpdateTime ?? "") + deadline * 1000 - now;
  // a rollout that was complete once has no deadline until the next one starts
  if (old.reason === "NewReplicaSetAvailable" || left >= 0) return { status: withFailure(status.conditions), nextMs: Math.max(left, 0) + 1000 };
  return { status: withFailure(set("False", "ProgressDeadlineExceeded", "has timed out progressing.")), nextMs: undefined };
}

const field = (status: DeploymentStatus | undefined, name: "updatedReplicas" | "readyReplicas" | "availableReplicas" | "replicas") => status?.[name] ?? 0;

function moved(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined) => field(status, "replicas") - field(status, "updatedReplicas");
  return (
    field(after, "updatedReplicas") > field(before, "updatedReplicas") ||
    field(after, "readyReplicas") > field(before, "readyReplicas") ||
    field(after, "availableReplicas") > field(before, "availableReplicas") ||
    old(after) < old(before)
  );
}

function replicaFailure(sets: readonly ReplicaSet[]): NewCondition | undefined {
  for (const { status } of sets) {
    const failure = findCondition(status?.conditions, "ReplicaFailure");
    if (failure !== undefined) {
      return { type: "ReplicaFailure", status: failure.status, ...present({ reason: failure.reason, message: failure.message }) };
    }
  }
  return undefined;
}
