/** The checks of metadata that every kind shares (apimachinery, "ObjectMeta validation"), in their order and words. */
import { sameJson } from "../api/json.ts";
import type { Kind } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import { type MetadataChecks, metadataChecksOf } from "../api/kinds/metadata-checks.ts";
import type { ObjectMeta, OwnerReference } from "../api/meta.ts";
import { parseApiVersion } from "../api/meta.ts";
import { checkPrefix, dns1123Label, labelValue, nameRule, pathSegment, qualifiedName, quote } from "../api/names.ts";
import type { FieldError } from "../api/status.ts";
import { validateManagedFields } from "./managed-fields/validate.ts";

/** Bytes of all annotations together, as in Kubernetes: bounds what one object can carry besides its spec. */
const ANNOTATIONS_BYTES = 262_144;
const STANDARD_FINALIZERS = new Set(["kubernetes", "orphan", "foregroundDeletion"]);
/** Objects that the garbage collector cannot treat as owners. */
const NO_OWNERS = new Set(["v1/Event"]);

const wrong = (field: string, value: string, why: string): FieldError => ({
  type: "FieldValueInvalid",
  field,
  message: `Invalid value: ${value}: ${why}`,
});

/** What is wrong with a new object: its metadata by the kind's checks, `own` by its rules; the shared checks only where both found nothing. */
export function birthErrors(kind: Kind, metadata: ObjectMeta, own: readonly FieldError[]): readonly FieldError[] {
  const checks = metadataChecksOf(kind.group, kind.kind, isCustom(kind));
  const errors = [...(checks.create ? birth(kind, metadata, checks) : []), ...own];
  return errors.length > 0 ? errors : birth(kind, metadata, undefined);
}

/**
 * What is wrong with the metadata of an update. The checks overlap, so a mistake is named as often as a client of
 * Kubernetes expects. `next` has the system fields that an update cannot touch already taken over from `old`.
 */
export function metadataUpdateErrors(kind: Kind, next: ObjectMeta, old: ObjectMeta, subresource: string | undefined): readonly FieldError[] {
  const checks = metadataChecksOf(kind.group, kind.kind, isCustom(kind));
  const repeated = subresource === "status" ? checks.status : checks.update;
  return [
    ...birth(kind, next, undefined),
    ...updated(next, old, undefined),
    ...repeated.flatMap((check) => (check === "birth" ? birth(kind, next, checks) : updated(next, old, checks))),
  ];
}

/** `own`: the checks of the kind; undefined: those of the shared machinery, for which a name only has to fit into a path */
function birth(kind: Kind, metadata: ObjectMeta, own: MetadataChecks | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", generateName = "", namespace = "", generation = 0 } = metadata;
  const rule = own === undefined ? pathSegment : nameRule(kind.hooks.nameRule);
  if (generateName !== "" && own?.prefix !== false) {
    for (const why of checkPrefix(rule, generateName)) errors.push(wrong("metadata.generateName", quote(generateName), why));
  }
  if (name === "") {
    errors.push({ type: "FieldValueRequired", field: "metadata.name", message: "Required value: name or generateName is required" });
  } else {
    for (const why of rule(name)) errors.push(wrong("metadata.name", quote(name), why));
  }
  if (kind.namespaced) {
    if (namespace === "") errors.push({ type: "FieldValueRequired", field: "metadata.namespace", message: "Required value" });
    else for (const why of dns1123Label(namespace)) errors.push(wrong("metadata.namespace", quote(namespace), why));
  } else if (namespace !== "") {
    errors.push({ type: "FieldValueForbidden", field: "metadata.namespace", message: "Forbidden: not allowed on this type" });
  }
  if (generation < 0) errors.push(wrong("metadata.generation", String(generation), "must be greater than or equal to 0"));
  labels(metadata.labels, errors);
  annotations(metadata.annotations, errors);
  owners(metadata.ownerReferences, errors);
  finalizers(metadata.finalizers, errors);
  if (metadata.managedFields !== undefined) errors.push(...validateManagedFields(metadata.managedFields));
  if (own?.standardFinalizers === true) unknownFinalizers(metadata.finalizers, errors);
  return errors;
}

