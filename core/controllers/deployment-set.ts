/**
 * The current ReplicaSet of a Deployment: the one with its template. It is found or made, carries the Deployment's
 * annotations and the number of the rollout, and the Deployment carries that number after it.
 */
import { sameJson } from "../api/json.ts";
import { DEPLOYMENTS, REPLICA_SETS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Deployment, ReplicaSet } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";
import type { Parts } from "./deployment-report.ts";
import { addCondition, patchStatus, targetOf } from "./deployment-report.ts";
import { currentSet, HASH, REVISION, sameTemplate, setAnnotations } from "./deployment-revision.ts";
import { newSize, sizeOf } from "./deployment-sizes.ts";
import { deadlineSeconds } from "./deployment-status.ts";
import { hashOf } from "./hash.ts";
import { present } from "./json.ts";
import { controllerOf, controllerReference } from "./owner.ts";
import { isTerminatingNamespace } from "./replicas.ts";

export const without = (sets: readonly ReplicaSet[], current: ReplicaSet | undefined) => sets.filter((set) => set.metadata.uid !== current?.metadata.uid);

/** The current ReplicaSet with its annotations in order and the Deployment's revision after it; undefined if there is none. */
export async function syncCurrent(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<ReplicaSet | undefined> {
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
  if (deadlineSeconds(object) !== undefined && findCondition(object.status?.conditions, "Progressing") === undefined) {
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

export async function ensureCurrent(parts: Parts, object: Deployment, mine: readonly ReplicaSet[]): Promise<ReplicaSet> {
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

function replicaSetFor(object: Deployment, existing: readonly ReplicaSet[]): ReplicaSet {
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
