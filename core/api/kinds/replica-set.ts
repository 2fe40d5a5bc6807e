/** ReplicaSets: defaults, rules and columns. */
import type { KindHooks } from "../kinds.ts";
import type { ReplicaSet } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate, immutable } from "./hook-types.ts";
import { ownerNameWarnings, templateWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import type { Errors } from "./validate/errors.ts";
import { shownSelector } from "./validate/labels.ts";
import { notNegative } from "./validate/numbers.ts";
import { validateReplicatedTemplate } from "./validate/replicated-template.ts";
import { validateCounts, validateParts } from "./validate/replicas-status.ts";
import { same } from "./validate/same.ts";
import { containersColumn, imagesColumn, selectorColumn } from "./workload-columns.ts";

const column = columnsOf<ReplicaSet>();
const COUNTS = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas", "observedGeneration"];

export const replicaSetHooks: KindHooks = {
  setDefaults: change<ReplicaSet>((object) => mapField(object, "spec", (spec) => mapField(fill(spec, { replicas: 1 }), "template", defaultTemplate))),
  prepareForCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: checking(validateReplicaSet),
  validateUpdate: checkingUpdate((errors, next: ReplicaSet, old: ReplicaSet) => {
    validateReplicaSet(errors, next);
    immutable(errors, "spec.selector", next.spec?.selector, old.spec?.selector, shownSelector(next.spec?.selector ?? {}));
  }),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: ReplicaSet) => {
      validateCounts(errors, status, COUNTS);
      validateParts(errors, status, ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"], "replicas", "status.replicas");
      validateParts(errors, status, ["availableReplicas"], "readyReplicas", "readyReplicas");
    }),
  },
  warnings: (object, old) => {
    const { metadata, spec } = object as unknown as ReplicaSet;
    if (old === undefined) return [...ownerNameWarnings(metadata.name), ...templateWarnings("spec.template", spec?.template)];
    return same(spec, (old as unknown as ReplicaSet).spec) ? [] : templateWarnings("spec.template", spec?.template);
  },
  columns: [
    nameColumn,
    column("Desired", ({ spec }) => spec?.replicas ?? 0, { type: "integer" }),
    column("Current", ({ status }) => status?.replicas ?? 0, { type: "integer" }),
    column("Ready", ({ status }) => status?.readyReplicas ?? 0, { type: "integer" }),
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectableFields: { "status.replicas": (object) => String((object as unknown as ReplicaSet).status?.replicas ?? 0) },
};

function validateReplicaSet(errors: Errors, { spec }: ReplicaSet): void {
  notNegative(errors, "spec.replicas", spec?.replicas);
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  validateReplicatedTemplate(errors, spec?.selector, spec?.template, { empty: "empty selector is invalid for deployment", unreadable: "invalid label selector" });
}
