/** CronJob: makes a Job at each scheduled time, as its concurrency policy allows, and forgets old ones. */
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import { CRON_JOBS, JOBS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { CronJob, CronJobStatus, Job } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { findCondition } from "./conditions.ts";
import type { Schedule } from "./cron-schedule.ts";
import { parseSchedule } from "./cron-schedule.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isJobFinished } from "./job.ts";
import { present } from "./json.ts";
import { controllerReference, indexOwners, owned, ownerKey } from "./owner.ts";
import { isTerminatingNamespace } from "./replicas.ts";

/** More missed times than this are an error of clocks or a long outage: the user should hear of it. */
const MANY_MISSED = 100;
const SUCCESSFUL_LIMIT = 3;
const FAILED_LIMIT = 1;
const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";

const nameOf = (object: CronJob | Job) => object.metadata.name ?? "";

export function cronJob(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "cronjob-controller");
  const crons = deps.informers.of(CRON_JOBS);
  const jobs = deps.informers.of(JOBS);
  indexOwners(jobs);

  async function remove(cron: CronJob, job: Job): Promise<void> {
    const { namespace, uid } = job.metadata;
    try {
      await client.delete(JOBS, { namespace, name: nameOf(job) }, { propagationPolicy: "Background", ...(uid === undefined ? {} : { preconditions: { uid } }) });
      events.record(cron, "Normal", "SuccessfulDelete", `Deleted job ${nameOf(job)}`);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  async function start(cron: CronJob, at: number): Promise<Job | undefined> {
    const job = jobFor(cron, at);
    try {
      const made = await client.create(JOBS, job, { namespace: cron.metadata.namespace });
      events.record(cron, "Normal", "SuccessfulCreate", `Created job ${nameOf(made)}`);
      return made;
    } catch (error) {
      if (isReason(error, "AlreadyExists") || isTerminatingNamespace(error)) return undefined;
      events.record(cron, "Warning", "FailedCreate", `Error creating job: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  async function writeStatus(key: string, status: CronJobStatus): Promise<void> {
    const latest = crons.get(key);
    if (latest === undefined || sameJson(status, latest.status ?? {})) return;
    const target = { namespace: latest.metadata.namespace, name: nameOf(latest), subresource: "status" };
    await client.update(CRON_JOBS, target, { ...latest, status });
  }

  async function reconcile(key: string): Promise<Outcome> {
    const cron = crons.get(key);
    if (cron === undefined || cron.metadata.deletionTimestamp !== undefined) return undefined;
    const mine = () => owned(jobs, cron.metadata.uid ?? "");
    for (const job of surplusJobs(cron, mine())) await remove(cron, job);
    for (const { uid, name } of cron.status?.active ?? []) {
      const job = mine().find(({ metadata }) => metadata.uid === uid);
      if (job === undefined) events.record(cron, "Normal", "MissingJob", `Active job went missing: ${name}`);
      else if (isJobFinished(job)) events.record(cron, "Normal", "SawCompletedJob", `Saw completed job: ${name}, condition: ${ending(job)}`);
    }
    const before = statusOf(cron, mine(), cron.status?.lastScheduleTime);
    await writeStatus(key, before);
    if (cron.spec?.suspend === true) return undefined;

    const { timeZone, schedule: text = "", concurrencyPolicy = "Allow", startingDeadlineSeconds } = cron.spec ?? {};
    let schedule: Schedule;
    try {
      schedule = parseSchedule(text, timeZone);
    } catch (error) {
      events.record(cron, "Warning", "UnparseableSchedule", `unparseable schedule: "${text}": ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
    const now = deps.clock.now();
    const { latest, missed } = dueTime(cron, schedule, now);
    const next = schedule.next(now);
    const later: Outcome = next === undefined ? undefined : { afterMs: next - now };
    if (missed > MANY_MISSED) events.record(cron, "Warning", "TooManyMissedTimes", `too many missed start times: more than ${MANY_MISSED}. Set or decrease .spec.startingDeadlineSeconds or check clock skew`);
    if (latest === undefined) return later;
    if (startingDeadlineSeconds !== undefined && latest + startingDeadlineSeconds * 1000 < now) {
      events.record(cron, "Warning", "MissSchedule", `Missed scheduled time to start a job: ${new Date(latest).toUTCString()}`);
      return later;
    }
    const running = mine().filter((job) => !isJobFinished(job));
    if (concurrencyPolicy === "Forbid" && running.length > 0) {
      events.record(cron, "Normal", "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid");
      return later;
    }
    if (concurrencyPolicy === "Replace") for (const job of running) await remove(cron, job);
    await start(cron, latest);
    await writeStatus(key, statusOf(cron, mine(), timestamp(latest)));
    return later;
  }

  return {
    name: "cronjob",
    watches: [watching(crons, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]), watching(jobs, (job) => ownerKey(job, "CronJob"))],
    reconcile,
  };
}

const ending = (job: Job) => (findCondition(job.status?.conditions, "Complete")?.status === "True" ? "Complete" : "Failed");

/** The last scheduled time that has not been acted on, and how many there were since the last one that was. */
export function dueTime(cron: CronJob, schedule: Schedule, now: number): { readonly latest: number | undefined; readonly missed: number } {
  const { startingDeadlineSeconds } = cron.spec ?? {};
  let earliest = Date.parse(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? "");
  if (startingDeadlineSeconds !== undefined) earliest = Math.max(earliest, now - startingDeadlineSeconds * 1000 - 1000);
  const first = schedule.next(earliest);
  if (first === undefined || first > now) return { latest: undefined, missed: 0 };
  const second = schedule.next(first);
  if (second === undefined || second > now) return { latest: first, missed: 1 };
  // years of missed minutes are not walked one by one: the last one lies within two periods of now, in even schedules
  let missed = 1;
  let latest = first;
  for (let at: number | undefined = second; at !== undefined && at <= now && missed <= MANY_MISSED; at = schedule.next(at)) {
    latest = at;
    missed++;
  }
  if (missed <= MANY_MISSED) return { latest, missed };
  for (let span = second - first; span > 0 && now - span > latest; span *= 2) {
    const near = schedule.next(now - span);
    if (near === undefined || near > now) continue;
    latest = near;
    break;
  }
  for (let at = schedule.next(latest); at !== undefined && at <= now; at = schedule.next(at)) latest = at;
  return { latest, missed };
}

export function jobFor(cron: CronJob, at: number): Job {
  const { metadata, spec } = cron.spec?.jobTemplate ?? {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      // one name per scheduled minute: a second attempt finds the first one's Job
      name: `${nameOf(cron)}-${Math.floor(at / 60_000)}`,
      ...present({ namespace: cron.metadata.namespace, labels: metadata?.labels }),
      annotations: { ...metadata?.annotations, [SCHEDULED_AT]: scheduledAt(cron, at) },
      ownerReferences: [controllerReference(cron)],
    },
    ...present({ spec }),
  };
}

/** RFC 3339 in the schedule's own zone, so that the user recognises it. */
function scheduledAt(cron: CronJob, at: number): string {
  const timeZone = cron.spec?.timeZone;
  if (timeZone === undefined || timeZone === "UTC" || timeZone === "Etc/UTC") return timestamp(at);
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const zone = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" }).formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
  const offset = zone.slice(3);
  return `${format.format(at).replace(" ", "T")}${offset === "" ? "Z" : offset}`;
}

function statusOf(cron: CronJob, jobs: readonly Job[], lastScheduleTime: string | undefined): CronJobStatus {
  const active = jobs.filter((job) => !isJobFinished(job) && job.metadata.deletionTimestamp === undefined);
  const successes = jobs.map(({ status }) => status?.completionTime).filter((time) => time !== undefined);
  const lastSuccessfulTime = [...successes, ...(cron.status?.lastSuccessfulTime === undefined ? [] : [cron.status.lastSuccessfulTime])].toSorted().at(-1);
  return present({
    active:
      active.length === 0
        ? undefined
        : active.map(
            ({ metadata }) =>
              cron.status?.active?.find(({ uid }) => uid === metadata.uid) ??
              present({ apiVersion: "batch/v1", kind: "Job", name: metadata.name, namespace: metadata.namespace, uid: metadata.uid, resourceVersion: metadata.resourceVersion }),
          ),
    lastScheduleTime,
    lastSuccessfulTime,
  });
}

const beyond = (list: readonly Job[], limit: number) => list.slice(0, Math.max(0, list.length - limit));

/** Finished jobs beyond the history limits, oldest first. */
export function surplusJobs(cron: CronJob, jobs: readonly Job[]): readonly Job[] {
  const finished = jobs.filter(isJobFinished).toSorted((a, b) => ((a.status?.startTime ?? "") < (b.status?.startTime ?? "") ? -1 : 1));
  return [
    ...beyond(finished.filter((job) => ending(job) === "Complete"), cron.spec?.successfulJobsHistoryLimit ?? SUCCESSFUL_LIMIT),
    ...beyond(finished.filter((job) => ending(job) === "Failed"), cron.spec?.failedJobsHistoryLimit ?? FAILED_LIMIT),
  ];
}
