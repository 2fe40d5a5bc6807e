/**
 * Deployment: one ReplicaSet per pod template, and a rollout that moves replicas from the old ones to the current one.
 * One run makes one move and writes what it saw; the ReplicaSets' changes start the next. The numbers come from
 * deployment-sizes, the names from deployment-revision, the conditions from deployment-status.
 */
import type { Client, Target } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { DEPLOYMENTS, PODS, REPLICA_SETS } from "../api/resources.gen.ts";
import type { Selector } from "../api/selector.ts";
import { selectorOf } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import type { Deployment, DeploymentCondition, DeploymentStatus, Pod, ReplicaSet } from "../api/types.gen.ts";
import type { Controller, Informer, Outcome } from "../control/control.ts";
import type { EventRecorder } from "../control/event-recorder.ts";
import { watching } from "../control/loop.ts";
import { findCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { currentSet, expired, HASH, REVISION, sameTemplate, setAnnotations, sizeAnnotations } from "./deployment-revision.ts";
import type { Resize } from "./deployment-sizes.ts";
import { DESIRED, isRolling, newSize, scaleAll, shrinkOld, sizeOf, wanted } from "./deployment-sizes.ts";
import { deadlineSeconds, deploymentStatus, isComplete, setCondition, withProgress } from "./deployment-status.ts";
import { hashOf } from "./hash.ts";
import { present, sameJson } from "./json.ts";
import { claim, concerned, controllerOf, controllerReference, indexOwners, owned } from "./owner.ts";
import { isFinished } from "./pod-state.ts";
import { isTerminatingNamespace } from "./replicas.ts";

interface Parts {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly deployments: Informer<Deployment>;
  readonly sets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

const selects = ({ spec }: Deployment): Selector | undefined => {
  const selector = spec?.selector;
  return selector === undefined || Object.keys(selector).length === 0 ? undefined : selectorOf(selector);
};
const targetOf = (object: Deployment | ReplicaSet): Target => ({ namespace: object.metadata.namespace, name: object.metadata.name ?? "" });
const conditionsOf = ({ status }: Deployment) => status?.conditions;

export function deployment(deps: ControllerDeps): Controller {
  const parts: Parts = {
    ...actor(deps, "deployment-controller"),
    deployments: deps.informers.of(DEPLOYMENTS),
    sets: deps.informers.of(REPLICA_SETS),
    pods: deps.informers.of(PODS),
    clock: deps.clock,
  };
  indexOwners(parts.sets);
  indexOwners(parts.pods);
  return {
    name: "deployment",
    watches: [
      watching(parts.deployments, (object) => [`${object.metadata.namespace}/${object.metadata.name}`]),
      watching(parts.sets, (set) => concerned(set, "Deployment", parts.deployments, selects)),
      watching(parts.pods, (pod) => recreateWaits(parts, pod)),
    ],
    reconcile: (key) => reconcile(parts, key),
  };
}

/** Recreate goes on when the last old pod is gone; no other strategy looks at pods. */
function recreateWaits({ deployments, sets }: Parts, pod: Pod): readonly string[] {
  const owner = controllerOf(pod);
  if (owner?.kind !== "ReplicaSet") return [];
  const set = sets.get(`${pod.metadata.namespace}/${owner.name}`);
  const parent = set === undefined ? undefined : controllerOf(set);
  if (parent?.kind !== "Deployment") return [];
  const key = `${pod.metadata.namespace}/${parent.name}`;
  const found = deployments.get(key);
  return found === undefined || isRolling(found) ? [] : [key];
}

async function reconcile(parts: Parts, key: string): Promise<Outcome> {
  const { client, deployments, sets } = parts;
  const found = deployments.get(key);
  if (found === undefined) return undefined;
  const selector = selects(found);
  if (selector === undefined) return undefined;
  const mine = await claim(client, { owner: found, owners: DEPLOYMENTS, informer: sets, selector });
  if (found.metadata.deletionTimestamp !== undefined) return writeStatus(parts, found, mine, false);

  const object = await notePause(parts, found);
  const resized = mine.some((set) => sizeOf(set) > 0 && Number(set.metadata.annotations?.[DESIRED]) !== wanted(object));
  if (object.spec?.paused === true || resized) {
    const current = await syncCurrent(parts, object, mine);
    await resize(parts, object, scaleAll(object, current, without(mine, current)));
    if (object.spec?.paused === true) await cleanUp(parts, object, without(mine, current));
    return writeStatus(parts, object, fresh(parts, object), false);
  }
  return isRolling(object) ? roll(parts, object, mine) : recreate(parts, object, mine);
}

async function roll(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<Outcome> {
  const current = await ensureCurrent(parts, object, mine);
  const old = without(mine, current);
  const size = newSize(object, [...old, current], current);
  if (size !== sizeOf(current)) await resize(parts, object, [{ set: current, replicas: size }]);
  else await resize(parts, object, shrinkOld(object, current, old));
  return finish(parts, object);
}

async function recreate(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<Outcome> {
  const existing = await syncCurrent(parts, object, mine);
  const old = without(mine, existing);
  const holding = old.filter((set) => sizeOf(set) > 0);
  if (holding.length > 0) {
    await resize(parts, object, holding.map((set) => ({ set, replicas: 0 })));
    return writeStatus(parts, object, fresh(parts, object), true);
  }
  // also those that are going away still hold what the new ones may need: ports, volumes, devices
  const running = old.some((set) => owned(parts.pods, set.metadata.uid ?? "").some((pod) => !isFinished(pod)));
  if (running) return writeStatus(parts, object, fresh(parts, object), true);
  const current = existing ?? (await ensureCurrent(parts, object, mine));
  await resize(parts, object, [{ set: current, replicas: wanted(object) }]);
  return finish(parts, object);
}

async function finish(parts: Parts, object: Deployment): Promise<Outcome> {
  const sets = fresh(parts, object);
  if (isComplete(object, deploymentStatus(object, currentSet(object, sets), sets, 0))) {
    await cleanUp(parts, object, without(sets, currentSet(object, sets)));
  }
  return writeStatus(parts, object, fresh(parts, object), true);
}

const without = (sets: readonly ReplicaSet[], current: ReplicaSet | undefined) => sets.filter((set) => set.metadata.uid !== current?.metadata.uid);
/** the ReplicaSets as they are after this run's writes */
const fresh = ({ sets }: Parts, object: Deployment) => owned(sets, object.metadata.uid ?? "");

/** The current ReplicaSet with its annotations in order and the Deployment's revision after it; undefined if there is none. */
async function syncCurrent(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<ReplicaSet | undefined> {
  const current = currentSet(object, mine);
  if (current === undefined) return undefined;
  const annotations = setAnnotations(object, current, without(mine, current));
  const minReadySeconds = object.spec?.minReadySeconds ?? 0;
  let set = current;
  if (!sameJson(annotations, current.metadata.annotations) || (current.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
    set = await parts.client.update(REPLICA_SETS, targetOf(current), {
      ...current,
      metadata: { ...current.metadata, annotations },
      spec: { ...current.spec, minReadySeconds },
    });
  }
  await noteRevision(parts, object, set);
  if (deadlineSeconds(object) !== undefined && findCondition(conditionsOf(object), "Progressing") === undefined) {
    await addCondition(parts, object, "True", "FoundNewReplicaSet", `Found new replica set "${set.metadata.name}"`);
  }
  return set;
}

async function noteRevision({ client, deployments }: Parts, object: Deployment, set: ReplicaSet): Promise<void> {
  const revision = set.metadata.annotations?.[REVISION];
  const latest = deployments.get(`${object.metadata.namespace}/${object.metadata.name}`) ?? object;
  if (revision === undefined || latest.metadata.annotations?.[REVISION] === revision) return;
  await client.update(DEPLOYMENTS, targetOf(latest), {
    ...latest,
    metadata: { ...latest.metadata, annotations: { ...latest.metadata.annotations, [REVISION]: revision } },
  });
}

async function ensureCurrent(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<ReplicaSet> {
  const existing = await syncCurrent(parts, object, mine);
  if (existing !== undefined) return existing;
  const { client, events } = parts;
  const set = replicaSetFor(object, mine);
  const name = set.metadata.name ?? "";
  let made: ReplicaSet;
  try {
    made = await client.create(REPLICA_SETS, set, { namespace: object.metadata.namespace });
  } catch (error) {
    if (isReason(error, "AlreadyExists")) {
      const there = await client.get(REPLICA_SETS, targetOf(set));
      if (controllerOf(there)?.uid === object.metadata.uid && sameTemplate(there.spec?.template, object.spec?.template)) return there;
      // the name is taken by another template or owner: the next run uses another hash
      await patchStatus(parts, object, { ...object.status, collisionCount: (object.status?.collisionCount ?? 0) + 1 });
      throw error;
    }
    if (isTerminatingNamespace(error)) throw error;
    const message = `Failed to create new replica set "${name}": ${error instanceof Error ? error.message : String(error)}`;
    if (deadlineSeconds(object) !== undefined) await addCondition(parts, object, "False", "FailedCreate", message);
    events.record(object, "Warning", "FailedCreate", message);
    throw error;
  }
  if (sizeOf(made) > 0) events.record(object, "Normal", "ScalingReplicaSet", `Scaled up replica set ${name} from 0 to ${sizeOf(made)}`);
  await noteRevision(parts, object, made);
  if (deadlineSeconds(object) !== undefined) {
    await addCondition(parts, object, "True", "NewReplicaSetCreated", `Created new replica set "${name}"`);
  }
  return made;
}

export function replicaSetFor(object: Deployment, existing: readonly ReplicaSet[]): ReplicaSet {
  const template = object.spec?.template ?? {};
  const hash = hashOf(template, object.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [HASH]: hash };
  const selector = object.spec?.selector;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${object.metadata.name}-${hash}`,
      ...present({ namespace: object.metadata.namespace }),
      labels,
      annotations: setAnnotations(object, undefined, existing),
      ownerReferences: [controllerReference(object)],
    },
    spec: {
      replicas: newSize(object, existing, undefined),
      ...present({ minReadySeconds: object.spec?.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

async function resize({ client, events }: Parts, object: Deployment, changes: readonly Resize[]): Promise<void> {
  for (const { set, replicas } of changes) {
    const annotations = { ...set.metadata.annotations, ...sizeAnnotations(object) };
    const before = sizeOf(set);
    if (before === replicas && sameJson(annotations, set.metadata.annotations)) continue;
    await client.update(REPLICA_SETS, targetOf(set), { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } });
    if (before === replicas) continue;
    const direction = replicas > before ? "up" : "down";
    events.record(object, "Normal", "ScalingReplicaSet", `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`);
  }
}

async function cleanUp({ client }: Parts, object: Deployment, old: readonly ReplicaSet[]): Promise<void> {
  for (const set of expired(object, old)) {
    try {
      await client.delete(REPLICA_SETS, targetOf(set), present({ preconditions: present({ uid: set.metadata.uid }), propagationPolicy: "Background" as const }));
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }
}

/** The Progressing condition says when a rollout is paused and when it goes on, so that the pause counts for no deadline. */
async function notePause(parts: Parts, object: Deployment): Promise<Deployment> {
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

function addCondition(parts: Parts, object: Deployment, status: string, reason: string, message: string): Promise<Deployment> {
  const latest = parts.deployments.get(`${object.metadata.namespace}/${object.metadata.name}`) ?? object;
  const condition: DeploymentCondition = { type: "Progressing", status, reason, message };
  return patchStatus(parts, latest, { ...latest.status, conditions: setCondition(conditionsOf(latest), condition, parts.clock.now()) });
}

async function patchStatus({ client, deployments }: Parts, object: Deployment, status: DeploymentStatus): Promise<Deployment> {
  const latest = deployments.get(`${object.metadata.namespace}/${object.metadata.name}`) ?? object;
  if (sameJson(status, latest.status)) return latest;
  return client.update(DEPLOYMENTS, { ...targetOf(latest), subresource: "status" }, { ...latest, status });
}

async function writeStatus(parts: Parts, seen: Deployment, sets: readonly ReplicaSet[], rollout: boolean): Promise<Outcome> {
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
