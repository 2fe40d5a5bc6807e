/** CronJobs: defaults, rules and columns. */
import { CRON_JOB_NAME_LENGTH } from "../names.ts";
import type { KindHooks } from "../kinds.ts";
import type { CronJob, JobTemplateSpec } from "../types.gen.ts";
import { ageOf } from "./age.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { defaultPodFailurePolicy, jobWarnings } from "./job.ts";
import { ownerNameWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { isTimeZone, scheduleWrong } from "./validate/cron-schedule.ts";
import { type Errors, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { validateJobSpec } from "./validate/job-spec.ts";
import { shownSelector } from "./validate/labels.ts";
import { notNegative } from "./validate/numbers.ts";
import { same } from "./validate/same.ts";
import { containerNames, images, selectorText } from "./workload-columns.ts";

const column = columnsOf<CronJob>();
const POLICIES = ["Allow", "Forbid", "Replace"];

export const cronJobHooks: KindHooks = {
  setDefaults: change<CronJob>((object) =>
    mapField(object, "spec", (spec) => {
      const filled = fill(spec, { concurrencyPolicy: "Allow", suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 });
      return mapField(filled, "jobTemplate", (job) => mapField(job, "spec", (one) => mapField(mapField(one, "podFailurePolicy", defaultPodFailurePolicy), "template", defaultTemplate)));
    }),
  ),
  prepareForCreate: (object) => ({ ...object, status: {} }),
  validate: checking((errors: Errors, job: CronJob) => {
    validateCronJob(errors, job, false);
    const { name = "" } = job.metadata;
    if (name.length > CRON_JOB_NAME_LENGTH) invalid(errors, "metadata.name", name, `must be no more than ${CRON_JOB_NAME_LENGTH} characters`);
  }),
  validateUpdate: checkingUpdate((errors, next: CronJob, old: CronJob) => {
    // a zone in the schedule was allowed once; such a CronJob can still be changed
    validateCronJob(errors, next, old.spec?.schedule?.includes("TZ") === true);
  }),
  validateSubresource: { status: () => [] },
  warnings: (object, old) => {
    const { metadata, spec } = object as unknown as CronJob;
    if (old !== undefined && same(spec, (old as unknown as CronJob).spec)) return [];
    const zone = spec?.schedule?.includes("TZ") === true
      ? ["CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"]
      : [];
    return [...(old === undefined ? ownerNameWarnings(metadata.name) : []), ...jobWarnings("spec.jobTemplate.spec", spec?.jobTemplate?.spec), ...zone];
  },
  columns: [
    nameColumn,
    column("Schedule", ({ spec }) => spec?.schedule ?? ""),
    column("Timezone", ({ spec }) => spec?.timeZone ?? "<none>"),
    // the type of this column is boolean, its cells are texts, as in Kubernetes
    column("Suspend", ({ spec }) => (spec?.suspend === true ? "True" : "False"), { type: "boolean" }),
    column("Active", ({ status }) => status?.active?.length ?? 0, { type: "integer" }),
    column("Last Schedule", ({ status }, now) => (isEmpty(status?.lastScheduleTime) ? "<none>" : ageOf(status?.lastScheduleTime, now))),
    ageColumn,
    column("Containers", ({ spec }) => containerNames(spec?.jobTemplate?.spec?.template), { wide: true }),
    column("Images", ({ spec }) => images(spec?.jobTemplate?.spec?.template), { wide: true }),
    column("Selector", ({ spec }) => selectorText(spec?.jobTemplate?.spec?.selector), { wide: true }),
  ],
};

function validateCronJob(errors: Errors, { spec }: CronJob, zoneAllowed: boolean): void {
  const { schedule, timeZone, concurrencyPolicy } = spec ?? {};
  if (isEmpty(schedule)) required(errors, "spec.schedule");
  else validateSchedule(errors, schedule ?? "", timeZone, zoneAllowed);
  notNegative(errors, "spec.startingDeadlineSeconds", spec?.startingDeadlineSeconds);
  if (timeZone !== undefined) validateTimeZone(errors, timeZone);
  if (isEmpty(concurrencyPolicy)) required(errors, "spec.concurrencyPolicy");
  else if (!POLICIES.includes(concurrencyPolicy ?? "")) notSupported(errors, "spec.concurrencyPolicy", concurrencyPolicy, POLICIES);
  validateJobTemplate(errors, "spec.jobTemplate.spec", spec?.jobTemplate);
  notNegative(errors, "spec.successfulJobsHistoryLimit", spec?.successfulJobsHistoryLimit);
  notNegative(errors, "spec.failedJobsHistoryLimit", spec?.failedJobsHistoryLimit);
}

function validateSchedule(errors: Errors, schedule: string, timeZone: string | undefined, zoneAllowed: boolean): void {
  const wrong = scheduleWrong(schedule);
  if (wrong !== undefined) invalid(errors, "spec.schedule", schedule, wrong);
  if (!schedule.includes("TZ")) return;
  if (!zoneAllowed) invalid(errors, "spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  else if (timeZone !== undefined) invalid(errors, "spec.schedule", schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

function validateTimeZone(errors: Errors, timeZone: string): void {
  const wrong = (why: string) => invalid(errors, "spec.timeZone", timeZone, why);
  if (timeZone === "") wrong("timeZone must be nil or non-empty string");
  else if (timeZone.toLowerCase() === "local") wrong("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
  else if (!isTimeZone(timeZone)) wrong(`unknown time zone ${timeZone}`);
}

function validateJobTemplate(errors: Errors, path: string, template: JobTemplateSpec | undefined): void {
  const spec = template?.spec;
  if (spec === undefined) {
    required(errors, `${path}.template.spec.containers`);
    return required(errors, `${path}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"');
  }
  validateJobSpec(errors, path, spec);
  if (spec.selector !== undefined) invalid(errors, `${path}.selector`, shownSelector(spec.selector), "`selector` will be auto-generated");
  if (spec.manualSelector === true) notSupported(errors, `${path}.manualSelector`, true, ["nil", "false"]);
}