function updated(next: ObjectMeta, old: ObjectMeta, own: MetadataChecks | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (next.finalizers ?? []).filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
    if (added.length > 0) {
      errors.push({
        type: "FieldValueForbidden",
        field: "metadata.finalizers",
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(quote).join(", ")}}`,
      });
    }
  }
  if ((next.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(wrong("metadata.generation", String(next.generation ?? 0), "must not be decremented"));
  }
  for (const field of IMMUTABLE) {
    if (!sameJson(next[field], old[field])) {
      errors.push(wrong(`metadata.${field}`, JSON.stringify(next[field] ?? null), "field is immutable"));
    }
  }
  labels(next.labels, errors);
  annotations(next.annotations, errors);
  owners(next.ownerReferences, errors);
  if (next.managedFields !== undefined) errors.push(...validateManagedFields(next.managedFields));
  if (own?.standardFinalizers === true) unknownFinalizers(next.finalizers, errors);
  return errors;
}

const IMMUTABLE = ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] as const;

function labels(given: ObjectMeta["labels"], errors: FieldError[]): void {
  for (const [key, value] of Object.entries(given ?? {})) {
    for (const why of qualifiedName(key)) errors.push(wrong("metadata.labels", quote(key), why));
    for (const why of labelValue(value)) errors.push(wrong("metadata.labels", quote(value), why));
  }
}

function annotations(given: ObjectMeta["annotations"], errors: FieldError[]): void {
  if (given === undefined) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(given)) {
    for (const why of qualifiedName(key.toLowerCase())) errors.push(wrong("metadata.annotations", quote(key), why));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_BYTES) {
    errors.push({
      type: "FieldValueTooLong",
      field: "metadata.annotations",
      message: `Too long: may not be more than ${ANNOTATIONS_BYTES} bytes`,
    });
  }
}

function owners(given: readonly OwnerReference[] | undefined, errors: FieldError[]): void {
  if (given === undefined) return;
  const at = "metadata.ownerReferences";
  let controller: OwnerReference | undefined;
  for (const owner of given) {
    // more than one slash is no group and version
    const version = (owner.apiVersion ?? "").split("/").length > 2 ? "" : parseApiVersion(owner.apiVersion ?? "").version;
    const empty: readonly (readonly [string, string | undefined])[] = [
      ["kind", owner.kind],
      ["name", owner.name],
      ["uid", owner.uid],
    ];
    if (version === "") errors.push(wrong(`${at}.apiVersion`, quote(owner.apiVersion ?? ""), "version must not be empty"));
    for (const [field, value] of empty) {
      if (value === undefined || value === "") errors.push(wrong(`${at}.${field}`, '""', "must not be empty"));
    }
    if (NO_OWNERS.has(`${owner.apiVersion}/${owner.kind}`)) {
      errors.push(wrong(at, JSON.stringify(owner), `${owner.apiVersion.replace("/", ", Kind=")}, Kind=${owner.kind} is disallowed from being an owner`));
    }
    if (owner.controller !== true) continue;
    if (controller !== undefined) {
      errors.push(
        wrong(
          at,
          JSON.stringify(given),
          `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${owner.kind}/${owner.name}`,
        ),
      );
      return;
    }
    controller = owner;
  }
}

function finalizers(given: readonly string[] | undefined, errors: FieldError[]): void {
  for (const finalizer of given ?? []) {
    for (const why of qualifiedName(finalizer)) errors.push(wrong("metadata.finalizers", quote(finalizer), why));
  }
  if (given?.includes("orphan") && given.includes("foregroundDeletion")) {
    errors.push(
      wrong("metadata.finalizers", JSON.stringify(given), "finalizer orphan and foregroundDeletion cannot be both set"),
    );
  }
}

function unknownFinalizers(given: readonly string[] | undefined, errors: FieldError[]): void {
  given?.forEach((finalizer, index) => {
    if (finalizer.includes("/") || STANDARD_FINALIZERS.has(finalizer)) return;
    const field = `metadata.finalizers[${index}]`;
    errors.push(wrong(field, quote(finalizer), "name is neither a standard finalizer name nor is it fully qualified"));
  });
}
