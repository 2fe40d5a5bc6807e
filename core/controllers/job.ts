/**
 * Job: runs pods until enough have succeeded. Each finished pod is counted exactly once: its finalizer keeps it until the
 * status remembers it (status.uncountedTerminatedPods; KEP-2307), so a crash at any moment loses and doubles nothing.
 */
import { timestamp } from "../api/clock.ts";
import { JOBS, PODS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import type { Job, JobCondition, JobStatus, Pod } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { findCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { formatIndexes, parseIndexes } from "./job-indexes.ts";
import type { Verdict } from "./job-verdict.ts";
import { completionIndex, hasFailed, isIndexed, policyMatch, verdictOf, waitsForEnd } from "./job-verdict.ts";
import { count, present, sameJson } from "./json.ts";
import { claim, concerned, indexOwners, owned, ownerKey } from "./owner.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { deletionOrder, isActive, isReady, isTerminating } from "./pod-state.ts";
import { BURST, isTerminatingNamespace } from "./replicas.ts";
import { slowStart } from "./slow-start.ts";

export const TRACKING = "batch.kubernetes.io/job-tracking";
const INDEX = "batch.kubernetes.io/job-completion-index";
const FAILURES = "batch.kubernetes.io/job-index-failure-count";
const IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count";
const CONTROLLER = "kubernetes.io/job-controller";
/** Pods that wait for their count, by the key of their job: also of a job that is gone. */
const TRACKED = "tracked-by-job";
/** Pause before the next try after failures: this, doubled with each failure up to the cap. */
export const BACKOFF_FIRST_MS = 10_000;
export const BACKOFF_CAP_MS = 600_000;

const selects = ({ spec }: Job) => (spec?.selector === undefined ? undefined : selectorOf(spec.selector));
const keyOf = ({ metadata }: Job | Pod) => `${metadata.namespace}/${metadata.name}`;
const uidOf = ({ metadata }: Pod) => metadata.uid ?? "";
const isTracked = ({ metadata }: Pod) => (metadata.finalizers ?? []).includes(TRACKING);
const holds = ({ status }: Job, type: string) => findCondition(status?.conditions, type)?.status === "True";
export const isJobFinished = (object: Job): boolean => holds(object, "Complete") || holds(object, "Failed");
const number = (text: string | undefined) => Number.parseInt(text ?? "0", 10) || 0;

export function job(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "job-controller");
  const jobs = deps.informers.of(JOBS);
  const pods = deps.informers.of(PODS);
  indexOwners(pods);
  pods.addIndex(TRACKED, (pod) => (isTracked(pod) ? ownerKey(pod, "Job") : []));

  async function untrack(pod: Pod): Promise<void> {
    const { namespace, name = "", uid, resourceVersion, finalizers = [] } = pod.metadata;
    const left = finalizers.filter((finalizer) => finalizer !== TRACKING);
    const patch = { metadata: { uid, resourceVersion, finalizers: left.length === 0 ? null : left } };
    await client.patch(PODS, { namespace, name }, { type: "merge", patch }).catch((error: unknown) => {
      if (!isReason(error, "NotFound")) throw error;
    });
  }

  async function remove(object: Job, list: readonly Pod[]): Promise<void> {
    for (const pod of list) {
      const { namespace, name = "", uid } = pod.metadata;
      try {
        await client.delete(PODS, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
        events.record(object, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
  }

  async function writeStatus(key: string, status: JobStatus): Promise<void> {
    const latest = jobs.get(key);
    if (latest === undefined || sameJson(status, latest.status)) return;
    const { namespace, name = "" } = latest.metadata;
    await client.update(JOBS, { namespace, name, subresource: "status" }, { ...latest, status });
  }

  async function create(object: Job, list: readonly Pod[]): Promise<unknown> {
    const { error: failure } = await slowStart(list.length, async (index) => {
      try {
        const made = await client.create(PODS, list[index], { namespace: object.metadata.namespace });
        events.record(object, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata.name}`);
      } catch (error) {
        if (!isTerminatingNamespace(error)) {
          events.record(object, "Warning", "FailedCreate", `Error creating: ${error instanceof Error ? error.message : String(error)}`);
        }
        throw error;
      }
    });
    return failure;
  }

  async function reconcile(key: string): Promise<Outcome> {
    const seen = jobs.get(key);
    if (seen === undefined) {
      for (const pod of pods.by(TRACKED, key)) await untrack(pod);
      return undefined;
    }
    if (seen.spec?.managedBy !== undefined && seen.spec.managedBy !== CONTROLLER) return undefined;
    const selector = selects(seen);
    if (selector === undefined) return undefined;
    if (isJobFinished(seen)) {
      for (const pod of owned(pods, seen.metadata.uid ?? "").filter(isTracked)) await untrack(pod);
      return undefined;
    }
    await claim(client, { owner: seen, owners: JOBS, informer: pods, selector }, isActive);
    if (seen.metadata.deletionTimestamp !== undefined) return undefined;
    const now = deps.clock.now();

    // 1. remember the pods that finished, 2. let them go, 3. act on the sums
    const { status: remembered, uncounted } = remember(seen, owned(pods, seen.metadata.uid ?? ""));
    await writeStatus(key, remembered);
    for (const pod of uncounted) await untrack(pod);
    for (const pod of owned(pods, seen.metadata.uid ?? "")) {
      if (isTracked(pod) && isRemembered(remembered, pod)) await untrack(pod);
    }
    const object = jobs.get(key);
    if (object === undefined || object.metadata.uid !== seen.metadata.uid) return undefined;
    const mine = owned(pods, object.metadata.uid ?? "");
    const settled = settle(object, mine);
    // a pod that ended since the count was taken: the next run counts it before anything is made in its place
    const behind = mine.some((pod) => isTracked(pod) && (pod.status?.phase === "Succeeded" || hasFailed(object, pod)) && !isRemembered(settled, pod));
    const plan = behind ? NOT_YET : planJob({ ...object, status: settled }, mine, now);

    await remove(object, plan.remove);
    const failure = await create(object, plan.create);
    const after = owned(pods, object.metadata.uid ?? "");
    const status = finalStatus({ ...object, status: settled }, after, plan.verdict, now);
    announce(object, status);
    await writeStatus(key, status);
    if (failure !== undefined && !isTerminatingNamespace(failure)) throw failure;
    return plan.nextMs === undefined ? undefined : { afterMs: plan.nextMs };
  }

  function announce(object: Job, status: JobStatus): void {
    for (const { type, status: value, reason = "", message = "" } of status.conditions ?? []) {
      if (findCondition(object.status?.conditions, type)?.status === value) continue;
      if (type === "Complete") events.record(object, "Normal", "Completed", "Job completed");
      if (type === "Failed") events.record(object, "Warning", reason, message);
      if (type === "Suspended") events.record(object, "Normal", value === "True" ? "Suspended" : "Resumed", message);
    }
  }

  return {
    name: "job",
    watches: [
      watching(jobs, (object) => [keyOf(object)]),
      watching(pods, (pod) => [...concerned(pod, "Job", jobs, selects)]),
    ],
    reconcile,
  };
}

const isRemembered = ({ uncountedTerminatedPods }: JobStatus, pod: Pod) =>
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
  return action === "FailIndex" || number(pod.metadata.annotations?.[FAILURES]) >= limit;
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

const NOT_YET: JobPlan = { create: [], remove: [], verdict: undefined, nextMs: 1 };

export interface JobPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly verdict: Verdict | undefined;
  readonly nextMs: number | undefined;
}

/** What to make and to delete; `object.status` is up to date with its finished pods. */
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
    counted = Math.max(counted, number(pod.metadata.annotations?.[FAILURES]) + (skip ? 0 : 1));
    ignored = Math.max(ignored, number(pod.metadata.annotations?.[IGNORED]) + (skip ? 1 : 0));
  }
  return { [FAILURES]: String(counted), ...(ignored === 0 ? {} : { [IGNORED]: String(ignored) }) };
}

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
