/** Jobs: the selector and the labels of their pods are made from the uid; their work is fixed once it is said. */
import { dns1123Label } from "../names.ts";
import { matchesLabels, selectorOf, validateLabelSelector } from "../selector.ts";
import type { KindHooks } from "../kinds.ts";
import type { Container, Job, JobSpec, JobStatus, PodSpec, PodTemplateSpec } from "../types.gen.ts";
import { humanDuration } from "./age.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { drop, fill, mapAll, mapField } from "./fill.ts";
import { change, checking, checkingUpdate, immutable } from "./hook-types.ts";
import { ownerNameWarnings, templateWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { type Errors, invalid, isEmpty, required, sortedMap } from "./validate/errors.ts";
import { internalForm, internalPodSpec, internalTemplate } from "./validate/internal-form.ts";
import { validateJobSpec } from "./validate/job-spec.ts";
import { validateJobStatus } from "./validate/job-status.ts";
import { shownSelector } from "./validate/labels.ts";
import { same } from "./validate/same.ts";
import { validateSelectorMatch } from "./validate/pod-template.ts";
import { containersColumn, imagesColumn, selectorColumn } from "./workload-columns.ts";

const column = columnsOf<Job>();
const UID = "batch.kubernetes.io/controller-uid";
const NAME = "batch.kubernetes.io/job-name";
/** the labels of Jobs before they had a prefix */
const OLD_UID = "controller-uid";
const OLD_NAME = "job-name";
const LARGEST_INT32 = 2_147_483_647;

export const jobHooks: KindHooks = {
  setDefaults: change<Job>((job) => labelsOfTemplate(mapField(job, "spec", defaultJobSpec))),
  prepareForCreate: (object) => {
    const job = object as unknown as Job;
    if (job.spec === undefined) return { ...object, status: {} };
    const spec = job.spec.manualSelector === true ? job.spec : generated(job.spec, job.metadata.name ?? "", job.metadata.uid ?? "");
    return { ...object, ...(labelsOfTemplate({ ...job, spec }, job) as object), status: {} } as typeof object;
  },
  validate: checking<Job>((errors, job) => validateJob(errors, job)),
  validateUpdate: checkingUpdate(validateJobUpdate),
  validateSubresource: { status: checkingUpdate((errors, next: Job, old: Job) => validateJobStatus(errors, next, old)) },
  warnings: (object, old) => {
    const { metadata, spec } = object as unknown as Job;
    const names = old === undefined ? ownerNameWarnings(metadata.name) : [];
    return [...names, ...jobWarnings("spec", spec)];
  },
  columns: [
    nameColumn,
    column("Status", ({ status }) => statusText(status)),
    column("Completions", ({ spec, status }) => completionsText(spec, status)),
    column("Duration", ({ status }, now) => durationText(status, now)),
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectableFields: { "status.successful": (object) => String((object as unknown as Job).status?.succeeded ?? 0) },
};

export function jobWarnings(path: string, spec: JobSpec | undefined): readonly string[] {
  const many = spec?.completionMode === "Indexed" && (spec.completions ?? 0) > 100_000 && (spec.parallelism ?? 0) > 10_000;
  const tracking =
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, a Kubernetes control plane might not be able to track completedIndexes correctly";
  return [...(many ? [tracking] : []), ...templateWarnings(`${path}.template`, spec?.template)];
}

function defaultJobSpec(spec: JobSpec): JobSpec {
  const counts = spec.completions === undefined && spec.parallelism === undefined ? { completions: 1, parallelism: 1 } : { parallelism: 1 };
  const filled = fill(spec, {
    ...counts,
    backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : LARGEST_INT32,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed",
  });
  return mapField(mapField(filled, "podFailurePolicy", defaultPodFailurePolicy), "template", defaultTemplate);
}

/** Also for the template of a CronJob. */
export function defaultPodFailurePolicy(policy: NonNullable<JobSpec["podFailurePolicy"]>): NonNullable<JobSpec["podFailurePolicy"]> {
  return mapField(policy, "rules", (rules) => mapAll(rules ?? [], (one) => mapField(one, "onPodConditions", (patterns) => mapAll(patterns, (pattern) => (isEmpty(pattern.status) ? { ...pattern, status: "True" } : pattern)))));
}

/** Labels that came from the template follow it, those that the user gave stay. */
function labelsOfTemplate(job: Job, given?: Job): Job {
  const labels = job.spec?.template?.metadata?.labels;
  const follows = given !== undefined && same(job.metadata.labels, given.spec?.template?.metadata?.labels);
  if (labels === undefined || (!follows && Object.keys(job.metadata.labels ?? {}).length > 0)) return job;
  return { ...job, metadata: { ...job.metadata, labels } };
}

function generated(spec: JobSpec, name: string, uid: string): JobSpec {
  const labels = { ...spec.template?.metadata?.labels, [OLD_UID]: uid, [OLD_NAME]: name, [UID]: uid, [NAME]: name };
  const template = { ...spec.template, metadata: { ...spec.template?.metadata, labels } } as PodTemplateSpec;
  return { ...spec, template, selector: { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [UID]: uid } } };
}

/** `old` on an update: a Job from before the labels with a prefix need not have them. */
function validateJob(errors: Errors, job: Job, old?: Job): void {
  const spec = job.spec ?? ({} as JobSpec);
  const { metadata } = job;
  if (spec.manualSelector !== true && spec.selector !== undefined) validateGenerated(errors, job, spec, old);
  validateSpec(errors, spec);
  const { completionMode, completions = 0 } = spec;
  if (completionMode !== "Indexed" || completions <= 0) return;
  const hostname = `${metadata.name}-${completions - 1}`;
  if (dns1123Label(hostname).length > 0) invalid(errors, "metadata.name", metadata.name ?? "", `will not able to create pod with invalid DNS label: ${hostname}`);
}

function validateSpec(errors: Errors, spec: JobSpec): void {
  validateJobSpec(errors, "spec", spec);
  const wrong = spec.selector === undefined ? [] : validateLabelSelector(spec.selector, "spec.selector");
  if (spec.selector === undefined) required(errors, "spec.selector");
  errors.push(...wrong);
  if (wrong.length === 0) validateSelectorMatch(errors, "spec.template", spec.selector, spec.template);
}

function validateGenerated(errors: Errors, { metadata }: Job, { selector = {}, template }: JobSpec, old: Job | undefined): void {
  const { uid = "", name = "" } = metadata;
  const labels = template?.metadata?.labels;
  const before = old?.spec?.template?.metadata?.labels;
  const isOld = old !== undefined && (before?.[UID] === undefined || before[NAME] === undefined);
  const expected = { [OLD_UID]: uid, [OLD_NAME]: name, ...(isOld ? {} : { [UID]: uid, [NAME]: name }) };
  for (const [label, value] of Object.entries(expected)) {
    const at = `spec.template.metadata.labels[${label}]`;
    const given = labels?.[label];
    if (given === undefined) required(errors, at, `must be '${value}'`);
    else if (given !== value) invalid(errors, at, sortedMap(labels), `must be '${value}'`);
  }
  if (validateLabelSelector(selector, "").length > 0) return;
  if (!matchesLabels(selectorOf(selector), expected)) invalid(errors, "spec.selector", shownSelector(selector), "`selector` not auto-generated");
}

function validateJobUpdate(errors: Errors, next: Job, old: Job): void {
  const [spec, was] = [next.spec ?? ({} as JobSpec), old.spec ?? ({} as JobSpec)];
  // Kubernetes checks the new Job as one, and its spec again as that of an update: what is wrong comes twice
  validateJob(errors, next, old);
  validateSpec(errors, spec);
  if (spec.completionMode !== "Indexed") immutable(errors, "spec.completions", spec.completions, was.completions);
  else if (spec.completions !== was.completions && spec.completions !== spec.parallelism) {
    invalid(errors, "spec.completions", spec.completions, "can only be modified in tandem with spec.parallelism");
  }
  immutable(errors, "spec.selector", spec.selector, was.selector, shownSelector(spec.selector ?? {}));
  templateUpdate(errors, spec.template, was.template, isPaused(old));
  const shown = { podFailurePolicy: "PodFailurePolicy", successPolicy: "SuccessPolicy" } as const;
  for (const field of ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] as const) {
    const value = spec[field];
    immutable(errors, `spec.${field}`, value, was[field], typeof value === "object" ? internalForm(shown[field as "successPolicy"], value) : undefined);
  }
}

