/** Counts the finished pods of a Job, each exactly once (KEP-2307): remembered first, let go next, then summed up. Pure. */
import type { Job, JobStatus, Pod } from "../api/types.gen.ts";
import { formatIndexes, parseIndexes } from "./job-indexes.ts";
import { completionIndex, hasFailed, isIndexed, policyMatch } from "./job-verdict.ts";
import { count, present } from "./json.ts";
import { BURST } from "./replicas.ts";

export const TRACKING = "batch.kubernetes.io/job-tracking";
/** How often an index has failed, carried from each of its pods to the next. */
export const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";

const uidOf = ({ metadata }: Pod) => metadata.uid ?? "";
export const isTracked = ({ metadata }: Pod): boolean => (metadata.finalizers ?? []).includes(TRACKING);
export const integer = (text: string | undefined): number => Number.parseInt(text ?? "0", 10) || 0;

export const isRemembered = ({ uncountedTerminatedPods }: JobStatus, pod: Pod): boolean =>
  (uncountedTerminatedPods?.succeeded ?? []).includes(uidOf(pod)) || (uncountedTerminatedPods?.failed ?? []).includes(uidOf(pod));

/**
 * Adds finished pods that still carry the finalizer to the uncounted ones, a bounded number at a time. `uncounted` are
 * those that count for nothing: ignored failures, second successes of an index.
 */
export function remember(object: Job, pods: readonly Pod[]): { readonly status: JobStatus; readonly uncounted: readonly Pod[] } {
  const status = object.status ?? {};
  const [succeeded, failed] = [[...(status.uncountedTerminatedPods?.succeeded ?? [])], [...(status.uncountedTerminatedPods?.failed ?? [])]];
  const completed = parseIndexes(status.completedIndexes);
  const failedIndexes = parseIndexes(status.failedIndexes);
  const completions = object.spec?.completions ?? Number.POSITIVE_INFINITY;
  const uncounted: Pod[] = [];
  for (const pod of pods) {
    if (!isTracked(pod) || isRemembered(status, pod) || succeeded.length + failed.length >= BURST) continue;
    const index = completionIndex(pod);
    if (pod.status?.phase === "Succeeded") {
      // of an index only the first success counts
      if (isIndexed(object) && index !== undefined && (index >= completions || completed.has(index))) {
        uncounted.push(pod);
        continue;
      }
      succeeded.push(uidOf(pod));
      if (isIndexed(object) && index !== undefined) completed.add(index);
    } else if (hasFailed(object, pod)) {
      if (policyMatch(object, pod)?.action === "Ignore") uncounted.push(pod);
      else failed.push(uidOf(pod));
    }
    if (index !== undefined && hasFailed(object, pod) && indexIsLost(object, pod)) failedIndexes.add(index);
  }
  for (const index of completed) failedIndexes.delete(index);
  const next: JobStatus = {
    ...status,
    uncountedTerminatedPods: present({ succeeded: succeeded.length === 0 ? undefined : succeeded, failed: failed.length === 0 ? undefined : failed }),
    ...(isIndexed(object) && completed.size > 0 ? { completedIndexes: formatIndexes(completed) } : {}),
    ...(object.spec?.backoffLimitPerIndex !== undefined && isIndexed(object) ? { failedIndexes: formatIndexes(failedIndexes) } : {}),
  };
  return { status: next, uncounted };
}

/** Whether this failure is the last its index had left. */
function indexIsLost(object: Job, pod: Pod): boolean {
  const limit = object.spec?.backoffLimitPerIndex;
  if (limit === undefined || !isIndexed(object)) return false;
  const action = policyMatch(object, pod)?.action;
  if (action === "Ignore") return false;
  return action === "FailIndex" || integer(pod.metadata.annotations?.[INDEX_FAILURES]) >= limit;
}

/** Moves those whose finalizer is gone from uncounted to counted. */
export function settle(object: Job, pods: readonly Pod[]): JobStatus {
  const status = object.status ?? {};
  const tracked = new Set(pods.filter(isTracked).map(uidOf));
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = (uids: readonly string[]) => uids.filter((uid) => tracked.has(uid));
  const keep = (uids: readonly string[]) => (left(uids).length === 0 ? undefined : left(uids));
  return {
    ...status,
    ...present({
      succeeded: count(isIndexed(object) ? parseIndexes(status.completedIndexes).size : (status.succeeded ?? 0) + succeeded.length - left(succeeded).length),
      failed: count((status.failed ?? 0) + failed.length - left(failed).length),
    }),
    uncountedTerminatedPods: present({ succeeded: keep(succeeded), failed: keep(failed) }),
  };
}
