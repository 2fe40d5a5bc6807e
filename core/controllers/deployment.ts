/**
 * Deployment: one ReplicaSet per pod template, and a rollout that moves replicas from the old ones to the current one.
 * One run makes one move and writes what it saw; the ReplicaSets' changes start the next. The numbers come from
 * deployment-sizes, the current ReplicaSet from deployment-set, what the status says from deployment-report.
 */
import { sameJson } from "../api/json.ts";
import { DEPLOYMENTS, PODS, REPLICA_SETS } from "../api/resources.gen.ts";
import type { Selector } from "../api/selector.ts";
import { selectorOf } from "../api/selector.ts";
import { unlessGone } from "../api/status.ts";
import type { Deployment, Pod, ReplicaSet } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { Parts } from "./deployment-report.ts";
import { notePause, targetOf, writeStatus } from "./deployment-report.ts";
import { currentSet, expired, sizeAnnotations } from "./deployment-revision.ts";
import { ensureCurrent, syncCurrent, without } from "./deployment-set.ts";
import type { Resize } from "./deployment-sizes.ts";
import { DESIRED, isRolling, scaleAll, newSize, shrinkOld, sizeOf, wanted } from "./deployment-sizes.ts";
import { deploymentStatus, isComplete } from "./deployment-status.ts";
import { present } from "./json.ts";
import { claim, concerned, controllerOf, indexOwners, owned } from "./owner.ts";
import { isFinished } from "./pod-state.ts";

const selects = ({ spec }: Deployment): Selector | undefined => {
  const selector = spec?.selector;
  return selector === undefined || Object.keys(selector).length === 0 ? undefined : selectorOf(selector);
};

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

/** the ReplicaSets as they are after this run's writes */
const fresh = ({ sets }: Parts, object: Deployment) => owned(sets, object.metadata.uid ?? "");

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
    await unlessGone(client.delete(REPLICA_SETS, targetOf(set), present({ preconditions: present({ uid: set.metadata.uid }), propagationPolicy: "Background" as const })));
  }
}
