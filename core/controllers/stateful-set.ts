/** StatefulSet: pods with a stable name and storage, made, removed and updated in order. The order is in stateful-set-pods. */
import { sameJson } from "../api/json.ts";
import type { OwnerReference } from "../api/meta.ts";
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet, StatefulSetStatus } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { byRevision, currentRevision, RevisionCollision, templateOf, truncateHistory } from "./controller-revision.ts";
import { count, present } from "./json.ts";
import { claim, concerned, controllerReference, indexOwners, owned } from "./owner.ts";
import { availableIn, isAvailable, isReady, isTerminating } from "./pod-state.ts";
import { isTerminatingNamespace } from "./replicas.ts";
import type { Revisions, Step } from "./stateful-set-pods.ts";
import { claimsFor, nextSteps, ordinalOf, podFor, replicasOf, revisionOf, startOf } from "./stateful-set-pods.ts";

const HISTORY_LIMIT = 10;
const selects = ({ spec }: StatefulSet) => (spec?.selector === undefined ? undefined : selectorOf(spec.selector));
const nameOf = (object: { readonly metadata: { readonly name?: string } }) => object.metadata.name ?? "";
const revisionsOf = (current: ControllerRevision | undefined, update: ControllerRevision): Revisions => ({
  current: nameOf(current ?? update),
  update: nameOf(update),
});

