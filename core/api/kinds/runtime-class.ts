/** RuntimeClasses: which handler of a device runs a pod, and what that costs. */
import type { KindHooks } from "../kinds.ts";
import { dns1123Label } from "../names.ts";
import type { RuntimeClass } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, checkRequired, duplicate } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { validateLabels } from "./validate/labels.ts";
import { validateResources } from "./validate/resources.ts";
import { validateTolerations } from "./validate/tolerations.ts";

const column = columnsOf<RuntimeClass>();

export const runtimeClassHooks: KindHooks = {
  validate: checking(validateClass),
  validateUpdate: checkingUpdate((errors, next: RuntimeClass, old: RuntimeClass) => {
    validateClass(errors, next);
    immutable(errors, "handler", next.handler, old.handler);
  }),
  columns: [nameColumn, column("Handler", ({ handler }) => handler ?? ""), ageColumn],
};

function validateClass(errors: Errors, { handler, overhead, scheduling }: RuntimeClass): void {
  checkRequired(errors, "handler", handler, dns1123Label);
  if (overhead?.podFixed !== undefined) validateResources(errors, "overhead", { limits: overhead.podFixed }, undefined);
  validateLabels(errors, "scheduling.nodeSelector", scheduling?.nodeSelector);
  validateTolerations(errors, "scheduling.tolerations", scheduling?.tolerations);
  const seen = new Set<string>();
  scheduling?.tolerations?.forEach((toleration, index) => {
    const shown = internalForm("Toleration", toleration);
    const text = JSON.stringify(shown);
    if (seen.has(text)) duplicate(errors, `scheduling.tolerations[${index}]`, shown);
    seen.add(text);
  });
}
