/** What may change in a pod that exists. Almost nothing: its containers run by what was said at first. */
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from "../../types.gen.ts";
import { without } from "../fill.ts";
import { type Errors, forbidden, invalid, isEmpty, required } from "./errors.ts";
import { internalForm, internalPodSpec } from "./internal-form.ts";
import { inRange } from "./numbers.ts";
import { validatePod } from "./pod.ts";
import { same } from "./same.ts";
import { diffOf } from "./text-diff.ts";

const LARGEST_INT32 = 2_147_483_647;
const CHANGEABLE = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

export function validatePodUpdate(errors: Errors, next: Pod, old: Pod): void {
  validatePod(errors, next);
  const [spec, was] = [next.spec, old.spec];
  if (spec === undefined || was === undefined) return;
  for (const list of ["containers", "initContainers"] as const) if (!sameContainers(errors, `spec.${list}`, spec[list], was[list])) return;
  if (!validateDeadline(errors, spec.activeDeadlineSeconds, was.activeDeadlineSeconds)) return;
  onlyAddedTolerations(errors, spec.tolerations, was.tolerations);
  onlyRemovedGates(errors, spec, was);
  if (same(spec, was)) return;
  let munged: PodSpec = {
    ...spec,
    containers: withImagesOf(spec.containers, was.containers) ?? [],
    ...only("initContainers", withImagesOf(spec.initContainers, was.initContainers)),
  };
  for (const field of ["activeDeadlineSeconds", "tolerations", "schedulingGates"] as const) munged = withField(munged, field, was);
  if ((was.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) munged = withField(munged, "terminationGracePeriodSeconds", was);
  if ((was.schedulingGates ?? []).length > 0) munged = gatedChanges(errors, munged, was);
  if (same(munged, was)) return;
  forbidden(errors, "spec", `pod updates may not change fields other than ${CHANGEABLE}\n${diffOf(internalPodSpec(was), internalPodSpec(munged))}`);
}

const only = <K extends string, V>(field: K, value: V | undefined) => (value === undefined ? {} : ({ [field]: value } as { readonly [key in K]: V }));

function withField(spec: PodSpec, field: keyof PodSpec, from: PodSpec): PodSpec {
  return { ...without(spec, field), ...only(field, from[field]) } as PodSpec;
}

function withImagesOf(next: readonly Container[] | undefined, old: readonly Container[] | undefined): readonly Container[] | undefined {
  return next?.map((container, index) => ({ ...container, ...only("image", old?.[index]?.image) }));
}

function sameContainers(errors: Errors, path: string, next: readonly Container[] | undefined, old: readonly Container[] | undefined): boolean {
  if ((next ?? []).length !== (old ?? []).length) {
    forbidden(errors, path, "pod updates may not add or remove containers");
    return false;
  }
  next?.forEach(({ image = "" }, index) => {
    if (isEmpty(image.trim())) required(errors, `${path}[${index}].image`);
  });
  return true;
}

/** A deadline may appear and come nearer. */
function validateDeadline(errors: Errors, next: number | undefined, old: number | undefined): boolean {
  const path = "spec.activeDeadlineSeconds";
  const before = errors.length;
  if (next === undefined) {
    if (old !== undefined) invalid(errors, path, undefined, "must not update from a positive integer to nil value");
    return true;
  }
  if (next < 0 || next > LARGEST_INT32) invalid(errors, path, next, inRange(0, LARGEST_INT32));
  else if (old !== undefined && old < next) invalid(errors, path, next, "must be less than or equal to previous value");
  return errors.length === before;
}

function onlyAddedTolerations(errors: Errors, next: readonly Toleration[] = [], old: readonly Toleration[] = []): void {
  const kept = (toleration: Toleration) => next.some((one) => same({ ...one, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }));
  if (!old.every(kept)) forbidden(errors, "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
}

function onlyRemovedGates(errors: Errors, { schedulingGates: next }: PodSpec, { schedulingGates: old = [] }: PodSpec): void {
  next?.forEach(({ name }, index) => {
    if (!old.some((gate) => gate.name === name)) forbidden(errors, `spec.schedulingGates[${index}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`);
  });
}

/** KEP-3838: until its gates are gone, a pod may be bound to fewer nodes. */
function gatedChanges(errors: Errors, spec: PodSpec, old: PodSpec): PodSpec {
  let munged = spec;
  if (!same(spec.nodeSelector, old.nodeSelector)) {
    for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
      const now = spec.nodeSelector?.[key];
      if (now !== value) {
        invalid(errors, "spec.nodeSelector", spec.nodeSelector, `only additions to spec.nodeSelector are allowed (no mutations or deletions)`);
        break;
      }
    }
    munged = withField(munged, "nodeSelector", old);
  }
  if (same(spec.affinity?.nodeAffinity, old.affinity?.nodeAffinity)) return munged;
  if (terms(old).length > 0) {
    const at = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
    if (terms(spec).length !== terms(old).length) invalid(errors, at, terms(spec), "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
    else {
      terms(spec).forEach((term, index) => {
        if (!isNarrower(term, terms(old)[index])) invalid(errors, `${at}[${index}]`, internalForm("NodeTerm", term), "only additions are allowed (no mutations or deletions)");
      });
    }
  }
  const others = withoutNodeAffinity(munged);
  const wasOthers = withoutNodeAffinity(old);
  return same(others.affinity, wasOthers.affinity) ? withField(munged, "affinity", old) : munged;
}

const count = ({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm) => matchExpressions.length + matchFields.length;

/** What the term asked for it still asks for first. */
function isNarrower(term: NodeSelectorTerm, old: NodeSelectorTerm = {}): boolean {
  // a term that matches nothing would begin to match
  if (count(old) === 0 && count(term) > 0) return false;
  return (["matchExpressions", "matchFields"] as const).every((list) => same((term[list] ?? []).slice(0, (old[list] ?? []).length), old[list] ?? []));
}

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const terms = (spec: PodSpec) => spec.affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? [];

function withoutNodeAffinity(spec: PodSpec): PodSpec {
  if (spec.affinity === undefined) return spec;
  return { ...spec, affinity: without(spec.affinity, "nodeAffinity") };
}
