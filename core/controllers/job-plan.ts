/** What a Job makes and deletes next. Pure: `object.status` is up to date with its finished pods. */
import type { Job, Pod } from "../api/types.gen.ts";
import { findCondition } from "./conditions.ts";
import { INDEX_FAILURES, integer, TRACKING } from "./job-count.ts";
import { parseIndexes } from "./job-indexes.ts";
import type { Verdict } from "./job-verdict.ts";
import { completionIndex, hasFailed, isIndexed, policyMatch, verdictOf, waitsForEnd } from "./job-verdict.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { deletionOrder, isActive, isTerminating } from "./pod-state.ts";
import { BURST } from "./replicas.ts";

const INDEX = "batch.kubernetes.io/job-completion-index";
const IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count";
/** Pause before the next try after failures: this, doubled with each failure up to the cap. */
export const BACKOFF_FIRST_MS = 10_000;
export const BACKOFF_CAP_MS = 600_000;

/** for a run that is behind */
export const NOT_YET: JobPlan = { create: [], remove: [], verdict: undefined, nextMs: 1 };

export interface JobPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly verdict: Verdict | undefined;
  readonly nextMs: number | undefined;
}

export function planJob(object: Job, pods: readonly Pod[], now: number): JobPlan {
  const { spec, status } = object;
  const active = pods.filter((pod) => isActive(pod));
  const terminating = pods.filter((pod) => isTerminating(pod) && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed");
  const uncounted = status?.uncountedTerminatedPods;
  const succeeded = (status?.succeeded ?? 0) + (isIndexed(object) ? 0 : (uncounted?.succeeded?.length ?? 0));
  const failed = (status?.failed ?? 0) + (uncounted?.failed?.length ?? 0);
  const completed = parseIndexes(status?.completedIndexes);
  const failedIndexes = parseIndexes(status?.failedIndexes);
  const decided = verdictIn(object);
  const verdict = decided ?? verdictOf(object, { active: active.length, succeeded, failed, completed, failedIndexes, pods }, now);
  if (verdict !== undefined || spec?.suspend === true) return { create: [], remove: active, verdict, nextMs: undefined };

  const parallelism = spec?.parallelism ?? 1;
  const completions = spec?.completions;
  const wanted =
    completions === undefined
      ? succeeded > 0
        ? Math.min(active.length, parallelism)
        : parallelism
      : Math.min(parallelism, Math.max(0, completions - succeeded - (isIndexed(object) ? failedIndexes.size : 0)));
  const deadline = deadlineIn(object, now);
  if (active.length > wanted) {
    return { create: [], remove: deletionOrder(active, () => 0, now).slice(0, active.length - wanted), verdict, nextMs: deadline };
  }
  const missing = wanted - active.length - (waitsForEnd(object) ? terminating.length : 0);
  if (missing <= 0) return { create: [], remove: [], verdict, nextMs: deadline };
  const wait = backoff(object, pods, now);
  if (wait > 0) return { create: [], remove: [], verdict, nextMs: Math.min(wait, deadline ?? wait) };
  const size = Math.min(missing, BURST);
  const create = isIndexed(object) ? indexedPods(object, pods, size, completed, failedIndexes) : Array.from({ length: size }, () => podOf(object));
  return { create, remove: [], verdict, nextMs: missing > BURST ? 1 : deadline };
}

/** A verdict stands once it is written: it is being carried out. */
function verdictIn(object: Job): Verdict | undefined {
  for (const type of ["FailureTarget", "SuccessCriteriaMet"] as const) {
    const condition = findCondition(object.status?.conditions, type);
    if (condition?.status === "True") return { type, reason: condition.reason ?? "", message: condition.message ?? "" };
  }
  return undefined;
}

function deadlineIn({ spec, status }: Job, now: number): number | undefined {
  if (spec?.activeDeadlineSeconds === undefined) return undefined;
  return Math.max(1, (status?.startTime === undefined ? now : Date.parse(status.startTime)) + spec.activeDeadlineSeconds * 1000 - now);
}

/** Failures since the last success decide how long the next pod waits. */
function backoff(object: Job, pods: readonly Pod[], now: number): number {
  const ends = pods.map((pod) => ({ failed: hasFailed(object, pod), succeeded: pod.status?.phase === "Succeeded", at: endOf(pod) }));
  const lastSuccess = Math.max(0, ...ends.filter(({ succeeded }) => succeeded).map(({ at }) => at));
  const failures = ends.filter(({ failed, at }) => failed && at > lastSuccess);
  if (failures.length === 0) return 0;
  const pause = Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures.length - 1, 20));
  return Math.max(0, Math.max(...failures.map(({ at }) => at)) + pause - now);
}

