import test from "ava";
import * as fc from "fast-check";
import { CRON_JOBS, JOBS, PODS } from "../../core/api/resources.gen.ts";
import type { Job, PodStatus } from "../../core/api/types.gen.ts";
import { cronJob, dueTime } from "../../core/controllers/cron-job.ts";
import { parseSchedule } from "../../core/controllers/cron-schedule.ts";
import { formatIndexes, parseIndexes } from "../../core/controllers/job-indexes.ts";
import { job } from "../../core/controllers/job.ts";
import { ttlAfterFinished } from "../../core/controllers/ttl-after-finished.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane, podsOf, reportStatus } from "../support/control-plane.ts";

const at = { namespace: "default", name: "a" };
const labels = { "batch.kubernetes.io/controller-uid": "x" };
const spec = (more: object = {}) => ({
  parallelism: 1,
  completions: 1,
  backoffLimit: 6,
  completionMode: "NonIndexed",
  selector: { matchLabels: labels },
  template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Never" } },
  ...more,
});
const jobTemplate = Object.fromEntries(Object.entries(spec()).filter(([field]) => field !== "selector"));
const read = ({ admin }: ControlPlane): Promise<Job> => admin.get(JOBS, at);
const conditions = async (plane: ControlPlane) => ((await read(plane)).status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
const open = async (plane: ControlPlane) => (await podsOf(plane)).filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed");
async function start(t: Parameters<typeof controlPlane>[0], more: object = {}): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  await plane.run(job);
  await plane.admin.create(JOBS, { apiVersion: "batch/v1", kind: "Job", metadata: at, spec: spec(more) });
  await plane.clock.advance(100);
  return plane;
}
async function finish(plane: ControlPlane, status: PodStatus, howMany = 1): Promise<void> {
  for (const pod of (await open(plane)).slice(0, howMany)) await reportStatus(plane, pod, status);
  await plane.clock.advance(100);
}
const exited = (exitCode: number): PodStatus => ({
  phase: exitCode === 0 ? "Succeeded" : "Failed",
  containerStatuses: [{ name: "c", image: "i", imageID: "i", ready: false, restartCount: 0, state: { terminated: { exitCode } } }],
});

