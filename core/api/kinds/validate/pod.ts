/** Pods: metadata that matters, the spec, and what only a pod has to follow, not a template. */
import type { Pod } from "../../types.gen.ts";
import { validateImageText } from "./containers.ts";
import { type Errors, forbidden, isEmpty, required } from "./errors.ts";
import { validatePodAnnotations } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec.ts";

/** What holds on create and on every update. */
export function validatePod(errors: Errors, { metadata, spec }: Pod): void {
  validatePodAnnotations(errors, "metadata.annotations", metadata.annotations, spec);
  if (spec === undefined) return required(errors, "spec.containers");
  validatePodSpec(errors, "spec", spec, { podName: metadata.name ?? "", isPod: true });
  if (isEmpty(spec.serviceAccountName)) {
    spec.volumes?.forEach(({ projected }, index) => {
      projected?.sources?.forEach(({ serviceAccountToken }, number) => {
        if (serviceAccountToken === undefined) return;
        forbidden(errors, `spec.volumes[${index}].projected.sources[${number}].serviceAccountToken`, "must not be specified when serviceAccountName is not set");
      });
    });
  }
  for (const list of ["containers", "initContainers"] as const) {
    spec[list]?.forEach((container, index) => {
      const { image = "" } = container;
      if (image.length !== image.trim().length) validateImageText(errors, `spec.${list}[${index}]`, container);
    });
  }
}

export function validatePodCreate(errors: Errors, pod: Pod): void {
  validatePod(errors, pod);
  const { ephemeralContainers = [], nodeName, schedulingGates = [] } = pod.spec ?? {};
  if (ephemeralContainers.length > 0) forbidden(errors, "spec.ephemeralContainers", "cannot be set on create");
  if (!isEmpty(nodeName) && schedulingGates.length > 0) forbidden(errors, "spec.nodeName", "cannot be set until all schedulingGates have been cleared");
}
