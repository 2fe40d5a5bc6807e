/** Conditions of a status: one per type; the transition time moves only when the status value does. */

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string | null;
}

export function findCondition<C extends { readonly type: string }>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** With `condition` in the place of the one of its type, or at the end. */
export function withCondition<C extends Condition>(conditions: readonly C[] | undefined, condition: C): readonly C[] {
  const all = conditions ?? [];
  const old = findCondition(all, condition.type);
  if (old === undefined) return [...all, condition];
  const kept =
    old.status === condition.status && typeof old.lastTransitionTime === "string"
      ? { ...condition, lastTransitionTime: old.lastTransitionTime }
      : condition;
  return all.map((each) => (each.type === condition.type ? kept : each));
}

export function withoutCondition<C extends { readonly type: string }>(conditions: readonly C[] | undefined, type: string): readonly C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
