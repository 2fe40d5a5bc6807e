/** Updates of a pod through its subresources: containers to look into it, and new sizes (KEP-277, KEP-1287). */
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../types.gen.ts";
import { qosClass } from "../pod-qos.ts";
import { type Errors, forbidden, invalid } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { validatePod } from "./pod.ts";
import { same } from "./same.ts";
import { diffOf } from "./text-diff.ts";

const MIRROR = "kubernetes.io/config.mirror";
const RESIZABLE = ["cpu", "memory"];

export function validateEphemeralUpdate(errors: Errors, next: Pod, old: Pod): void {
  validatePod(errors, next);
  if (next.metadata.annotations?.[MIRROR] !== undefined) forbidden(errors, "", "static pods do not support ephemeral containers");
  const path = "spec.ephemeralContainers";
  for (const was of old.spec?.ephemeralContainers ?? []) {
    const now = next.spec?.ephemeralContainers?.find(({ name }) => name === was.name);
    if (now === undefined) forbidden(errors, path, `existing ephemeral containers "${was.name}" may not be removed\n`);
    else if (!same(now, was)) {
      const change = diffOf(internalForm("EphemeralContainer", was), internalForm("EphemeralContainer", now));
      forbidden(errors, path, `existing ephemeral containers "${was.name}" may not be changed\n${change}`);
    }
  }
}

export function validateResize(errors: Errors, next: Pod, old: Pod): void {
  validatePod(errors, next);
  if (next.metadata.annotations?.[MIRROR] !== undefined) forbidden(errors, "", "static pods cannot be resized");
  if (next.spec?.os?.name === "windows") forbidden(errors, "", "windows pods cannot be resized");
  const was = qosClass(old.spec);
  if (qosClass(next.spec) !== was) invalid(errors, "spec", next.status?.qosClass ?? was, "Pod QOS Class may not change as a result of resizing");
  const moved = (["containers", "initContainers"] as const).flatMap((list) => otherContainers(list, next.spec?.[list], old.spec?.[list]));
  errors.push(...moved);
  if (moved.length > 0) return;
  notRemoved(errors, "spec.resources", next.spec?.resources, old.spec?.resources);
  for (const list of ["containers", "initContainers"] as const) {
    next.spec?.[list]?.forEach((container, index) => {
      const before = old.spec?.[list]?.[index];
      if (before !== undefined) notRemoved(errors, `spec.${list}[${index}].resources`, container.resources, before.resources);
    });
  }
  if (next.spec !== undefined && old.spec !== undefined && !same(withoutSizes(withoutClaims(next.spec)), withoutSizes(old.spec))) {
    forbidden(errors, "spec", "only cpu and memory resources are mutable");
  }
}

/** A resize is about the containers that are there, in their order. */
function otherContainers(list: string, next: readonly Container[] = [], old: readonly Container[] = []): Errors {
  const errors: Errors = [];
  if (next.length !== old.length) forbidden(errors, `spec.${list}`, `${list} may not be added or removed on resize`);
  else for (const [index, { name }] of old.entries()) if (next[index]?.name !== name) forbidden(errors, `spec.${list}[${index}].name`, `${list} may not be renamed or reordered on resize`);
  return errors;
}

function notRemoved(errors: Errors, path: string, next: ResourceRequirements | undefined, old: ResourceRequirements | undefined): void {
  for (const [list, what] of [["limits", "resource limits cannot be removed"], ["requests", "resource requests cannot be removed"]] as const) {
    const gone = RESIZABLE.some((name) => old?.[list]?.[name] !== undefined && next?.[list]?.[name] === undefined);
    if (gone) forbidden(errors, `${path}.${list}`, what);
  }
}

const others = (amounts: { readonly [name: string]: string } | undefined) => Object.fromEntries(Object.entries(amounts ?? {}).filter(([name]) => !RESIZABLE.includes(name)));

function withoutSize(container: Container): Container {
  const { resources } = container;
  return { ...container, resizePolicy: [], resources: withoutAmounts(resources) };
}

function withoutAmounts(resources: ResourceRequirements | undefined): ResourceRequirements {
  return { ...resources, limits: others(resources?.limits), requests: others(resources?.requests) };
}

/** Those that a resize names are not taken over; whether they exist has been judged. */
function withoutClaims(spec: PodSpec): PodSpec {
  return { ...spec, containers: spec.containers.map(claimless), ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(claimless) }) };
}

function claimless(container: Container): Container {
  if (container.resources === undefined) return container;
  const { limits, requests } = container.resources;
  return { ...container, resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) } };
}

function withoutSizes(spec: PodSpec): PodSpec {
  return { ...spec, resources: withoutAmounts(spec.resources), containers: spec.containers.map(withoutSize), ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withoutSize) }) };
}
