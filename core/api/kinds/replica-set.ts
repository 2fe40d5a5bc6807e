/** ReplicaSets: defaults, rules and columns. */
import type { KindHooks } from "../kinds.ts";
import type { ReplicaSet } from "../types.gen.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate, immutable } from "./hook-types.ts";
import { templateOwnerWarnings } from "./pod-warnings.ts";
import { replicaColumns, selectableByReplicas, validateReplicaCounts } from "./replicated.ts";
import { defaultTemplate } from "./template-defaults.ts";
import type { Errors } from "./validate/errors.ts";
import { shownSelector } from "./validate/labels.ts";
import { notNegative } from "./validate/numbers.ts";
import { validateReplicatedTemplate } from "./validate/replicated-template.ts";
import { selectorColumn } from "./workload-columns.ts";

const COUNTS = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas", "observedGeneration"];

export const replicaSetHooks: KindHooks = {
  setDefaults: change<ReplicaSet>((object) => mapField(object, "spec", (spec) => mapField(fill(spec, { replicas: 1 }), "template", defaultTemplate))),
  prepareForCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: checking(validateReplicaSet),
  validateUpdate: checkingUpdate((errors, next: ReplicaSet, old: ReplicaSet) => {
    validateReplicaSet(errors, next);
    immutable(errors, "spec.selector", next.spec?.selector, old.spec?.selector, shownSelector(next.spec?.selector ?? {}));
  }),
  validateSubresource: { status: validateReplicaCounts(COUNTS) },
  warnings: templateOwnerWarnings,
  columns: [...replicaColumns, selectorColumn],
  selectableFields: selectableByReplicas,
};

function validateReplicaSet(errors: Errors, { spec }: ReplicaSet): void {
  notNegative(errors, "spec.replicas", spec?.replicas);
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  validateReplicatedTemplate(errors, spec?.selector, spec?.template, { empty: "empty selector is invalid for deployment", unreadable: "invalid label selector" });
}
