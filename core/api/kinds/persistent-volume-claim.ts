/** PersistentVolumeClaims: a wish for storage. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { qualifiedName, quote } from "../names.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference } from "../types.gen.ts";
import { wholeValue } from "../quantity.ts";
import { accessModesText } from "./access-modes.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { validateClaimSpec } from "./validate/claim-spec.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, sortedEntries } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { amountOf, isWhole } from "./validate/quantity-rules.ts";
import { isNative } from "./validate/resource-names.ts";
import { same } from "./validate/same.ts";
import { diffOf } from "./validate/text-diff.ts";

const column = columnsOf<PersistentVolumeClaim>();
const CLASS = "volume.beta.kubernetes.io/storage-class";

export const persistentVolumeClaimHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) =>
    mapField(fill(mapField(object as unknown as PersistentVolumeClaim, "status", (status) => fill(status, { phase: "Pending" })), { status: { phase: "Pending" } }), "spec", (spec) =>
      fill(spec, { volumeMode: "Filesystem" }),
    ) as unknown as AnyObject,
  prepareForCreate: (object) => ({ ...withSources(object, undefined), status: { phase: "Pending" } }),
  prepareForUpdate: (object, old) => ({ ...withSources(object, (old as unknown as PersistentVolumeClaim).spec), status: old.status }) as AnyObject,
  validate: checking<PersistentVolumeClaim>((errors, { spec = {} }) => validateClaimSpec(errors, "spec", spec)),
  validateUpdate: checkingUpdate<PersistentVolumeClaim>(validateUpdate),
  validateSubresource: { status: checking<PersistentVolumeClaim>(validateStatus) },
  warnings: (object) => warnings(object as unknown as PersistentVolumeClaim),
  columns: [
    nameColumn,
    column("Status", ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating")),
    column("Volume", ({ spec }) => spec?.volumeName ?? ""),
    column("Capacity", ({ spec, status }) => ((spec?.volumeName ?? "") === "" ? "" : (status?.capacity?.["storage"] ?? "0"))),
    column("Access Modes", ({ spec, status }) => ((spec?.volumeName ?? "") === "" ? "" : accessModesText(status?.accessModes))),
    column("StorageClass", ({ metadata, spec }) => metadata.annotations?.[CLASS] ?? spec?.storageClassName ?? ""),
    column("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>"),
    ageColumn,
    column("VolumeMode", ({ spec }) => spec?.volumeMode ?? "<unset>", { wide: true }),
  ],
};

/** KEP-1495: what a claim is filled from stands in two fields; old clients know the first, and only claims and snapshots in it. */
function withSources(object: AnyObject, old: PersistentVolumeClaimSpec | undefined): AnyObject {
  return mapField(object as unknown as PersistentVolumeClaim, "spec", (spec) => {
    const inUse = old?.dataSource !== undefined || old?.dataSourceRef !== undefined;
    const { dataSource: given, dataSourceRef: ref, ...rest } = spec;
    // sources in other namespaces are an alpha feature (KEP-3294)
    const dataSourceRef = (ref?.namespace ?? "") !== "" && old?.dataSourceRef === undefined ? undefined : ref;
    const dataSource = given === undefined || inUse || dataSourceRef !== undefined || isKnownSource(given) ? given : undefined;
    if (dataSource !== undefined && dataSourceRef === undefined) return { ...rest, dataSource, dataSourceRef: dataSource };
    if (dataSource === undefined && dataSourceRef !== undefined && (dataSourceRef.namespace ?? "") === "") {
      const { apiGroup, kind, name } = dataSourceRef;
      return { ...rest, dataSource: { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name }, dataSourceRef };
    }
    return { ...rest, ...(dataSource === undefined ? {} : { dataSource }), ...(dataSourceRef === undefined ? {} : { dataSourceRef }) };
  }) as unknown as AnyObject;
}

const isKnownSource = ({ apiGroup, kind }: TypedLocalObjectReference) =>
  (isEmpty(apiGroup) && kind === "PersistentVolumeClaim") || (apiGroup === "snapshot.storage.k8s.io" && kind === "VolumeSnapshot");

function warnings({ metadata, spec }: PersistentVolumeClaim): readonly string[] {
  const texts = metadata.annotations?.[CLASS] === undefined ? [] : [`metadata.annotations[${CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`];
  for (const list of ["requests", "limits"] as const) {
    const storage = spec?.resources?.[list]?.["storage"];
    if (storage !== undefined && !isWhole(storage)) texts.push(`spec.resources.${list}[storage]: fractional byte value ${quote(storage)} is invalid, must be an integer`);
  }
  return texts;
}

