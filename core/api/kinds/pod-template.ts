/** PodTemplates. */
import type { KindHooks } from "../kinds.ts";
import type { PodTemplate } from "../types.gen.ts";
import { columnsOf, nameColumn } from "./column.ts";
import { mapField } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { templateWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { validatePodTemplate } from "./validate/pod-template.ts";
import { containerNames, images, labelsText } from "./workload-columns.ts";

const column = columnsOf<PodTemplate>();

export const podTemplateHooks: KindHooks = {
  setDefaults: change<PodTemplate>((object) => mapField(object, "template", defaultTemplate)),
  validate: checking((errors, { template }: PodTemplate) => validatePodTemplate(errors, "template", template)),
  validateUpdate: checkingUpdate((errors, { template }: PodTemplate) => validatePodTemplate(errors, "template", template)),
  warnings: (object) => templateWarnings("template", (object as unknown as PodTemplate).template),
  columns: [
    nameColumn,
    column("Containers", ({ template }) => containerNames(template)),
    column("Images", ({ template }) => images(template)),
    column("Pod Labels", ({ template }) => labelsText(template?.metadata?.labels)),
  ],
};
