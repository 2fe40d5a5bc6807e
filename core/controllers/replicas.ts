/**
 * Keeps a number of equal pods: the one idea behind ReplicaSet and ReplicationController. Decisions are `surplus` and
 * `replicaStatus`; the rest carries them out. The informers hold this controller's own writes, so what it counts is
 * never behind what it did.
 */
import type { Client, Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import type { KubeObject } from "../api/meta.ts";
import { PODS } from "../api/resources.gen.ts";
import type { Selector } from "../api/selector.ts";
import { matchesLabels } from "../api/selector.ts";
import { ApiError, isReason } from "../api/status.ts";
import type { Pod, PodTemplateSpec, ReplicaSetCondition, ReplicaSetStatus } from "../api/types.gen.ts";
import type { Controller, Informer, Outcome } from "../control/control.ts";
import type { EventRecorder } from "../control/event-recorder.ts";
import { watching } from "../control/loop.ts";
import { findCondition, withCondition, withoutCondition } from "./conditions.ts";
import { count, present } from "./json.ts";
import { claim, concerned, controllerOf, indexOwners, owned } from "./owner.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { availableIn, deletionOrder, isActive, isFinished, isReady, isTerminating } from "./pod-state.ts";
import { slowStart } from "./slow-start.ts";

/** How the two kinds differ. */
export interface ReplicaKind<T extends KubeObject> {
  readonly name: string;
  readonly kind: string;
  readonly resource: Resource<T>;
  readonly spec: (owner: T) => ReplicaSpec;
  readonly status: (owner: T) => ReplicaSetStatus | undefined;
  /** status.terminatingReplicas (KEP-3973) exists in ReplicaSet only */
  readonly countsTerminating: boolean;
}

export interface ReplicaSpec {
  readonly replicas: number;
  /** undefined selects nothing */
  readonly selector: Selector | undefined;
  readonly template: PodTemplateSpec | undefined;
  readonly minReadySeconds: number;
}

/** Pods made or deleted in one run; the next run goes on (burst replicas of Kubernetes). */
export const BURST = 500;

export interface ReplicaDeps<T extends KubeObject> {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly owners: Informer<T>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

export function replicaController<T extends KubeObject>(kind: ReplicaKind<T>, { client, events, owners, pods, clock }: ReplicaDeps<T>): Controller {
  indexOwners(pods);
  indexOwners(owners);
  const selectorOf = (owner: T) => kind.spec(owner).selector;

  async function scale(owner: T, spec: ReplicaSpec, active: readonly Pod[]): Promise<unknown> {
    const difference = spec.replicas - active.length;
    const namespace = owner.metadata.namespace;
    if (difference > 0) {
      const pod = podFromTemplate(owner, spec.template);
      const { error: failure } = await slowStart(Math.min(difference, BURST), async () => {
        try {
          const made = await client.create(PODS, pod, { namespace });
          events.record(owner, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata.name}`);
        } catch (error) {
          if (!isTerminatingNamespace(error)) events.record(owner, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
          throw error;
        }
      });
      return failure;
    }
    if (difference === 0) return undefined;
    const gone = surplus(active, Math.min(-difference, BURST), family(owner), clock.now());
    const results = await Promise.allSettled(
      gone.map(async (pod) => {
        const { name = "", uid = "" } = pod.metadata;
        try {
          await client.delete(PODS, { namespace, name }, { preconditions: { uid } });
          events.record(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
        } catch (error) {
          if (isReason(error, "NotFound")) return;
          events.record(owner, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
          throw error;
        }
      }),
    );
    return results.find((result) => result.status === "rejected")?.reason;
  }

  /** pods on each node that belong to owners with the same controller as this one (the ReplicaSets of a Deployment) */
  function family(owner: T): (pod: Pod) => number {
    const parent = controllerOf(owner)?.uid;
    const members = parent === undefined ? [owner] : owned(owners, parent);
    const perNode = new Map<string, number>();
    for (const member of members) {
      for (const pod of owned(pods, member.metadata.uid ?? "")) {
        const node = pod.spec?.nodeName ?? "";
        if (isActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1);
      }
    }
    return (pod) => perNode.get(pod.spec?.nodeName ?? "") ?? 0;
  }

  async function reconcile(key: string): Promise<Outcome> {
    const owner = owners.get(key);
    if (owner === undefined) return undefined;
    const spec = kind.spec(owner);
    if (spec.selector === undefined) return undefined;
    const target = { namespace: owner.metadata.namespace, name: owner.metadata.name ?? "" };
    const mine = await claim(client, { owner, owners: kind.resource, informer: pods, selector: spec.selector }, isActive);
    const failure = owner.metadata.deletionTimestamp === undefined ? await scale(owner, spec, mine.filter(isActive)) : undefined;

    const latest = owners.get(key);
    if (latest === undefined) return undefined;
    const left = owned(pods, owner.metadata.uid ?? "").filter((pod) => matchesLabels(spec.selector ?? [], pod.metadata.labels));
    const { status, nextMs } = replicaStatus(latest, kind, left, { failure, difference: spec.replicas - mine.filter(isActive).length, now: clock.now() });
    if (!sameJson(status, kind.status(latest))) {
      await client.update(kind.resource, { ...target, subresource: "status" }, { ...latest, status });
    }
    if (failure !== undefined && !isTerminatingNamespace(failure)) throw failure;
    if (left.filter(isActive).length !== spec.replicas && latest.metadata.deletionTimestamp === undefined && failure === undefined) return { afterMs: 1 };
    return nextMs === undefined ? undefined : { afterMs: nextMs };
  }

  return {
    name: kind.name,
    watches: [
      watching(owners, (owner) => [`${owner.metadata.namespace}/${owner.metadata.name}`]),
      watching(pods, (pod) => concerned(pod, kind.kind, owners, selectorOf)),
    ],
    reconcile,
  };
}

/** The pods to delete when `excess` are too many. */
export function surplus(active: readonly Pod[], excess: number, crowd: (pod: Pod) => number, now: number): readonly Pod[] {
  if (excess >= active.length) return active;
  return deletionOrder(active, crowd, now).slice(0, excess);
}

/** The status, and when it will change by time alone (a ready pod becomes available). */
export function replicaStatus<T extends KubeObject>(
  owner: T,
  kind: ReplicaKind<T>,
  mine: readonly Pod[],
  { failure, difference, now }: { readonly failure: unknown; readonly difference: number; readonly now: number },
): { readonly status: ReplicaSetStatus; readonly nextMs: number | undefined } {
  const { minReadySeconds, template } = kind.spec(owner);
  const old = kind.status(owner);
  const active = mine.filter(isActive);
  const labels = Object.entries(template?.metadata?.labels ?? {});
  const waits = active.map((pod) => availableIn(pod, minReadySeconds, now)).filter((ms) => ms !== undefined);
  const later = waits.filter((ms) => ms > 0);
  const conditions = failureCondition(old?.conditions, failure, difference, now);
  return {
    status: present({
      replicas: active.length,
      fullyLabeledReplicas: count(active.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length),
      readyReplicas: count(active.filter(isReady).length),
      availableReplicas: count(waits.length - later.length),
      terminatingReplicas: kind.countsTerminating ? mine.filter((pod) => isTerminating(pod) && !isFinished(pod)).length : undefined,
      observedGeneration: owner.metadata.generation,
      conditions: conditions.length === 0 ? undefined : conditions,
    }),
    nextMs: later.length === 0 ? undefined : Math.min(...later),
  };
}

function failureCondition(
  conditions: readonly ReplicaSetCondition[] | undefined,
  failure: unknown,
  difference: number,
  now: number,
): readonly ReplicaSetCondition[] {
  if (failure === undefined) return withoutCondition(conditions, "ReplicaFailure");
  // the first failure keeps its words until it is over
  if (findCondition(conditions, "ReplicaFailure") !== undefined) return conditions ?? [];
  return withCondition(conditions, {
    type: "ReplicaFailure",
    status: "True",
    lastTransitionTime: timestamp(now),
    reason: difference > 0 ? "FailedCreate" : "FailedDelete",
    message: messageOf(failure),
  });
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Nothing can be made in a namespace that goes away: no failure, and no reason to try again. */
export function isTerminatingNamespace(error: unknown): boolean {
  return error instanceof ApiError && (error.details?.causes ?? []).some((cause) => cause.reason === "NamespaceTerminating");
}
