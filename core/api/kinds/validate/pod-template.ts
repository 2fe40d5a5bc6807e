/** Templates of pods in workloads: metadata and spec, plus what a workload asks of both. */
import { matchesLabels, selectorOf, validateLabelSelector } from "../../selector.ts";
import type { LabelSelector, PodTemplateSpec } from "../../types.gen.ts";
import { type Errors, forbidden, invalid, isEmpty, notSupported, required, sortedMap } from "./errors.ts";
import { selectsNothingInParticular, shownSelector, validateAnnotations, validateLabels } from "./labels.ts";
import { validatePodAnnotations } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec.ts";

export function validatePodTemplate(errors: Errors, path: string, template: PodTemplateSpec | undefined): void {
  const { metadata, spec } = template ?? ({} as Partial<PodTemplateSpec>);
  validateLabels(errors, `${path}.labels`, metadata?.labels);
  validateAnnotations(errors, `${path}.annotations`, metadata?.annotations);
  validatePodAnnotations(errors, `${path}.annotations`, metadata?.annotations, spec);
  if (spec === undefined) return required(errors, `${path}.spec.containers`);
  validatePodSpec(errors, `${path}.spec`, spec, { podName: "", isPod: false });
  if ((spec.ephemeralContainers ?? []).length > 0) forbidden(errors, `${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template");
}

/** The selector has to find the pods of the template. */
export function validateSelectorMatch(errors: Errors, path: string, selector: LabelSelector | undefined, template: PodTemplateSpec | undefined): void {
  // no selector selects nothing, an empty one everything
  const { labels } = template?.metadata ?? {};
  if (selector !== undefined && matchesLabels(selectorOf(selector), labels)) return;
  invalid(errors, `${path}.metadata.labels`, isEmptyMap(labels) ? null : sortedMap(labels), "`selector` does not match template `labels`");
}

const isEmptyMap = (map: object | undefined) => map === undefined || Object.keys(map).length === 0;

/** For the workloads that keep their pods running. */
export function alwaysRestarted(errors: Errors, path: string, template: PodTemplateSpec | undefined, kind: string): void {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (!isEmpty(restartPolicy) && restartPolicy !== "Always") notSupported(errors, `${path}.spec.restartPolicy`, restartPolicy, ["Always"]);
  if (activeDeadlineSeconds !== undefined) forbidden(errors, `${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`);
}

export interface SelectorWords {
  /** of an empty one: "empty selector is invalid for deployment" */
  readonly empty: string;
  /** of one with mistakes, in addition to them */
  readonly unreadable: string;
}

/** spec.selector. @returns whether the selector can be compared with labels */
export function validateWorkloadSelector(errors: Errors, path: string, selector: LabelSelector | undefined, { empty, unreadable }: SelectorWords): boolean {
  if (selector === undefined) {
    required(errors, path);
    return true;
  }
  const wrong = validateLabelSelector(selector, path);
  errors.push(...wrong);
  if (selectsNothingInParticular(selector)) invalid(errors, path, shownSelector(selector), empty);
  if (wrong.length === 0) return true;
  invalid(errors, path, shownSelector(selector), unreadable);
  return false;
}
