/** DaemonSets: defaults, rules and columns. The annotation counts changes of the template, for clients of long ago. */
import { validateLabelSelector } from "../selector.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { DaemonSet, DaemonSetUpdateStrategy } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate, immutable } from "./hook-types.ts";
import { templateWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { type Errors, invalid, notSupported, required } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { selectsNothingInParticular, shownSelector } from "./validate/labels.ts";
import { atMostHundredPercent, countOrPercent, notNegative, plainValue } from "./validate/numbers.ts";
import { alwaysRestarted, validatePodTemplate, validateSelectorMatch } from "./validate/pod-template.ts";
import { notDecremented, validateCounts } from "./validate/replicas-status.ts";
import { same } from "./validate/same.ts";
import { containersColumn, imagesColumn, labelsText, selectorColumn } from "./workload-columns.ts";

const column = columnsOf<DaemonSet>();
const GENERATION = "deprecated.daemonset.template.generation";
const COUNTS = [
  "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
];
const integer = { type: "integer" } as const;

export const daemonSetHooks: KindHooks = {
  setDefaults: change<DaemonSet>((object) =>
    mapField(object, "spec", (spec) => {
      const filled = fill(spec, { updateStrategy: {}, revisionHistoryLimit: 10 });
      return mapField(mapField(filled, "updateStrategy", defaultStrategy), "template", defaultTemplate);
    }),
  ),
  prepareForCreate: (object) =>
    withGeneration({ ...object, status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 } }, 1),
  prepareForUpdate: (object, old) => {
    const generation = Number(old.metadata.annotations?.[GENERATION] ?? 0);
    const changed = !same((object as unknown as DaemonSet).spec?.template, (old as unknown as DaemonSet).spec?.template);
    return withGeneration({ ...object, status: old["status"] }, changed ? generation + 1 : generation);
  },
  validate: checking(validateDaemonSet),
  validateUpdate: checkingUpdate((errors, next: DaemonSet, old: DaemonSet) => {
    immutable(errors, "spec.selector", next.spec?.selector, old.spec?.selector, shownSelector(next.spec?.selector ?? {}));
    validateDaemonSet(errors, next);
  }),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: DaemonSet, { status: old }: DaemonSet) => {
      validateCounts(errors, status, COUNTS);
      notDecremented(errors, "collisionCount", status?.collisionCount, old?.collisionCount);
    }),
  },
  warnings: (object, old) => {
    const { spec } = object as unknown as DaemonSet;
    return old !== undefined && same(spec, (old as unknown as DaemonSet).spec) ? [] : templateWarnings("spec.template", spec?.template);
  },
  columns: [
    nameColumn,
    column("Desired", ({ status }) => status?.desiredNumberScheduled ?? 0, integer),
    column("Current", ({ status }) => status?.currentNumberScheduled ?? 0, integer),
    column("Ready", ({ status }) => status?.numberReady ?? 0, integer),
    column("Up-to-date", ({ status }) => status?.updatedNumberScheduled ?? 0, integer),
    column("Available", ({ status }) => status?.numberAvailable ?? 0, integer),
    column("Node Selector", ({ spec }) => labelsText(spec?.template?.spec?.nodeSelector)),
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
};

function withGeneration(object: AnyObject, generation: number): AnyObject {
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [GENERATION]: String(generation) } } };
}

function defaultStrategy(strategy: DaemonSetUpdateStrategy): DaemonSetUpdateStrategy {
  const typed = fill(strategy, { type: "RollingUpdate" });
  if (typed.type !== "RollingUpdate") return typed;
  return { ...typed, rollingUpdate: fill(typed.rollingUpdate ?? {}, { maxUnavailable: 1, maxSurge: 0 }) };
}

function validateDaemonSet(errors: Errors, { spec }: DaemonSet): void {
  const { selector, template } = spec ?? {};
  const wrong = selector === undefined ? [] : validateLabelSelector(selector, "spec.selector");
  errors.push(...wrong);
  if (wrong.length === 0) validateSelectorMatch(errors, "spec.template", selector, template);
  if (selector !== undefined && selectsNothingInParticular(selector)) invalid(errors, "spec.selector", {}, "empty selector is invalid for daemonset");
  validatePodTemplate(errors, "spec.template", template);
  alwaysRestarted(errors, "spec.template", template, "DaemonSet");
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  validateStrategy(errors, "spec.updateStrategy", spec?.updateStrategy ?? {});
  notNegative(errors, "spec.revisionHistoryLimit", spec?.revisionHistoryLimit);
}

function validateStrategy(errors: Errors, path: string, strategy: DaemonSetUpdateStrategy): void {
  if (strategy.type === "OnDelete") return;
  if (strategy.type !== "RollingUpdate") return notSupported(errors, path, internalForm("DaemonSetUpdateStrategy", strategy), ["RollingUpdate", "OnDelete"]);
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate ?? {};
  const at = `${path}.rollingUpdate`;
  const fields = [["maxUnavailable", maxUnavailable], ["maxSurge", maxSurge]] as const;
  for (const [field, value] of fields) countOrPercent(errors, `${at}.${field}`, value);
  for (const [field, value] of fields) atMostHundredPercent(errors, `${at}.${field}`, value);
  const [unavailable, surge] = [plainValue(maxUnavailable) !== 0, plainValue(maxSurge) !== 0];
  if (unavailable && surge) invalid(errors, `${at}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero");
  if (!unavailable && !surge) required(errors, `${at}.maxUnavailable`, "cannot be 0 when maxSurge is 0");
}
