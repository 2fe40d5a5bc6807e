/** How a pod's siblings shall be spread over the fleet. */
import { validateLabelSelector } from "../../selector.ts";
import type { TopologySpreadConstraint } from "../../types.gen.ts";
import { labelKeys } from "./affinity.ts";
import { type Errors, duplicate, invalid, isEmpty, notSupported, oneOf, required } from "./errors.ts";

const NOT_POSITIVE = "must be greater than zero";
const ACTIONS = ["DoNotSchedule", "ScheduleAnyway"];
const POLICIES = ["Honor", "Ignore"];

export function validateTopologySpread(errors: Errors, path: string, constraints: readonly TopologySpreadConstraint[] | undefined): void {
  constraints?.forEach((constraint, index) => {
    const at = `${path}[${index}]`;
    const { maxSkew = 0, topologyKey = "", whenUnsatisfiable, minDomains, labelSelector } = constraint;
    if (maxSkew <= 0) invalid(errors, `${at}.maxSkew`, maxSkew, NOT_POSITIVE);
    if (isEmpty(topologyKey)) required(errors, `${at}.topologyKey`, "can not be empty");
    if (!ACTIONS.includes(whenUnsatisfiable)) notSupported(errors, `${at}.whenUnsatisfiable`, whenUnsatisfiable ?? "", ACTIONS);
    const repeated = constraints.slice(index + 1).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (repeated) duplicate(errors, `${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    if (minDomains !== undefined) {
      if (minDomains <= 0) invalid(errors, `${at}.minDomains`, minDomains, NOT_POSITIVE);
      if (whenUnsatisfiable !== "DoNotSchedule") {
        invalid(errors, `${at}.minDomains`, minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`);
      }
    }
    for (const field of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
      if (constraint[field] !== undefined) oneOf(errors, `${at}.${field}`, constraint[field], POLICIES);
    }
    labelKeys(errors, `${at}.matchLabelKeys`, constraint.matchLabelKeys ?? [], labelSelector);
    if (labelSelector !== undefined) errors.push(...validateLabelSelector(labelSelector, `${at}.labelSelector`));
  });
}
