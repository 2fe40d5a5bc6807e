/** The pods of a StatefulSet and what they are called: identity, claims, and which step comes next. Pure. */
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from "../api/types.gen.ts";
import { REVISION_HASH } from "./controller-revision.ts";
import { present } from "./json.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { isAvailable, isFinished, isReady, isTerminating } from "./pod-state.ts";

export const POD_NAME = "statefulset.kubernetes.io/pod-name";
export const POD_INDEX = "apps.kubernetes.io/pod-index";

export const startOf = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1;
export const isOrdered = (set: StatefulSet): boolean => set.spec?.podManagementPolicy !== "Parallel";
export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** undefined for a name that is not one of this set's */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const name = pod.metadata.name ?? "";
  const rest = name.slice(prefix.length);
  return name.startsWith(prefix) && /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${podName(set, ordinal)}`;

export function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      ...present({ namespace: set.metadata.namespace }),
      labels: { ...template.metadata.labels, ...set.spec?.selector?.matchLabels },
    },
  }));
}

/** `revision` is the name of the ControllerRevision that `template` comes from. */
export function podFor(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const pod = podFromTemplate(set, template);
  const name = podName(set, ordinal);
  const claimed = (set.spec?.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(set, claim, ordinal) },
  }));
  const others = (pod.spec?.volumes ?? []).filter((volume) => !claimed.some((claim) => claim.name === volume.name));
  const volumes = [...claimed, ...others];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name,
      labels: { ...pod.metadata.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal), [REVISION_HASH]: revision },
    },
    spec: {
      containers: [],
      ...pod.spec,
      hostname: name,
      ...present({ subdomain: set.spec?.serviceName === "" ? undefined : set.spec?.serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

export const revisionOf = (pod: Pod): string => pod.metadata.labels?.[REVISION_HASH] ?? "";

const healthy = (pod: Pod) => isReady(pod) && !isTerminating(pod) && !isFinished(pod);

export type Step =
  | { readonly type: "create"; readonly ordinal: number; readonly revision: "current" | "update" }
  | { readonly type: "delete"; readonly pod: Pod; readonly why: "failed" | "surplus" | "outdated" };

export interface Revisions {
  readonly current: string;
  readonly update: string;
}

/**
 * What to do next. In order: each pod waits for those before it, one at a time; in parallel: all at once. Rolling
 * updates go from the highest ordinal down to the partition, as many at a time as may be unavailable.
 */
export function nextSteps(set: StatefulSet, pods: readonly Pod[], revisions: Revisions, now: number): readonly Step[] {
  const [start, replicas, ordered] = [startOf(set), replicasOf(set), isOrdered(set)];
  const minReady = set.spec?.minReadySeconds;
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const wanted = (ordinal: number) => ordinal >= start && ordinal < start + replicas;
  const condemned = [...byOrdinal].filter(([ordinal]) => !wanted(ordinal)).toSorted(([a], [b]) => b - a).map(([, pod]) => pod);
  const steps: Step[] = [];

  for (let ordinal = start; ordinal < start + replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) steps.push({ type: "create", ordinal, revision: versionFor(set, ordinal) });
    else if (isFinished(pod) && !isTerminating(pod)) steps.push({ type: "delete", pod, why: "failed" });
    else if (isTerminating(pod) || !isAvailable(pod, minReady, now)) {
      if (ordered) return steps;
      continue;
    } else continue;
    if (ordered) return steps;
  }
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (ordered) return steps;
      continue;
    }
    // a broken pod among those to go is no reason to keep it
    if (ordered && !healthy(pod) && [...byOrdinal.values()].some((other) => other !== pod && !condemned.includes(other) && !healthy(other))) return steps;
    steps.push({ type: "delete", pod, why: "surplus" });
    if (ordered) return steps;
  }
  if (set.spec?.updateStrategy?.type === "OnDelete") return steps;

  const { partition = 0, maxUnavailable } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const bound = maxUnavailable === undefined ? 1 : typeof maxUnavailable === "number" ? maxUnavailable : Math.ceil((Number.parseInt(maxUnavailable, 10) * replicas) / 100);
  const allowed = Math.max(1, bound);
  let unavailable = [...byOrdinal].filter(([ordinal, pod]) => wanted(ordinal) && (isTerminating(pod) || !isAvailable(pod, minReady, now))).length;
  for (let ordinal = start + replicas - 1; ordinal >= start + partition; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || isTerminating(pod)) {
      if (unavailable >= allowed) break;
      continue;
    }
    if (revisionOf(pod) !== revisions.update) {
      const counted = !isAvailable(pod, minReady, now);
      if (!counted && unavailable >= allowed) break;
      steps.push({ type: "delete", pod, why: "outdated" });
      if (!counted) unavailable++;
      if (unavailable >= allowed) break;
    } else if (!isAvailable(pod, minReady, now) && unavailable >= allowed) break;
  }
  return steps;
}

/** The revision a missing pod comes back in: below the partition it stays what it was. */
function versionFor(set: StatefulSet, ordinal: number): "current" | "update" {
  const strategy = set.spec?.updateStrategy;
  if (strategy?.type === "OnDelete") return "update";
  const partition = strategy?.rollingUpdate?.partition;
  const below = startOf(set) + (partition ?? (strategy?.rollingUpdate === undefined ? (set.status?.currentReplicas ?? 0) : 0));
  return ordinal < below ? "current" : "update";
}
