/**
 * Revisions of a Deployment, as `kubectl rollout history` and `undo` read them: each ReplicaSet carries the number of
 * the rollout that made it current; an undo gives its ReplicaSet the next number and remembers the old one.
 */
import { sameJson } from "../api/json.ts";
import type { Deployment, PodTemplateSpec, ReplicaSet } from "../api/types.gen.ts";
import { byAge, DESIRED, limits, MAXIMUM, wanted } from "./deployment-sizes.ts";

export const REVISION = "deployment.kubernetes.io/revision";
export const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
export const HASH = "pod-template-hash";

/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const OWN: readonly string[] = [
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAXIMUM,
  "deprecated.deployment.rollback.to",
];

type Annotations = { readonly [key: string]: string };

export const revisionNumber = (object: ReplicaSet | Deployment): number => Number.parseInt(object.metadata.annotations?.[REVISION] ?? "0", 10) || 0;

/** The ReplicaSet whose template is the Deployment's; of several, the oldest. */
export function currentSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const template = deployment.spec?.template;
  return sets.toSorted(byAge).find((set) => sameTemplate(set.spec?.template, template));
}

export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return sameJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const labels = Object.fromEntries(Object.entries(template?.metadata?.labels ?? {}).filter(([key]) => key !== HASH));
  const annotations = template?.metadata?.annotations ?? {};
  return { labels, annotations, spec: template?.spec };
}

/** The annotations of the current ReplicaSet: the Deployment's, the next revision, and the sizes it was scaled by. */
export function setAnnotations(deployment: Deployment, set: ReplicaSet | undefined, old: readonly ReplicaSet[]): Annotations {
  const inherited = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN.includes(key));
  const before = set?.metadata.annotations ?? {};
  const next = Math.max(0, ...old.map(revisionNumber)) + 1;
  const had = set === undefined ? 0 : revisionNumber(set);
  const annotations: { [key: string]: string } = { ...before, ...Object.fromEntries(inherited) };
  if (had < next) {
    annotations[REVISION] = String(next);
    if (had > 0) annotations[REVISION_HISTORY] = [before[REVISION_HISTORY], String(had)].filter(Boolean).join(",");
  }
  return set === undefined ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = wanted(deployment);
  return { [DESIRED]: String(replicas), [MAXIMUM]: String(replicas + limits(deployment).surge) };
}

/** Old ReplicaSets beyond revisionHistoryLimit that hold nothing any more, oldest revision first. */
export function expired(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit;
  if (limit === undefined) return [];
  const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined).toSorted((a, b) => revisionNumber(a) - revisionNumber(b) || byAge(a, b));
  return alive
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      ({ spec, status, metadata }) =>
        (status?.replicas ?? 0) === 0 && spec?.replicas === 0 && (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    );
}