test("runs to completion and counts each pod once", async (t) => {
  const plane = await start(t, { completions: 3, parallelism: 2 });
  t.is((await open(plane)).length, 2);
  t.deepEqual((await podsOf(plane))[0]?.metadata.finalizers, ["batch.kubernetes.io/job-tracking"]);
  t.like((await read(plane)).status, { active: 2, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
  await finish(plane, { phase: "Succeeded" }, 2);
  t.is((await open(plane)).length, 1);
  t.is((await read(plane)).status?.succeeded, 2);
  await finish(plane, { phase: "Succeeded" });
  t.deepEqual(await conditions(plane), ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"]);
  const { status } = await read(plane);
  t.is(status?.succeeded, 3);
  t.is(status?.active, undefined);
  t.truthy(status?.completionTime);
  t.true((await podsOf(plane)).every(({ metadata }) => metadata.finalizers === undefined));
  t.deepEqual(plane.complaints, []);
});

test("no completions are complete at once", async (t) => {
  const plane = await start(t, { completions: 0 });
  t.deepEqual(await conditions(plane), ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"]);
  t.like((await read(plane)).status, { ready: 0, terminating: 0, uncountedTerminatedPods: {} });
});

test("failures are tried again later and later, up to the limit", async (t) => {
  const plane = await start(t, { backoffLimit: 1 });
  await finish(plane, { phase: "Failed" });
  t.is((await open(plane)).length, 0);
  await plane.clock.advance(11_000);
  t.is((await open(plane)).length, 1);
  await finish(plane, { phase: "Failed" });
  t.deepEqual(await conditions(plane), ["FailureTarget=True BackoffLimitExceeded", "Failed=True BackoffLimitExceeded"]);
  t.is((await read(plane)).status?.failed, 2);
});

test("the deadline ends what runs", async (t) => {
  const plane = await start(t, { activeDeadlineSeconds: 30 });
  await plane.clock.advance(31_000);
  t.deepEqual(await conditions(plane), ["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
  t.is((await podsOf(plane)).length, 0);
});

test("indexed: a pod for each index, failed ones again, completed ones listed", async (t) => {
  const plane = await start(t, { completionMode: "Indexed", completions: 3, parallelism: 3, backoffLimitPerIndex: 0, maxFailedIndexes: 2 });
  const pods = await podsOf(plane);
  const indexOf = (pod: (typeof pods)[number]) => pod.metadata.labels?.["batch.kubernetes.io/job-completion-index"];
  t.deepEqual(pods.map(indexOf).toSorted(), ["0", "1", "2"]);
  t.like(pods.find((pod) => indexOf(pod) === "1"), { metadata: { generateName: "a-1-" }, spec: { hostname: "a-1" } });
  for (const pod of pods) await reportStatus(plane, pod, { phase: indexOf(pod) === "1" ? "Failed" : "Succeeded" });
  await plane.clock.advance(1_000);
  t.like((await read(plane)).status, { completedIndexes: "0,2", failedIndexes: "1", succeeded: 2, failed: 1 });
  t.deepEqual(await conditions(plane), ["FailureTarget=True FailedIndexes", "Failed=True FailedIndexes"]);
});

test("a success policy ends the job early", async (t) => {
  const plane = await start(t, { completionMode: "Indexed", completions: 3, parallelism: 3, successPolicy: { rules: [{ succeededIndexes: "0", succeededCount: 1 }] } });
  const leader = (await podsOf(plane)).find(({ metadata }) => metadata.labels?.["batch.kubernetes.io/job-completion-index"] === "0");
  if (leader === undefined) return t.fail("index 0 was expected");
  await reportStatus(plane, leader, { phase: "Succeeded" });
  await plane.clock.advance(1_000);
  t.deepEqual(await conditions(plane), ["SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"]);
  t.is((await open(plane)).length, 0);
});

test("a pod failure policy ignores some exits and ends at others", async (t) => {
  const rules = [
    { action: "Ignore", onExitCodes: { operator: "In", values: [42] } },
    { action: "FailJob", onExitCodes: { operator: "In", values: [7] } },
  ];
  const plane = await start(t, { backoffLimit: 0, podFailurePolicy: { rules } });
  await finish(plane, exited(42));
  await plane.clock.advance(700_000);
  t.is((await open(plane)).length, 1);
  t.is((await read(plane)).status?.failed, undefined);
  await finish(plane, exited(7));
  t.deepEqual(await conditions(plane), ["FailureTarget=True PodFailurePolicy", "Failed=True PodFailurePolicy"]);
  const message = (await read(plane)).status?.conditions?.[0]?.message ?? "";
  t.regex(message, /^Container c for pod default\/a-\w+ failed with exit code 7 matching FailJob rule at index 1$/);
});

test("suspended: no pods; resumed: a new start; another's job is left alone", async (t) => {
  const plane = await start(t, { suspend: true });
  t.is((await podsOf(plane)).length, 0);
  t.deepEqual(await conditions(plane), ["Suspended=True JobSuspended"]);
  await plane.clock.advance(60_000);
  await plane.admin.patch(JOBS, at, { type: "merge", patch: { spec: { suspend: false } } });
  await plane.clock.advance(100);
  t.is((await open(plane)).length, 1);
  t.deepEqual(await conditions(plane), ["Suspended=False JobResumed"]);
  t.is((await read(plane)).status?.startTime, "2030-01-01T00:01:00Z");
  const other = await start(t, { managedBy: "example.com/x" });
  t.is((await podsOf(other)).length, 0);
});

test("a deleted job lets its pods go", async (t) => {
  const plane = await start(t);
  await plane.admin.delete(JOBS, at, { propagationPolicy: "Background" });
  for (const { metadata } of await podsOf(plane)) await plane.admin.delete(PODS, { namespace: "default", name: metadata.name ?? "" });
  await plane.clock.advance(100);
  t.is((await podsOf(plane)).length, 0);
});

test("finished jobs go after their time to live", async (t) => {
  const plane = await start(t, { completions: 0, ttlSecondsAfterFinished: 60 });
  await plane.run(ttlAfterFinished);
  await plane.clock.advance(50_000);
  t.truthy(await read(plane));
  await plane.clock.advance(15_000);
  const left = (await plane.admin.list(JOBS, { namespace: "default" })).items;
  t.true(left.every(({ metadata }) => metadata.deletionTimestamp !== undefined));
});

test("index sets survive being written", (t) => {
  t.is(formatIndexes([5, 1, 3, 4]), "1,3-5");
  t.is(formatIndexes([0, 1]), "0,1");
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60)), (indexes) => {
      t.deepEqual(parseIndexes(formatIndexes(indexes)), new Set(indexes.toSorted((a, b) => a - b)));
    }),
  );
});

const cron = (schedule: string, more: object = {}) => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { namespace: "default", name: "c" },
  spec: { schedule, concurrencyPolicy: "Allow", jobTemplate: { spec: jobTemplate }, ...more },
});
const jobsOf = async ({ admin }: ControlPlane) => (await admin.list(JOBS, { namespace: "default" })).items;

