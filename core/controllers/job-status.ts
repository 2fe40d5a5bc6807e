/** The status of a Job after a run. Pure. */
import { timestamp } from "../api/clock.ts";
import type { Job, JobCondition, JobStatus, Pod } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";
import { isTracked } from "./job-count.ts";
import type { Verdict } from "./job-verdict.ts";
import { count, present } from "./json.ts";
import { isActive, isReady, isTerminating } from "./pod-state.ts";

function withCondition(conditions: readonly JobCondition[] | undefined, type: string, status: string, reason: string, message: string, now: number): readonly JobCondition[] {
  const at = timestamp(now);
  const old = findCondition(conditions, type);
  if (old?.status === status) return conditions ?? [];
  return [...(conditions ?? []).filter((each) => each.type !== type), { type, status, lastProbeTime: at, lastTransitionTime: at, reason, message }];
}

export function finalStatus(object: Job, pods: readonly Pod[], verdict: Verdict | undefined, now: number): JobStatus {
  const { spec, status = {} } = object;
  const active = pods.filter(isActive);
  const terminating = pods.filter((pod) => isTerminating(pod) && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed");
  let conditions = status.conditions ?? [];
  let { startTime, completionTime } = status;
  if (spec?.suspend === true) conditions = withCondition(conditions, "Suspended", "True", "JobSuspended", "Job suspended", now);
  else {
    if (findCondition(conditions, "Suspended")?.status === "True") {
      conditions = withCondition(conditions, "Suspended", "False", "JobResumed", "Job resumed", now);
      startTime = timestamp(now);
    }
    startTime ??= timestamp(now);
  }
  if (verdict !== undefined) {
    conditions = withCondition(conditions, verdict.type, "True", verdict.reason, verdict.message, now);
    const uncounted = Object.keys(status.uncountedTerminatedPods ?? {}).length > 0 || pods.some((pod) => isTracked(pod) && !isActive(pod));
    // the end is announced when everything has ended and is counted
    if (active.length === 0 && terminating.length === 0 && !uncounted) {
      const success = verdict.type === "SuccessCriteriaMet";
      conditions = withCondition(conditions, success ? "Complete" : "Failed", "True", verdict.reason, verdict.message, now);
      if (success) completionTime = timestamp(now);
    }
  }
  const rest: JobStatus = Object.fromEntries(Object.entries(status).filter(([field]) => field !== "active"));
  return {
    ...rest,
    ...present({
      active: count(active.length),
      ready: active.filter(isReady).length,
      terminating: terminating.length,
      startTime,
      completionTime,
      conditions: conditions.length === 0 ? undefined : conditions,
    }),
    uncountedTerminatedPods: status.uncountedTerminatedPods ?? {},
  };
}
