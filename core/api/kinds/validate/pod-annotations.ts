/** Annotations of pods that the control plane reads. */
import type { PodSpec } from "../../types.gen.ts";
import { type Errors, invalid, isEmpty } from "./errors.ts";

const MIRROR = "kubernetes.io/config.mirror";
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const INT32 = 2 ** 31;

export function validatePodAnnotations(errors: Errors, path: string, annotations: { readonly [key: string]: string } | undefined, spec: PodSpec | undefined): void {
  if (annotations === undefined) return;
  const mirrored = annotations[MIRROR];
  if (mirrored !== undefined && spec !== undefined && isEmpty(spec.nodeName)) invalid(errors, `${path}[${MIRROR}]`, mirrored, "must set spec.nodeName if mirror pod annotation is set");
  const cost = annotations[DELETION_COST];
  if (cost === undefined) return;
  const number = Number(cost);
  const isInt32 = /^(?:0|-?[1-9]\d*)$/.test(cost) && number >= -INT32 && number < INT32;
  if (!isInt32) invalid(errors, `${path}[${DELETION_COST}]`, cost, "must be a 32bit integer");
}
