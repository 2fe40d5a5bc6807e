/**
 * How many replicas each ReplicaSet of a Deployment gets next. Pure: sizes in, sizes out. Rolling update: never more
 * pods than replicas + surge, never fewer available ones than replicas - unavailable (Kubernetes, "Deployments").
 */
import type { Deployment, ReplicaSet } from "../api/types.gen.ts";

export const DESIRED = "deployment.kubernetes.io/desired-replicas";
export const MAXIMUM = "deployment.kubernetes.io/max-replicas";

/** A ReplicaSet and the size it gets. */
export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export const sizeOf = (set: ReplicaSet): number => set.spec?.replicas ?? 1;
export const wanted = (deployment: Deployment): number => deployment.spec?.replicas ?? 1;
const available = (set: ReplicaSet) => set.status?.availableReplicas ?? 0;
const total = (sets: readonly ReplicaSet[]) => sets.reduce((sum, set) => sum + sizeOf(set), 0);
export const isRolling = (deployment: Deployment): boolean => deployment.spec?.strategy?.type !== "Recreate";

/** A count or a percentage of `of`. */
export function portion(value: number | string | undefined, of: number, round: (value: number) => number): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  return round((Number.parseInt(value, 10) * of) / 100);
}

export function limits(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  if (!isRolling(deployment)) return { surge: 0, unavailable: wanted(deployment) };
  const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = portion(maxSurge, wanted(deployment), Math.ceil);
  const unavailable = portion(maxUnavailable, wanted(deployment), Math.floor);
  // both zero would never move: rounding down must not stop a rollout
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, wanted(deployment)) };
}

/** The size of the new ReplicaSet, given what all of them hold. */
export function newSize(deployment: Deployment, sets: readonly ReplicaSet[], current: ReplicaSet | undefined): number {
  const replicas = wanted(deployment);
  const size = current === undefined ? 0 : sizeOf(current);
  if (!isRolling(deployment)) return replicas;
  if (size >= replicas) return replicas;
  const room = replicas + limits(deployment).surge - total(sets);
  return room <= 0 ? size : size + Math.min(room, replicas - size);
}

/** What the old ReplicaSets give up in a rolling update: first their unhealthy pods, then as many as may be missing. */
export function shrinkOld(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): readonly Resize[] {
  if (total(old) === 0) return [];
  const minimum = wanted(deployment) - limits(deployment).unavailable;
  const unready = current === undefined ? 0 : sizeOf(current) - available(current);
  let spare = total(old) + (current === undefined ? 0 : sizeOf(current)) - minimum - unready;
  if (spare <= 0) return [];
  const sizes = new Map(old.map((set) => [set, sizeOf(set)]));
  const oldest = old.toSorted(byAge);
  for (const set of oldest) {
    const size = sizes.get(set) ?? 0;
    const cut = Math.min(spare, Math.max(0, size - available(set)));
    sizes.set(set, size - cut);
    spare -= cut;
  }
  let surplus = allAvailable(old) + (current === undefined ? 0 : available(current)) - minimum;
  for (const set of oldest) {
    const size = sizes.get(set) ?? 0;
    const cut = Math.min(Math.max(0, surplus), size);
    sizes.set(set, size - cut);
    surplus -= cut;
  }
  return oldest.map((set) => ({ set, replicas: sizes.get(set) ?? 0 })).filter(({ set, replicas }) => replicas !== sizeOf(set));
}

/**
 * The answer to a change of `spec.replicas` while there may be several ReplicaSets: one gets it all; in the middle of a
 * rollout each gets its share, so that a bad new version does not take all of a scale-up.
 */
export function scaleAll(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): readonly Resize[] {
  const replicas = wanted(deployment);
  const all = current === undefined ? [...old] : [...old, current];
  const active = all.filter((set) => sizeOf(set) > 0);
  if (active.length <= 1) {
    const only = active[0] ?? current ?? old.toSorted(byAge).at(-1);
    return only === undefined || sizeOf(only) === replicas ? [] : [{ set: only, replicas }];
  }
  if (current !== undefined && saturated(deployment, current)) {
    return old.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  }
  if (!isRolling(deployment)) return [];
  const allowed = replicas > 0 ? replicas + limits(deployment).surge : 0;
  const add = allowed - total(active);
  // growing starts with the newest of the largest, shrinking with the oldest
  const order = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (add > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const resized = order.map((set) => {
    const share = add === 0 ? 0 : clampShare(fraction(deployment, set), add - added);
    added += share;
    return { set, replicas: sizeOf(set) + share };
  });
  return resized.map(({ set, replicas: size }, index) => ({ set, replicas: Math.max(0, index === 0 ? size + add - added : size) }));
}

const allAvailable = (sets: readonly ReplicaSet[]) => sets.reduce((sum, set) => sum + available(set), 0);
const clampShare = (share: number, left: number) => (left > 0 ? Math.min(share, left) : left < 0 ? Math.max(share, left) : 0);

function fraction(deployment: Deployment, set: ReplicaSet): number {
  if (wanted(deployment) === 0) return -sizeOf(set);
  const before = Number(set.metadata.annotations?.[MAXIMUM] ?? deployment.status?.replicas ?? 0);
  if (!(before > 0)) return 0;
  return Math.round((sizeOf(set) * (wanted(deployment) + limits(deployment).surge)) / before) - sizeOf(set);
}

function saturated(deployment: Deployment, set: ReplicaSet): boolean {
  const replicas = wanted(deployment);
  return sizeOf(set) === replicas && Number(set.metadata.annotations?.[DESIRED]) === replicas && available(set) === replicas;
}

/** oldest first; names decide between equals */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [left = "", right = ""] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
