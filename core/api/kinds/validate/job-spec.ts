/** What a Job is to do, in a Job and in the template of a CronJob. */
import { dns1123Subdomain, qualifiedName } from "../../names.ts";
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from "../../types.gen.ts";
import { type Errors, check, duplicate, invalid, invalidOmitted, isEmpty, notSupported, required, tooLong, tooMany } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { countIndexes } from "./index-ranges.ts";
import { notNegative } from "./numbers.ts";
import { validatePodTemplate } from "./pod-template.ts";
import { domainPrefixed } from "./text-rules.ts";

/** bounds of Kubernetes' Job API: what one status can still hold */
const INDEXED_PARALLELISM = 100_000;
const INDEXED_COMPLETIONS = 100_000;
const LIMITED_PARALLELISM = 10_000;
const RULES = 20;
const EXIT_CODES = 255;
const MANAGED_BY_LENGTH = 63;
const COUNTS = ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"] as const;
const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS = ["In", "NotIn"];
const STATUSES = ["False", "True", "Unknown"];

/** as Go prints a list of texts */
const list = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;

export function validateJobSpec(errors: Errors, path: string, spec: JobSpec): void {
  for (const field of COUNTS) notNegative(errors, `${path}.${field}`, spec[field]);
  indexes(errors, path, spec);
  if (spec.managedBy !== undefined) {
    check(errors, `${path}.managedBy`, spec.managedBy, (text) => domainPrefixed(text, dns1123Subdomain));
    if (spec.managedBy.length > MANAGED_BY_LENGTH) tooLong(errors, `${path}.managedBy`, MANAGED_BY_LENGTH);
  }
  completionMode(errors, path, spec);
  podFailurePolicy(errors, `${path}.podFailurePolicy`, spec);
  successPolicy(errors, `${path}.successPolicy`, spec);
  podReplacementPolicy(errors, `${path}.podReplacementPolicy`, spec);
  validatePodTemplate(errors, `${path}.template`, spec.template);
  const restart = spec.template?.spec?.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (isEmpty(restart) || restart === "Always") required(errors, at, 'valid values: "OnFailure", "Never"');
  else if (restart !== "OnFailure" && restart !== "Never") notSupported(errors, at, restart, ["OnFailure", "Never"]);
  else if (spec.podFailurePolicy !== undefined && restart !== "Never") invalid(errors, at, restart, 'only "Never" is supported when podFailurePolicy is specified');
}