export function statefulSet(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "statefulset-controller");
  const sets = deps.informers.of(STATEFUL_SETS);
  const pods = deps.informers.of(PODS);
  const history = deps.informers.of(CONTROLLER_REVISIONS);
  const claims = deps.informers.of(PERSISTENT_VOLUME_CLAIMS);
  indexOwners(pods);
  indexOwners(history);

  async function create(set: StatefulSet, step: Step & { type: "create" }, revision: ControllerRevision): Promise<void> {
    const { namespace } = set.metadata;
    const pod = podFor(set, templateOf(revision), nameOf(revision), step.ordinal);
    const name = nameOf(pod);
    for (const wanted of claimsFor(set, step.ordinal)) {
      if (claims.get(`${namespace}/${nameOf(wanted)}`) !== undefined) continue;
      try {
        await client.create(PERSISTENT_VOLUME_CLAIMS, wanted, { namespace });
        events.record(set, "Normal", "SuccessfulCreate", `create Claim ${nameOf(wanted)} Pod ${name} in StatefulSet ${nameOf(set)} success`);
      } catch (error) {
        if (!isReason(error, "AlreadyExists")) throw error;
      }
    }
    try {
      await client.create(PODS, pod, { namespace });
      events.record(set, "Normal", "SuccessfulCreate", `create Pod ${name} in StatefulSet ${nameOf(set)} successful`);
    } catch (error) {
      if (isReason(error, "AlreadyExists") || isTerminatingNamespace(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      events.record(set, "Warning", "FailedCreate", `create Pod ${name} in StatefulSet ${nameOf(set)} failed error: ${text}`);
      throw error;
    }
  }

  async function remove(set: StatefulSet, { pod, why }: Step & { type: "delete" }): Promise<void> {
    const { namespace, uid } = pod.metadata;
    if (why === "failed") events.record(set, "Warning", "RecreatingFailedPod", `StatefulSet ${namespace}/${nameOf(set)} is recreating failed Pod ${nameOf(pod)}`);
    try {
      await client.delete(PODS, { namespace, name: nameOf(pod) }, uid === undefined ? {} : { preconditions: { uid } });
      events.record(set, "Normal", "SuccessfulDelete", `delete Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)} successful`);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  /** persistentVolumeClaimRetentionPolicy (KEP-1847): a claim that goes with the set, or with its pod, is owned by it */
  async function ownClaims(set: StatefulSet, mine: readonly Pod[]): Promise<void> {
    const { whenDeleted = "Retain", whenScaled = "Retain" } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
    if (whenDeleted === "Retain" && whenScaled === "Retain") return;
    for (const pod of mine) {
      const ordinal = ordinalOf(set, pod) ?? 0;
      const scaledAway = ordinal < startOf(set) || ordinal >= startOf(set) + replicasOf(set);
      for (const wanted of claimsFor(set, ordinal)) {
        const there = claims.get(`${set.metadata.namespace}/${nameOf(wanted)}`);
        if (there !== undefined) await ownClaim(there, set, pod, { whenDeleted: whenDeleted === "Delete", whenScaled: whenScaled === "Delete" && scaledAway });
      }
    }
  }

  async function ownClaim(there: PersistentVolumeClaim, set: StatefulSet, pod: Pod, by: { whenDeleted: boolean; whenScaled: boolean }): Promise<void> {
    const others = (there.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
    const references = [...others, ...(by.whenScaled ? [plainReference(pod)] : by.whenDeleted ? [plainReference(set)] : [])];
    if (sameJson(references, there.metadata.ownerReferences ?? [])) return;
    const metadata = { ...there.metadata, ownerReferences: references };
    await client.update(PERSISTENT_VOLUME_CLAIMS, { namespace: there.metadata.namespace, name: nameOf(there) }, { ...there, metadata });
  }

  async function writeStatus(set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    const latest = sets.get(`${set.metadata.namespace}/${nameOf(set)}`);
    if (latest === undefined || sameJson(status, latest.status)) return;
    await client.update(STATEFUL_SETS, { namespace: latest.metadata.namespace, name: nameOf(latest), subresource: "status" }, { ...latest, status });
  }

  async function reconcile(key: string): Promise<Outcome> {
    const set = sets.get(key);
    const selector = set === undefined ? undefined : selects(set);
    if (set === undefined || selector === undefined) return undefined;
    const isMember = (pod: Pod) => ordinalOf(set, pod) !== undefined;
    const mine = (await claim(client, { owner: set, owners: STATEFUL_SETS, informer: pods, selector }, isMember)).filter(isMember);
    if (set.metadata.deletionTimestamp !== undefined) return undefined;

    const past = owned(history, set.metadata.uid ?? "").toSorted(byRevision);
    let update: ControllerRevision;
    try {
      update = await currentRevision(client, { owner: set, template: set.spec?.template, collisionCount: set.status?.collisionCount }, past);
    } catch (error) {
      if (error instanceof RevisionCollision) await writeStatus(set, { replicas: 0, ...set.status, collisionCount: (set.status?.collisionCount ?? 0) + 1 });
      throw error;
    }
    const current = past.find((revision) => nameOf(revision) === set.status?.currentRevision) ?? update;
    const now = deps.clock.now();
    await ownClaims(set, mine);
    let failure: unknown;
    for (const step of nextSteps(set, mine, revisionsOf(current, update), now)) {
      try {
        if (step.type === "create") await create(set, step, step.revision === "current" ? current : update);
        else await remove(set, step);
      } catch (error) {
        failure = error;
        break;
      }
    }
    const left = owned(pods, set.metadata.uid ?? "").filter(isMember);
    await writeStatus(set, statusOf(set, left, revisionsOf(current, update), now));
    const used = new Set([nameOf(current), nameOf(update), ...left.map(revisionOf)]);
    await truncateHistory(client, owned(history, set.metadata.uid ?? ""), (revision) => used.has(nameOf(revision)), set.spec?.revisionHistoryLimit ?? HISTORY_LIMIT);
    if (failure !== undefined) throw failure;
    const waits = left.map((pod) => availableIn(pod, set.spec?.minReadySeconds, now)).filter((ms) => ms !== undefined && ms > 0);
    return waits.length === 0 ? undefined : { afterMs: Math.min(...(waits as number[])) };
  }

  return {
    name: "statefulset",
    watches: [
      watching(sets, (set) => [`${set.metadata.namespace}/${nameOf(set)}`]),
      watching(pods, (pod) => concerned(pod, "StatefulSet", sets, selects)),
      watching(history, () => []),
      watching(claims, () => []),
    ],
    reconcile,
  };
}

function plainReference(owner: StatefulSet | Pod): OwnerReference {
  const { apiVersion, kind, name, uid } = controllerReference(owner);
  return { apiVersion, kind, name, uid };
}

export function statusOf(set: StatefulSet, pods: readonly Pod[], { current, update }: Revisions, now: number): StatefulSetStatus {
  const living = pods.filter((pod) => !isTerminating(pod));
  const ready = pods.filter(isReady).length;
  const updated = living.filter((pod) => revisionOf(pod) === update).length;
  const replicas = pods.length;
  // an update is complete when every pod has it and is ready; then it is what the next one starts from
  const complete = set.spec?.updateStrategy?.type !== "OnDelete" && updated === replicas && ready === replicas && replicas === replicasOf(set);
  return present({
    observedGeneration: set.metadata.generation,
    replicas,
    readyReplicas: count(ready),
    availableReplicas: pods.filter((pod) => isAvailable(pod, set.spec?.minReadySeconds, now)).length,
    currentReplicas: count(complete ? updated : living.filter((pod) => revisionOf(pod) === current).length),
    updatedReplicas: count(updated),
    currentRevision: complete ? update : current,
    updateRevision: update,
    collisionCount: set.status?.collisionCount ?? 0,
    conditions: set.status?.conditions,
  });
}
