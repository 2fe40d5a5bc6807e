/** StorageClasses and VolumeAttributesClasses: kinds of storage, and how it can be tuned. */
import type { KindHooks } from "../kinds.ts";
import { qualifiedName } from "../names.ts";
import type { StorageClass, TopologySelectorTerm, VolumeAttributesClass } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, oneOf, required, tooLong } from "./validate/errors.ts";
import { same } from "./validate/same.ts";

const column = columnsOf<StorageClass>();
const tuning = columnsOf<VolumeAttributesClass>();
const PARAMETERS = 512;
const PARAMETER_BYTES = 256 * 1024;
const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";
const BETA_DEFAULT_CLASS = "storageclass.beta.kubernetes.io/is-default-class";

export const storageClassHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => fill(object, { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" }),
  validate: checking<StorageClass>(validateClass),
  validateUpdate: checkingUpdate<StorageClass>((errors, object, old) => {
    validateClass(errors, object);
    for (const field of ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] as const) immutable(errors, field, object[field], old[field]);
  }),
  columns: [
    { ...nameColumn, cell: ({ metadata }) => (isDefault(metadata.annotations) ? `${metadata.name} (default)` : (metadata.name ?? "")) },
    column("Provisioner", ({ provisioner }) => provisioner),
    column("ReclaimPolicy", ({ reclaimPolicy }) => reclaimPolicy ?? "Delete"),
    column("VolumeBindingMode", ({ volumeBindingMode }) => volumeBindingMode ?? "<unset>"),
    column("AllowVolumeExpansion", ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
};

export const volumeAttributesClassHooks: KindHooks = {
  generation: "none",
  validate: checking<VolumeAttributesClass>(validateTuning),
  validateUpdate: checkingUpdate<VolumeAttributesClass>((errors, object, old) => {
    if (object.driverName !== old.driverName) forbidden(errors, "driverName", "updates to driverName are forbidden.");
    if (!same(object.parameters, old.parameters)) forbidden(errors, "parameters", "updates to parameters are forbidden.");
    validateTuning(errors, object);
  }),
  columns: [
    { ...nameColumn, cell: ({ metadata }) => (metadata.annotations?.["volumeattributesclass.kubernetes.io/is-default-class"] === "true" ? `${metadata.name} (default)` : (metadata.name ?? "")) },
    tuning("DriverName", ({ driverName }) => driverName),
    ageColumn,
  ],
};

const isDefault = (annotations: { readonly [key: string]: string } | undefined) => annotations?.[DEFAULT_CLASS] === "true" || annotations?.[BETA_DEFAULT_CLASS] === "true";

function validateClass(errors: Errors, { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies = [] }: StorageClass): void {
  validateProvisioner(errors, "provisioner", provisioner);
  validateParameters(errors, parameters ?? {}, false);
  if (!isEmpty(reclaimPolicy)) oneOf(errors, "reclaimPolicy", reclaimPolicy, ["Delete", "Retain"]);
  if (volumeBindingMode === undefined) required(errors, "volumeBindingMode");
  else oneOf(errors, "volumeBindingMode", volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]);
  // Kubernetes compares with as many empty terms as there are terms, too, so an empty one is always a duplicate
  const seen: object[] = allowedTopologies.map(() => ({}));
  allowedTopologies.forEach((term, index) => {
    const at = `allowedTopologies[${index}]`;
    const sets = validateTerm(errors, at, term);
    for (const other of seen) if (same(other, sets)) duplicate(errors, `${at}.matchLabelExpressions`, "");
    seen.push(sets);
  });
}

function validateTerm(errors: Errors, at: string, { matchLabelExpressions = [] }: TopologySelectorTerm): object {
  const byKey = new Map<string, readonly string[]>();
  matchLabelExpressions.forEach(({ key, values = [] }, index) => {
    const here = `${at}.matchLabelExpressions[${index}]`;
    if (values.length === 0) required(errors, `${here}.values`);
    values.forEach((value, number) => {
      if (values.indexOf(value) < number) duplicate(errors, `${here}.values[${number}]`, value);
    });
    for (const why of qualifiedName(key)) invalid(errors, `${here}.key`, key, why);
    if (byKey.has(key)) duplicate(errors, `${here}.key`, key);
    byKey.set(key, [...new Set(values)].toSorted());
  });
  return Object.fromEntries(byKey);
}

function validateProvisioner(errors: Errors, at: string, name: string | undefined): void {
  if (isEmpty(name)) return required(errors, at);
  check(errors, at, (name ?? "").toLowerCase(), qualifiedName);
}

function validateParameters(errors: Errors, parameters: { readonly [key: string]: string }, needed: boolean): void {
  const entries = Object.entries(parameters);
  if (needed && entries.length === 0) return required(errors, "parameters", "must contain at least one key/value pair");
  if (entries.length > PARAMETERS) return tooLong(errors, "parameters", PARAMETERS);
  if (Object.hasOwn(parameters, "")) invalid(errors, "parameters", "", "field can not be empty.");
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > PARAMETER_BYTES) tooLong(errors, "parameters", PARAMETER_BYTES);
}

function validateTuning(errors: Errors, { driverName, parameters }: VolumeAttributesClass): void {
  validateProvisioner(errors, "driverName", driverName);
  validateParameters(errors, parameters ?? {}, true);
}