function indexes(errors: Errors, path: string, { backoffLimitPerIndex, maxFailedIndexes, completionMode: mode }: JobSpec): void {
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined) required(errors, `${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified");
  if (mode === "Indexed") return;
  if (backoffLimitPerIndex !== undefined) invalid(errors, `${path}.backoffLimitPerIndex`, backoffLimitPerIndex, "requires indexed completion mode");
  if (maxFailedIndexes !== undefined) invalid(errors, `${path}.maxFailedIndexes`, maxFailedIndexes, "requires indexed completion mode");
}

function completionMode(errors: Errors, path: string, { completionMode: mode, completions, parallelism, maxFailedIndexes, backoffLimitPerIndex }: JobSpec): void {
  if (mode === undefined) return;
  if (mode !== "NonIndexed" && mode !== "Indexed") notSupported(errors, `${path}.completionMode`, mode, ["NonIndexed", "Indexed"]);
  if (mode !== "Indexed") return;
  if (completions === undefined) required(errors, `${path}.completions`, "when completion mode is Indexed");
  if (parallelism !== undefined && parallelism > INDEXED_PARALLELISM) {
    invalid(errors, `${path}.parallelism`, parallelism, `must be less than or equal to ${INDEXED_PARALLELISM} when completion mode is Indexed`);
  }
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    invalid(errors, `${path}.maxFailedIndexes`, maxFailedIndexes, "must be less than or equal to completions");
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > INDEXED_PARALLELISM) {
    invalid(errors, `${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${INDEXED_PARALLELISM}`);
  }
  if ((completions ?? 0) <= INDEXED_COMPLETIONS || backoffLimitPerIndex === undefined) return;
  if (maxFailedIndexes === undefined) required(errors, `${path}.maxFailedIndexes`, `must be specified when completions is above ${INDEXED_COMPLETIONS}`);
  if (parallelism !== undefined && parallelism > LIMITED_PARALLELISM) {
    invalid(errors, `${path}.parallelism`, parallelism, `must be less than or equal to ${LIMITED_PARALLELISM} when completions are above ${INDEXED_COMPLETIONS} and used with backoff limit per index`);
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > LIMITED_PARALLELISM) {
    invalid(errors, `${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${LIMITED_PARALLELISM} when completions are above ${INDEXED_COMPLETIONS} and used with backoff limit per index`);
  }
}

function podFailurePolicy(errors: Errors, path: string, spec: JobSpec): void {
  const rules = spec.podFailurePolicy?.rules;
  if (rules === undefined || rules === null) return;
  if (rules.length > RULES) tooMany(errors, `${path}.rules`, rules.length, RULES);
  const names = new Set([...(spec.template?.spec?.containers ?? []), ...(spec.template?.spec?.initContainers ?? [])].map(({ name }) => name));
  rules.forEach((one, index) => failureRule(errors, `${path}.rules[${index}]`, one, { names, perIndex: spec.backoffLimitPerIndex !== undefined }));
}

interface RulePlace {
  readonly names: ReadonlySet<string>;
  readonly perIndex: boolean;
}

function failureRule(errors: Errors, path: string, { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule, { names, perIndex }: RulePlace): void {
  if (isEmpty(action)) required(errors, `${path}.action`, `valid values: ${list(ACTIONS)}`);
  else if (action === "FailIndex" && !perIndex) invalid(errors, `${path}.action`, action, "requires the backoffLimitPerIndex to be set");
  else if (!ACTIONS.includes(action)) notSupported(errors, `${path}.action`, action, ACTIONS);
  if (onExitCodes !== undefined) exitCodes(errors, `${path}.onExitCodes`, onExitCodes, names);
  if (onPodConditions.length > RULES) tooMany(errors, `${path}.onPodConditions`, onPodConditions.length, RULES);
  onPodConditions.forEach(({ type, status }, index) => {
    check(errors, `${path}.onPodConditions[${index}].type`, type ?? "", qualifiedName);
    if (isEmpty(status)) required(errors, `${path}.onPodConditions[${index}].status`, `valid values: ${list(STATUSES)}`);
    else if (!STATUSES.includes(status ?? "")) notSupported(errors, `${path}.onPodConditions[${index}].status`, status, STATUSES);
  });
  const conditions = onPodConditions.length > 0;
  if (onExitCodes !== undefined && conditions) invalidOmitted(errors, path, "specifying both OnExitCodes and OnPodConditions is not supported");
  if (onExitCodes === undefined && !conditions) invalidOmitted(errors, path, "specifying one of OnExitCodes and OnPodConditions is required");
}

function exitCodes(errors: Errors, path: string, { operator, containerName, values = [] }: NonNullable<PodFailurePolicyRule["onExitCodes"]>, names: ReadonlySet<string>): void {
  if (isEmpty(operator)) required(errors, `${path}.operator`, `valid values: ${list(OPERATORS)}`);
  else if (!OPERATORS.includes(operator)) notSupported(errors, `${path}.operator`, operator, OPERATORS);
  if (containerName !== undefined && !names.has(containerName)) {
    invalid(errors, `${path}.containerName`, containerName, "must be one of the container or initContainer names in the pod template");
  }
  const at = `${path}.values`;
  if (values.length === 0) invalid(errors, at, values, "at least one value is required");
  else if (values.length > EXIT_CODES) tooMany(errors, at, values.length, EXIT_CODES);
  const seen = new Set<number>();
  values.forEach((value, index) => {
    if (operator === "In" && value === 0) invalid(errors, `${at}[${index}]`, value, "must not be 0 for the In operator");
    if (seen.has(value)) duplicate(errors, `${at}[${index}]`, value);
    seen.add(value);
  });
  if (values.some((value, index) => index > 0 && (values[index - 1] ?? 0) > value)) invalid(errors, at, values, "must be ordered");
}

function successPolicy(errors: Errors, path: string, spec: JobSpec): void {
  if (spec.successPolicy === undefined) return;
  if (spec.completionMode !== "Indexed") return invalid(errors, path, internalForm("SuccessPolicy", spec.successPolicy), "requires indexed completion mode");
  const { rules = [] } = spec.successPolicy;
  if (rules.length === 0) required(errors, `${path}.rules`, "at least one rules must be specified when the successPolicy is specified");
  if (rules.length > RULES) tooMany(errors, `${path}.rules`, rules.length, RULES);
  rules.forEach((one, index) => successRule(errors, `${path}.rules[${index}]`, one, spec.completions));
}

function successRule(errors: Errors, path: string, { succeededCount, succeededIndexes }: SuccessPolicyRule, completions = 0): void {
  if (succeededCount === undefined && succeededIndexes === undefined) return required(errors, path, "at least one of succeededCount or succeededIndexes must be specified");
  let total: number | undefined;
  if (succeededIndexes !== undefined) {
    const counted = countIndexes(succeededIndexes, completions);
    // what cannot be read has no indexes
    total = typeof counted === "number" ? counted : 0;
    if (typeof counted !== "number") invalid(errors, `${path}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${counted.wrong}`);
  }
  if (succeededCount === undefined) return;
  const at = `${path}.succeededCount`;
  notNegative(errors, at, succeededCount);
  if (succeededCount > completions) invalid(errors, at, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`);
  if (total !== undefined && succeededCount > total) {
    invalid(errors, at, succeededCount, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`);
  }
}

function podReplacementPolicy(errors: Errors, path: string, { podReplacementPolicy: policy, podFailurePolicy: failure }: JobSpec): void {
  if (policy === undefined) return;
  if (failure !== undefined) {
    if (policy !== "Failed") notSupported(errors, path, policy, ["Failed"]);
  } else if (policy !== "Failed" && policy !== "TerminatingOrFailed") {
    notSupported(errors, path, policy, ["Failed", "TerminatingOrFailed"]);
  }
}
