/** Defaults of a pod template. */
import type { PodTemplateSpec } from "../types.gen.ts";
import { mapField } from "./fill.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";

export function defaultTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return mapField(template, "spec", defaultPodSpec);
}