test("a cron job starts on the minute, names the job after it, and keeps a short history", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(cronJob, job);
  await plane.admin.create(CRON_JOBS, cron("*/5 * * * *", { successfulJobsHistoryLimit: 2 }));
  await plane.clock.advance(299_000);
  t.is((await jobsOf(plane)).length, 0);
  await plane.clock.advance(2_000);
  const [first] = await jobsOf(plane);
  t.is(first?.metadata.name, `c-${Date.UTC(2030, 0, 1, 0, 5) / 60_000}`);
  t.is(first?.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"], "2030-01-01T00:05:00Z");
  const status = async () => (await plane.admin.get(CRON_JOBS, { namespace: "default", name: "c" })).status;
  t.like(await status(), { lastScheduleTime: "2030-01-01T00:05:00Z", active: [{ kind: "Job", name: first?.metadata.name }] });
  for (let run = 0; run < 4; run++) {
    await finish(plane, { phase: "Succeeded" }, 9);
    await plane.clock.advance(300_000);
  }
  t.is((await jobsOf(plane)).filter(({ status: of }) => of?.completionTime !== undefined).length, 2);
  t.truthy((await status())?.lastSuccessfulTime);
  t.deepEqual(plane.complaints, []);
});

test("Forbid waits, Replace replaces, suspend stops", async (t) => {
  for (const [policy, jobs] of [["Forbid", 1], ["Replace", 1], ["Allow", 3]] as const) {
    const plane = await controlPlane(t);
    await plane.run(cronJob);
    await plane.admin.create(CRON_JOBS, cron("* * * * *", { concurrencyPolicy: policy }));
    await plane.clock.advance(185_000);
    const found = await jobsOf(plane);
    t.is(found.length, jobs, policy);
    const minute = policy === "Replace" ? 3 : 1;
    t.is(found[0]?.metadata.name, `c-${Date.UTC(2030, 0, 1, 0, minute) / 60_000}`, policy);
    await plane.admin.patch(CRON_JOBS, { namespace: "default", name: "c" }, { type: "merge", patch: { spec: { suspend: true } } });
    await plane.clock.advance(300_000);
    t.is((await jobsOf(plane)).length, jobs, policy);
  }
});

const next = (schedule: string, after: string, zone?: string) => {
  const moment = parseSchedule(schedule, zone).next(Date.parse(after));
  return moment === undefined ? undefined : new Date(moment).toISOString();
};

test("schedules", (t) => {
  t.is(next("*/15 * * * *", "2030-01-01T00:00:00Z"), "2030-01-01T00:15:00.000Z");
  t.is(next("0 9 * * mon-fri", "2030-01-04T10:00:00Z"), "2030-01-07T09:00:00.000Z");
  t.is(next("30 3 1,15 * *", "2030-01-02T00:00:00Z"), "2030-01-15T03:30:00.000Z");
  t.is(next("0 0 13 * 5", "2030-01-01T00:00:00Z"), "2030-01-04T00:00:00.000Z", "either day field, when both are restricted");
  t.is(next("0 0 29 2 *", "2030-01-01T00:00:00Z"), "2032-02-29T00:00:00.000Z");
  t.is(next("0 0 30 2 *", "2030-01-01T00:00:00Z"), undefined);
  t.is(next("@daily", "2030-01-01T00:00:00Z"), "2030-01-02T00:00:00.000Z");
  t.is(next("0 0 * * 7", "2030-01-01T00:00:00Z"), "2030-01-06T00:00:00.000Z");
});

test("time zones, and the nights on which clocks change", (t) => {
  t.is(next("0 8 * * *", "2030-01-01T00:00:00Z", "Europe/Berlin"), "2030-01-01T07:00:00.000Z");
  t.is(next("0 8 * * *", "2030-07-01T00:00:00Z", "Europe/Berlin"), "2030-07-01T06:00:00.000Z");
  t.is(next("30 2 * * *", "2030-03-30T12:00:00Z", "Europe/Berlin"), "2030-04-01T00:30:00.000Z", "02:30 does not exist on 31 March 2030");
  t.is(next("30 2 * * *", "2030-10-26T12:00:00Z", "Europe/Berlin"), "2030-10-27T00:30:00.000Z", "02:30 happens twice: the first counts");
  t.is(next("30 2 * * *", "2030-10-27T00:30:00Z", "Europe/Berlin"), "2030-10-28T01:30:00.000Z");
  t.is(next("0 12 * * *", "2030-01-01T00:00:00Z", "Asia/Kolkata"), "2030-01-01T06:30:00.000Z");
});

test("what is no schedule is refused by what is wrong", (t) => {
  for (const [text, message] of [["* * * *", /5 fields/], ["60 * * * *", /"60"/], ["* * * * xyz", /"xyz"/], ["5-1 * * * *", /range/], ["*/0 * * * *", /step/]] as const) {
    t.throws(() => parseSchedule(text), { message }, text);
  }
});

test("missed times: the last one counts, and a year of minutes is not walked", (t) => {
  const object = { ...cron("* * * * *"), metadata: { name: "c", creationTimestamp: "2029-01-01T00:00:00Z" }, spec: { schedule: "* * * * *", jobTemplate: {} } };
  const now = Date.UTC(2030, 0, 1, 0, 0, 30);
  const { latest, missed } = dueTime(object, parseSchedule("* * * * *"), now);
  t.is(new Date(latest ?? 0).toISOString(), "2030-01-01T00:00:00.000Z");
  t.true(missed > 100);
});
