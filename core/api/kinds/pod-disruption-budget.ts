/** PodDisruptionBudgets: how many pods of a set may be missing on purpose. */
import { validateLabelSelector } from "../selector.ts";
import type { KindHooks } from "../kinds.ts";
import type { PodDisruptionBudget } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { validateConditions } from "./validate/conditions.ts";
import { type Errors, invalid, notSupported } from "./validate/errors.ts";
import { atMostHundredPercent, countOrPercent } from "./validate/numbers.ts";
import { validateCounts } from "./validate/replicas-status.ts";

const column = columnsOf<PodDisruptionBudget>();
const POLICIES = ["AlwaysAllow", "IfHealthyBudget"];

export const podDisruptionBudgetHooks: KindHooks = {
  prepareForCreate: (object) => ({ ...object, status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 } }),
  validate: checking(validateBudget),
  validateUpdate: checkingUpdate((errors, next: PodDisruptionBudget) => validateBudget(errors, next)),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: PodDisruptionBudget) => {
      validateConditions(errors, "status.conditions", status?.conditions);
      validateCounts(errors, status, ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"]);
    }),
  },
  columns: [
    nameColumn,
    column("Min Available", ({ spec }) => String(spec?.minAvailable ?? "N/A")),
    column("Max Unavailable", ({ spec }) => String(spec?.maxUnavailable ?? "N/A")),
    column("Allowed Disruptions", ({ status }) => status?.disruptionsAllowed ?? 0, { type: "integer" }),
    ageColumn,
  ],
};

function validateBudget(errors: Errors, { spec = {} }: PodDisruptionBudget): void {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = { MinAvailable: minAvailable, Selector: selector ?? null, MaxUnavailable: maxUnavailable, UnhealthyPodEvictionPolicy: policy ?? null };
    invalid(errors, "spec", shown, "minAvailable and maxUnavailable cannot be both set");
  }
  for (const [field, value] of [["minAvailable", minAvailable], ["maxUnavailable", maxUnavailable]] as const) {
    if (value === undefined) continue;
    countOrPercent(errors, `spec.${field}`, value);
    atMostHundredPercent(errors, `spec.${field}`, value);
  }
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, "spec.selector"));
  if (policy !== undefined && !POLICIES.includes(policy)) notSupported(errors, "spec.unhealthyPodEvictionPolicy", policy, POLICIES);
}