/** Nothing of it runs, so nothing that runs can disagree with a new template. */
function isPaused({ spec, status }: Job): boolean {
  const stopped = status?.startTime === undefined || (status.conditions ?? []).some(({ type, status: is }) => type === "Suspended" && is === "True");
  return spec?.suspend === true && stopped && (status?.active ?? 0) === 0;
}

/** KEP-2926: where the pods of a Job may go can still change until it starts. */
const SCHEDULING = ["nodeSelector", "tolerations", "schedulingGates"] as const;

function templateUpdate(errors: Errors, next: PodTemplateSpec | undefined, old: PodTemplateSpec | undefined, paused: boolean): void {
  if (!paused) return immutable(errors, "spec.template", next, old, internalTemplate(next ?? {}));
  immutable(errors, "spec.template.spec", withoutDecided(next?.spec), withoutDecided(old?.spec), internalPodSpec(next?.spec ?? {}));
}

const bare = (list: readonly Container[] | undefined) => list?.map((container) => drop(container, "resources"));

/** KEP-5440: what is decided when the Job starts, with the amounts that its pods ask for. */
function withoutDecided(spec: PodSpec | undefined): object {
  const { containers = [], initContainers, affinity, ...others } = spec ?? ({} as Partial<PodSpec>);
  const kept = Object.entries(others).filter(([field]) => !(SCHEDULING as readonly string[]).includes(field));
  return { ...Object.fromEntries(kept), affinity: { ...affinity, nodeAffinity: undefined }, containers: bare(containers), initContainers: bare(initContainers) };
}

function statusText(status: JobStatus | undefined): string {
  const is = (type: string) => status?.conditions?.some((one) => one.type === type && one.status === "True") === true;
  if (is("Complete")) return "Complete";
  if (is("Failed")) return "Failed";
  if (is("Suspended")) return "Suspended";
  if (is("FailureTarget")) return "FailureTarget";
  if (is("SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

function completionsText(spec: JobSpec | undefined, status: JobStatus | undefined): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationText(status: JobStatus | undefined, now: number): string {
  if (status?.startTime === undefined || status.startTime === null) return "";
  const end = status.completionTime === undefined || status.completionTime === null ? now : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}
