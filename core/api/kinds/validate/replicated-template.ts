/** Selector and template of the workloads that keep a number of equal pods running. */
import type { LabelSelector, PodTemplateSpec } from "../../types.gen.ts";
import type { Errors } from "./errors.ts";
import { type SelectorWords, alwaysRestarted, validatePodTemplate, validateSelectorMatch, validateWorkloadSelector } from "./pod-template.ts";

export function validateReplicatedTemplate(errors: Errors, selector: LabelSelector | undefined, template: PodTemplateSpec | undefined, words: SelectorWords): void {
  if (!validateWorkloadSelector(errors, "spec.selector", selector, words)) return;
  validateSelectorMatch(errors, "spec.template", selector, template);
  validatePodTemplate(errors, "spec.template", template);
  alwaysRestarted(errors, "spec.template", template, "ReplicaSet");
}