function endOf({ metadata, status }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(({ state }) => state?.terminated?.finishedAt).filter((text) => typeof text === "string");
  const transition = findCondition(status?.conditions, "Ready")?.lastTransitionTime;
  const text = ends.toSorted().at(-1) ?? metadata.deletionTimestamp ?? (typeof transition === "string" ? transition : undefined) ?? metadata.creationTimestamp;
  return text === undefined ? 0 : Date.parse(text);
}

function podOf(object: Job): Pod {
  const pod = podFromTemplate(object, object.spec?.template);
  const finalizers = [...(pod.metadata.finalizers ?? []).filter((finalizer) => finalizer !== TRACKING), TRACKING];
  return { ...pod, metadata: { ...pod.metadata, finalizers } };
}

function indexedPods(object: Job, pods: readonly Pod[], size: number, completed: ReadonlySet<number>, failedIndexes: ReadonlySet<number>): readonly Pod[] {
  const taken = new Set<number | undefined>();
  for (const pod of pods) {
    if (isActive(pod) || (waitsForEnd(object) && isTerminating(pod) && pod.status?.phase !== "Failed")) taken.add(completionIndex(pod));
  }
  const made: Pod[] = [];
  for (let index = 0; index < (object.spec?.completions ?? 0) && made.length < size; index++) {
    if (!taken.has(index) && !completed.has(index) && !failedIndexes.has(index)) made.push(indexedPod(object, index, pods));
  }
  return made;
}

function indexedPod(object: Job, index: number, pods: readonly Pod[]): Pod {
  const pod = podOf(object);
  const name = object.metadata.name ?? "";
  const env = { name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${INDEX}']` } } };
  const withEnv = <C extends { readonly env?: readonly { readonly name: string }[] }>(container: C) =>
    container.env?.some((each) => each.name === env.name) === true ? container : { ...container, env: [...(container.env ?? []), env] };
  const { spec = { containers: [] } } = pod;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      generateName: `${name}-${index}-`,
      labels: { ...pod.metadata.labels, [INDEX]: String(index) },
      annotations: { ...pod.metadata.annotations, [INDEX]: String(index), ...failureCounts(object, index, pods) },
    },
    spec: {
      ...spec,
      hostname: `${name}-${index}`,
      containers: spec.containers.map(withEnv),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withEnv) }),
    },
  };
}

/** How often the index failed before, carried from pod to pod. */
function failureCounts(object: Job, index: number, pods: readonly Pod[]): { readonly [key: string]: string } {
  if (object.spec?.backoffLimitPerIndex === undefined) return {};
  let [counted, ignored] = [0, 0];
  for (const pod of pods) {
    if (completionIndex(pod) !== index || !hasFailed(object, pod)) continue;
    const skip = policyMatch(object, pod)?.action === "Ignore";
    counted = Math.max(counted, integer(pod.metadata.annotations?.[INDEX_FAILURES]) + (skip ? 0 : 1));
    ignored = Math.max(ignored, integer(pod.metadata.annotations?.[IGNORED]) + (skip ? 1 : 0));
  }
  return { [INDEX_FAILURES]: String(counted), ...(ignored === 0 ? {} : { [IGNORED]: String(ignored) }) };
}
