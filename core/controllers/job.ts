/**
 * Job: runs pods until enough have succeeded. Each finished pod is counted exactly once: its finalizer keeps it until the
 * status remembers it (status.uncountedTerminatedPods; KEP-2307), so a crash at any moment loses and doubles nothing.
 */
import { sameJson } from "../api/json.ts";
import { JOBS, PODS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { Job, JobStatus, Pod } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { findCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isRemembered, isTracked, remember, settle, TRACKING } from "./job-count.ts";
import { NOT_YET, planJob } from "./job-plan.ts";
import { finalStatus } from "./job-status.ts";
import { hasFailed } from "./job-verdict.ts";
import { claim, concerned, indexOwners, owned, ownerKey } from "./owner.ts";
import { isActive } from "./pod-state.ts";
import { isTerminatingNamespace } from "./replicas.ts";
import { slowStart } from "./slow-start.ts";

const CONTROLLER = "kubernetes.io/job-controller";
/** Pods that wait for their count, by the key of their job: also of a job that is gone. */
const TRACKED = "tracked-by-job";

const selects = ({ spec }: Job) => (spec?.selector === undefined ? undefined : selectorOf(spec.selector));
const keyOf = ({ metadata }: Job | Pod) => `${metadata.namespace}/${metadata.name}`;
const holds = ({ status }: Job, type: string) => findCondition(status?.conditions, type)?.status === "True";
export const isJobFinished = (object: Job): boolean => holds(object, "Complete") || holds(object, "Failed");

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
    await unlessGone(client.patch(PODS, { namespace, name }, { type: "merge", patch }));
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
