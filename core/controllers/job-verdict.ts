/**
 * Whether a Job has ended, and how: completions, success policy (KEP-3998), backoff limits, also per index (KEP-3850),
 * pod failure policy (KEP-3329), deadline. Pure.
 */
import type { Job, Pod, PodFailurePolicyRule } from "../api/types.gen.ts";
import { parseIndexes } from "./job-indexes.ts";
import { isTerminating } from "./pod-state.ts";

export interface Verdict {
  readonly type: "SuccessCriteriaMet" | "FailureTarget";
  readonly reason: string;
  readonly message: string;
}

export interface Tally {
  readonly active: number;
  readonly succeeded: number;
  /** failures that count against backoffLimit */
  readonly failed: number;
  readonly completed: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly pods: readonly Pod[];
}

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === "Indexed";
export const completionIndex = (pod: Pod): number | undefined => {
  const text = pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"];
  return text === undefined ? undefined : Number(text);
};
/** Pods are replaced when they failed for good, not when they begin to end (KEP-3939). */
export const waitsForEnd = (job: Job): boolean => job.spec?.podReplacementPolicy === "Failed" || job.spec?.podFailurePolicy !== undefined;
export const hasFailed = (job: Job, pod: Pod): boolean =>
  pod.status?.phase === "Failed" || (!waitsForEnd(job) && isTerminating(pod) && pod.status?.phase !== "Succeeded");

const DONE = { reason: "CompletionsReached", message: "Reached expected number of succeeded pods" };

const failure = (reason: string, message: string): Verdict => ({ type: "FailureTarget", reason, message });

export function verdictOf(job: Job, tally: Tally, now: number): Verdict | undefined {
  const { spec } = job;
  const failJob = failJobMessage(job, tally.pods);
  if (failJob !== undefined) return failure("PodFailurePolicy", failJob);
  const perIndex = isIndexed(job) && spec?.backoffLimitPerIndex !== undefined;
  if (perIndex && spec.maxFailedIndexes !== undefined && tally.failedIndexes.size > spec.maxFailedIndexes) {
    return failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
  }
  const limit = spec?.backoffLimit ?? 6;
  if (tally.failed > limit || restartsExceed(job, tally.pods, limit)) return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  const seconds = spec?.activeDeadlineSeconds;
  const started = job.status?.startTime;
  if (spec?.suspend !== true && seconds !== undefined && started !== undefined && now >= Date.parse(started) + seconds * 1000) {
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  }
  const rule = matchedSuccessRule(job, tally.completed);
  if (rule !== undefined) return { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: `Matched rules at index ${rule}` };
  const completions = spec?.completions;
  if (completions === undefined) {
    return tally.succeeded > 0 && tally.active === 0 ? { type: "SuccessCriteriaMet", ...DONE } : undefined;
  }
  if (perIndex && tally.failedIndexes.size > 0 && tally.failedIndexes.size + tally.completed.size >= completions) {
    return failure("FailedIndexes", "Job has failed indexes");
  }
  return tally.succeeded >= completions ? { type: "SuccessCriteriaMet", ...DONE } : undefined;
}

/** With restartPolicy OnFailure the pods stay, and their restarts are the failures. */
function restartsExceed(job: Job, pods: readonly Pod[], limit: number): boolean {
  if (job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== "Running" && status?.phase !== "Pending") continue;
    for (const { restartCount } of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += restartCount ?? 0;
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function matchedSuccessRule(job: Job, completed: ReadonlySet<number>): number | undefined {
  if (!isIndexed(job)) return undefined;
  const index = (job.spec?.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    const wanted = succeededIndexes === undefined ? completed : parseIndexes(succeededIndexes);
    const done = [...wanted].filter((each) => completed.has(each)).length;
    return done >= (succeededCount ?? wanted.size) && (succeededIndexes !== undefined || succeededCount !== undefined);
  });
  return index < 0 ? undefined : index;
}

function failJobMessage(job: Job, pods: readonly Pod[]): string | undefined {
  for (const pod of pods) {
    if (!hasFailed(job, pod)) continue;
    const match = policyMatch(job, pod);
    if (match?.action === "FailJob") return match.message;
  }
  return undefined;
}

export interface PolicyMatch {
  readonly action: PodFailurePolicyRule["action"];
  readonly message: string;
}

/** The first rule of the pod failure policy that a failed pod matches; undefined: it counts as usual. */
export function policyMatch(job: Job, pod: Pod): PolicyMatch | undefined {
  const where = `pod ${pod.metadata.namespace}/${pod.metadata.name}`;
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const { action, onExitCodes, onPodConditions } = rule;
    if (onExitCodes !== undefined) {
      const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
      for (const { name, state } of statuses) {
        const code = state?.terminated?.exitCode;
        if (code === undefined || code === 0) continue;
        if (onExitCodes.containerName !== undefined && onExitCodes.containerName !== name) continue;
        if (onExitCodes.values.includes(code) === (onExitCodes.operator === "In")) {
          return { action, message: `Container ${name} for ${where} failed with exit code ${code} matching ${action} rule at index ${index}` };
        }
      }
    }
    for (const { type, status = "True" } of onPodConditions ?? []) {
      if (pod.status?.conditions?.some((condition) => condition.type === type && condition.status === status)) {
        return { action, message: `${where[0]?.toUpperCase()}${where.slice(1)} has condition ${type} matching ${action} rule at index ${index}` };
      }
    }
  }
  return undefined;
}