type Draft = { -readonly [field in keyof PersistentVolumeClaimSpec]: PersistentVolumeClaimSpec[field] };

/** Claims stay as they are but for their size, which bound claims may grow, and what is decided late. */
function validateUpdate(errors: Errors, claim: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  const now = claim.spec ?? {};
  const before = old.spec ?? {};
  validateClaimSpec(errors, "spec", now, { anyGroup: before.dataSource?.apiGroup !== undefined || before.dataSourceRef?.apiGroup !== undefined });
  const annotation = claim.metadata.annotations?.[CLASS] ?? "";
  if (!movesIntoField(old, claim) && annotation !== (old.metadata.annotations?.[CLASS] ?? "")) invalid(errors, `metadata.annotations.${CLASS}`, annotation, "field is immutable");
  const [next, fixed]: [Draft, Draft] = [{ ...now }, { ...before }];
  if ((before.volumeName ?? "") === "" && now.volumeName !== undefined) fixed.volumeName = now.volumeName;
  if (classIsDecided(old, claim) && now.storageClassName !== undefined) fixed.storageClassName = now.storageClassName;
  if (claim.status?.phase === "Bound" && now.resources?.requests !== undefined) {
    const storage = before.resources?.requests?.["storage"];
    next.resources = { ...now.resources, requests: { ...now.resources.requests, ...(storage === undefined ? {} : { storage }) } };
  }
  if (claim.status?.phase === "Bound") {
    if (before.volumeAttributesClassName === undefined) delete next.volumeAttributesClassName;
    else next.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!same(next, fixed)) {
    forbidden(errors, "spec", `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${diffOf(internal(fixed), internal(next))}`);
  }
  if (size(now) < size(before) && size(now) <= amountOf(claim.status?.capacity?.["storage"]).nanos) {
    forbidden(errors, "spec.resources.requests.storage", "field can not be less than status.capacity");
  }
  // without "spec", as in Kubernetes
  immutable(errors, "volumeMode", now.volumeMode, before.volumeMode);
  if (old.status?.currentVolumeAttributesClassName === undefined || now.volumeAttributesClassName === before.volumeAttributesClassName || (now.volumeAttributesClassName ?? "") !== "") return;
  const to = now.volumeAttributesClassName === undefined ? "nil" : "empty string";
  forbidden(errors, "spec.volumeAttributesClassName", `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`);
}

const RESIZING = ["ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"];

/** What is given, and how far growing got (KEP-1790). */
function validateStatus(errors: Errors, { status }: PersistentVolumeClaim): void {
  const notNegative = (at: string, amount: string) => {
    if (amountOf(amount).nanos < 0n) invalid(errors, at, wholeValue(amountOf(amount)), "must be a valid resource quantity");
  };
  for (const [name, amount] of sortedEntries(status?.capacity)) notNegative(`status.capacity[${name}]`, amount);
  for (const [name, state] of sortedEntries(status?.allocatedResourceStatuses)) {
    storageOrForeign(errors, "status.allocatedResourceStatuses", name);
    if (!RESIZING.includes(state)) notSupported(errors, "status.allocatedResourceStatuses", name, RESIZING);
  }
  for (const [name, amount] of sortedEntries(status?.allocatedResources)) {
    if (storageOrForeign(errors, "status.allocatedResources", name)) notNegative(`status.allocatedResources[${name}]`, amount);
  }
}

function storageOrForeign(errors: Errors, at: string, name: string): boolean {
  const before = errors.length;
  check(errors, at, name, qualifiedName);
  if (errors.length === before && isNative(name) && name !== "storage") notSupported(errors, at, name, ["storage"]);
  return errors.length === before;
}

const internal = (spec: PersistentVolumeClaimSpec) => internalForm("PersistentVolumeClaimSpec", spec);

const size = (spec: PersistentVolumeClaimSpec): bigint => amountOf(spec.resources?.requests?.["storage"]).nanos;

const movesIntoField = (old: PersistentVolumeClaim, { metadata, spec }: PersistentVolumeClaim): boolean => {
  const annotation = old.metadata.annotations?.[CLASS];
  if (annotation === undefined || old.spec?.storageClassName !== undefined || spec?.storageClassName !== annotation) return false;
  return (metadata.annotations?.[CLASS] ?? annotation) === annotation;
};

/** A class may be set once where there was none, and may move from the old annotation into the field. */
function classIsDecided(old: PersistentVolumeClaim, claim: PersistentVolumeClaim): boolean {
  const annotation = old.metadata.annotations?.[CLASS];
  if (old.spec?.storageClassName !== undefined) return false;
  return annotation === undefined || annotation === claim.spec?.storageClassName;
}
