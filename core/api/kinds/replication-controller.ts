/** ReplicationControllers: the selector is a plain map and, like the labels, taken from the template where it is not given. */
import { matchesLabels, selectorOf } from "../selector.ts";
import type { KindHooks } from "../kinds.ts";
import type { ReplicationController } from "../types.gen.ts";
import { columnsOf } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { templateOwnerWarnings } from "./pod-warnings.ts";
import { replicaColumns, selectableByReplicas, validateReplicaCounts } from "./replicated.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { type Errors, invalid, required, sortedMap } from "./validate/errors.ts";
import { notNegative } from "./validate/numbers.ts";
import { alwaysRestarted, validatePodTemplate } from "./validate/pod-template.ts";
import { labelsText } from "./workload-columns.ts";

const column = columnsOf<ReplicationController>();
const COUNTS = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];
const isEmpty = (map: object | undefined) => map === undefined || Object.keys(map).length === 0;

export const replicationControllerHooks: KindHooks = {
  setDefaults: change<ReplicationController>((object) => {
    const filled = mapField(object, "spec", ({ minReadySeconds, ...spec }) => {
      // the schema says that the default is 0, and 0 is not shown
      const ready = minReadySeconds === undefined || minReadySeconds === 0 ? spec : { ...spec, minReadySeconds };
      return mapField(fill(ready, { replicas: 1 }), "template", defaultTemplate);
    });
    const labels = filled.spec?.template?.metadata?.labels;
    if (labels === undefined || filled.spec === undefined) return filled;
    const selected = isEmpty(filled.spec.selector) ? { ...filled, spec: { ...filled.spec, selector: labels } } : filled;
    return isEmpty(selected.metadata.labels) ? { ...selected, metadata: { ...selected.metadata, labels } } : selected;
  }),
  prepareForCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: checking(validateController),
  validateUpdate: checkingUpdate((errors, next: ReplicationController) => validateController(errors, next)),
  validateSubresource: { status: validateReplicaCounts(COUNTS) },
  warnings: templateOwnerWarnings,
  columns: [...replicaColumns, column("Selector", ({ spec }) => labelsText(spec?.selector), { wide: true })],
  selectableFields: selectableByReplicas,
};

function validateController(errors: Errors, { spec }: ReplicationController): void {
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  if (isEmpty(spec?.selector)) required(errors, "spec.selector");
  notNegative(errors, "spec.replicas", spec?.replicas);
  if (spec?.template === undefined || spec.template === null) return required(errors, "spec.template");
  const labels = spec.template.metadata?.labels;
  if (!isEmpty(spec.selector) && !matchesLabels(selectorOf({ matchLabels: spec.selector ?? {} }), labels)) {
    invalid(errors, "spec.template.metadata.labels", isEmpty(labels) ? null : sortedMap(labels), "`selector` does not match template `labels`");
  }
  validatePodTemplate(errors, "spec.template", spec.template);
  alwaysRestarted(errors, "spec.template", spec.template, "ReplicationController");
}
