/** The status of a Job: counters that only grow, moments that are set once. */
import type { Job, JobStatus } from "../../types.gen.ts";
import { type Errors, invalid, required } from "./errors.ts";
import { countIndexes } from "./index-ranges.ts";
import { notNegative } from "./numbers.ts";

const is = (status: JobStatus, type: string) => status.conditions?.some((one) => one.type === type && one.status === "True") === true;

export function validateJobStatus(errors: Errors, next: Job, old: Job): void {
  const status: JobStatus = next.status ?? {};
  const was: JobStatus = old.status ?? {};
  for (const field of ["active", "succeeded", "failed", "ready", "terminating"] as const) notNegative(errors, `status.${field}`, status[field]);
  if ((status.ready ?? 0) > (status.active ?? 0)) invalid(errors, "status.ready", status.ready, "cannot set more ready pods than active");
  if (is(status, "Failed") && is(status, "Complete")) invalid(errors, "status.conditions", status.conditions, "cannot set Complete=True and Failed=true conditions");
  if (status.completionTime !== undefined && !is(status, "Complete")) invalid(errors, "status.completionTime", status.completionTime, "cannot set completionTime when there is no Complete=True condition");
  if (is(status, "Complete") && status.completionTime === undefined) required(errors, "status.completionTime", "completionTime is required for Complete jobs");
  if ((is(status, "Complete") || is(status, "Failed")) && (status.active ?? 0) > 0) invalid(errors, "status.active", status.active, "active>0 is invalid for finished job");
  const { completionMode, completions = 0, backoffLimitPerIndex } = next.spec ?? {};
  if (status.completedIndexes !== undefined && status.completedIndexes !== "") {
    const counted = countIndexes(status.completedIndexes, completions);
    if (completionMode !== "Indexed") invalid(errors, "status.completedIndexes", status.completedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode");
    else if (typeof counted !== "number") invalid(errors, "status.completedIndexes", status.completedIndexes, `error parsing completedIndexes: ${counted.wrong}`);
  }
  if (status.failedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    invalid(errors, "status.failedIndexes", status.failedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
  }
  for (const field of ["succeeded", "failed"] as const) {
    if ((status[field] ?? 0) < (was[field] ?? 0)) invalid(errors, `status.${field}`, status[field] ?? 0, `cannot decrease the ${field} counter`);
  }
  if (status.startTime === undefined && was.startTime !== undefined && next.spec?.suspend !== true) required(errors, "status.startTime", "startTime cannot be removed for unsuspended job");
  if (was.completionTime !== undefined && status.completionTime !== was.completionTime) {
    invalid(errors, "status.completionTime", status.completionTime, "completionTime cannot be mutated");
  }
}
