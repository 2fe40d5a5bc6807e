/** CustomResourceDefinition as a kind: its defaults, its status at birth, its validation (apiextensions/v1). */
import { isObject, sameJson } from "../../api/json.ts";
import type { KindHooks } from "../../api/kinds.ts";
import { check, forbidden, invalid, isEmpty, notSupported, required, type Errors } from "../../api/kinds/validate/errors.ts";
import { dns1035Label, dns1123Subdomain } from "../../api/names.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { FieldError } from "../../api/status.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
  SelectableField,
} from "../../api/types.gen.ts";
import { isKnownFormat } from "../schema/formats.ts";
import { type Schema } from "../schema/json-schema.ts";
import { compileJsonPath, simplePath } from "./json-path.ts";
import { shownVersion } from "./shown-rule.ts";
import { validateSchema } from "./validate-schema.ts";

/** Takes the instances with it when the definition goes. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

const typed = (object: AnyObject) => object as unknown as CustomResourceDefinition;

export const definitionHooks: KindHooks = {
  setDefaults,
  prepareForCreate: (object) => born(typed(object)),
  prepareForUpdate: (object, old) => kept(typed(object), typed(old)),
  validate: (object) => validateDefinition(typed(object), undefined),
  validateUpdate: (object, old) => validateDefinition(typed(object), typed(old)),
  warnings: (object) => formatWarnings(typed(object)),
  deletionFinalizers: [CLEANUP_FINALIZER],
};

function setDefaults(object: AnyObject): AnyObject {
  const { spec } = typed(object) as Partial<CustomResourceDefinition>;
  if (!isObject(spec) || !isObject(spec.names)) return object;
  const { names } = spec;
  const singular = isEmpty(names.singular) ? names.kind.toLowerCase() : names.singular;
  const listKind = isEmpty(names.listKind) && !isEmpty(names.kind) ? `${names.kind}List` : names.listKind;
  const named = { ...names, ...(isEmpty(singular) ? {} : { singular }), ...(isEmpty(listKind) ? {} : { listKind }) };
  return { ...object, spec: { ...spec, names: named, conversion: spec.conversion ?? { strategy: "None" } } } as AnyObject;
}

/** Not validated yet: the list may be null. */
const versionsOf = ({ spec }: CustomResourceDefinition) => (spec.versions as typeof spec.versions | null) ?? [];
const storageOf = (definition: CustomResourceDefinition) => versionsOf(definition).find(({ storage }) => storage)?.name;

/** A definition comes with nothing accepted yet; what it stores from the first moment on is known. */
function born(definition: CustomResourceDefinition): AnyObject {
  const storage = storageOf(definition);
  const status = { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: storage === undefined ? null : [storage] };
  return { ...definition, status } as unknown as AnyObject;
}

/** Status belongs to the server; a storage version is remembered for as long as objects of it may exist. */
function kept(definition: CustomResourceDefinition, { status }: CustomResourceDefinition): AnyObject {
  const storage = storageOf(definition);
  const stored = status?.storedVersions ?? [];
  const storedVersions = storage === undefined || stored.includes(storage) ? stored : [...stored, storage];
  return { ...definition, status: { ...status, storedVersions } } as unknown as AnyObject;
}

function validateDefinition(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): readonly FieldError[] {
  const errors: Errors = [];
  const { metadata, status } = definition;
  const spec = { ...definition.spec, versions: versionsOf(definition) };
  if (metadata.name !== `${spec.names.plural}.${spec.group}`) invalid(errors, "metadata.name", metadata.name ?? "", 'must be spec.names.plural+"."+spec.group');
  validateSpec(errors, spec);
  if (old !== undefined && isEstablished(old)) immutable(errors, spec, old.spec);
  validateStored(errors, status?.storedVersions ?? [], spec.versions);
  return errors;
}

export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return (status?.conditions ?? []).some((condition) => condition.type === "Established" && condition.status === "True");
}

function immutable(errors: Errors, spec: CustomResourceDefinitionSpec, old: CustomResourceDefinitionSpec): void {
  const fields = [
    ["spec.group", spec.group, old.group],
    ["spec.scope", spec.scope, old.scope],
    ["spec.names.kind", spec.names.kind, old.names.kind],
    ["spec.names.plural", spec.names.plural, old.names.plural],
  ] as const;
  for (const [field, now, before] of fields) if (now !== before) invalid(errors, field, now, "field is immutable");
}

/** What all versions have alike stands at the top in Kubernetes' internal form, and so in its messages. */
function placeOf<T>(versions: readonly CustomResourceDefinitionVersion[], part: (version: CustomResourceDefinitionVersion) => T | undefined, top: string, own: string): readonly (readonly [path: string, value: T])[] {
  const [first] = versions;
  if (first === undefined) return [];
  const value = part(first);
  if (versions.every((version) => sameJson(part(version), value))) return value === undefined ? [] : [[`spec.${top}`, value]];
  return versions.flatMap((version, index) => {
    const each = part(version);
    return each === undefined ? [] : [[`spec.versions[${index}].${own}`, each] as const];
  });
}

function validateSpec(errors: Errors, spec: CustomResourceDefinitionSpec): void {
  const { group = "", scope = "", names, versions, conversion, preserveUnknownFields = false } = spec;
  if (group === "") required(errors, "spec.group");
  else if (dns1123Subdomain(group).length > 0) invalid(errors, "spec.group", group, dns1123Subdomain(group).join(","));
  else if (!group.includes(".")) invalid(errors, "spec.group", group, "should be a domain with at least one dot");
  if (scope === "") required(errors, "spec.scope");
  else if (scope !== "Cluster" && scope !== "Namespaced") notSupported(errors, "spec.scope", scope, ["Cluster", "Namespaced"]);
  if (preserveUnknownFields) invalid(errors, "spec.preserveUnknownFields", true, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
  if (!versions.some((version) => version.schema?.openAPIV3Schema !== undefined) || versions.some((version) => version.schema?.openAPIV3Schema === undefined)) {
    for (const [index, version] of versions.entries()) {
      if (version.schema?.openAPIV3Schema === undefined) required(errors, `spec.versions[${index}].schema.openAPIV3Schema`, "schemas are required");
    }
  }
  for (const [index, { name }] of versions.entries()) check(errors, `spec.versions[${index}].name`, name, joined(dns1035Label));
  parts(errors, versions, true);
  const shown = versions.map(shownVersion);
  if (new Set(versions.map(({ name }) => name)).size < versions.length) invalid(errors, "spec.versions", shown, "must contain unique version names");
  if (versions.filter(({ storage }) => storage).length !== 1) invalid(errors, "spec.versions", shown, "must have exactly one version marked as storage version");
  const [first] = versions;
  if (first !== undefined) check(errors, "spec.version", first.name, joined(dns1035Label));
  validateNames(errors, names);
  parts(errors, versions, false);
  validateConversion(errors, conversion);
}

const joined = (rule: (text: string) => readonly string[]) => (text: string) => {
  const wrong = rule(text);
  return wrong.length === 0 ? [] : [wrong.join(",")];
};

/** Schema, subresources, columns and selectable fields: those that versions have of their own first, with the versions. */
function parts(errors: Errors, versions: readonly CustomResourceDefinitionVersion[], own: boolean): void {
  const wanted = (path: string) => path.startsWith("spec.versions[") === own;
  for (const [path, schema] of placeOf(versions, (version) => version.schema?.openAPIV3Schema, "validation.openAPIV3Schema", "schema.openAPIV3Schema")) {
    const hasStatus = versions.some((version) => version.subresources?.status !== undefined);
    if (wanted(path)) validateSchema(errors, schema, path, hasStatus);
  }
  for (const [path, subresources] of placeOf(versions, (version) => version.subresources, "subresources", "subresources")) {
    if (wanted(path) && subresources.scale !== undefined) validateScale(errors, subresources.scale, `${path}.scale`);
  }
  for (const [path, columns] of placeOf(versions, (version) => version.additionalPrinterColumns, "additionalPrinterColumns", "additionalPrinterColumns")) {
    if (wanted(path)) for (const [index, column] of columns.entries()) validateColumn(errors, column, `${path}[${index}]`);
  }
  for (const [path, fields] of placeOf(versions, (version) => version.selectableFields, "selectableFields", "selectableFields")) {
    const of = versions.find((version) => version.selectableFields === fields)?.schema?.openAPIV3Schema;
    if (wanted(path)) validateSelectable(errors, fields, of, path);
  }
}

const MIXED = "may have mixed case, but should otherwise match: ";

function validateNames(errors: Errors, names: CustomResourceDefinitionNames): void {
  const { plural = "", singular = "", kind = "", listKind = "", shortNames = [], categories = [] } = names;
  for (const [field, value] of Object.entries({ plural, singular, kind, listKind })) if (value === "") required(errors, `spec.names.${field}`);
  if (plural !== "") check(errors, "spec.names.plural", plural, joined(dns1035Label));
  if (singular !== "") check(errors, "spec.names.singular", singular, joined(dns1035Label));
  for (const [field, value] of Object.entries({ kind, listKind })) {
    const wrong = value === "" ? [] : dns1035Label(value.toLowerCase());
    if (wrong.length > 0) invalid(errors, `spec.names.${field}`, value, MIXED + wrong.join(","));
  }
  for (const [index, name] of shortNames.entries()) check(errors, `spec.names.shortNames[${index}]`, name, joined(dns1035Label));
  if (kind !== "" && kind === listKind) invalid(errors, "spec.names.listKind", listKind, "kind and listKind may not be the same");
  for (const [index, name] of categories.entries()) check(errors, `spec.names.categories[${index}]`, name, joined(dns1035Label));
}

function validateScale(errors: Errors, scale: CustomResourceSubresourceScale, path: string): void {
  const places = [
    ["specReplicasPath", scale.specReplicasPath, [".spec"], "should be a json path under .spec", true],
    ["statusReplicasPath", scale.statusReplicasPath, [".status"], "should be a json path under .status", true],
    ["labelSelectorPath", scale.labelSelectorPath, [".spec", ".status"], "should be a json path under either .status or .spec", false],
  ] as const;
  for (const [field, value, under, why, needed] of places) {
    if (isEmpty(value)) {
      if (needed) required(errors, `${path}.${field}`);
    } else if (simplePath(value ?? "") === undefined) invalid(errors, `${path}.${field}`, value, "should be a simple json path without array notation");
    else if (!under.some((root) => value?.startsWith(`${root}.`) === true)) invalid(errors, `${path}.${field}`, value, why);
  }
}

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function validateColumn(errors: Errors, { name = "", type = "", format = "", jsonPath = "" }: CustomResourceColumnDefinition, path: string): void {
  if (name === "") required(errors, `${path}.name`);
  if (type === "") required(errors, `${path}.type`, `must be one of ${COLUMN_TYPES.join(",")}`);
  else if (!COLUMN_TYPES.includes(type)) invalid(errors, `${path}.type`, type, `must be one of ${COLUMN_TYPES.join(",")}`);
  if (format !== "" && !COLUMN_FORMATS.includes(format)) invalid(errors, `${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(",")}`);
  if (jsonPath === "") required(errors, `${path}.JSONPath`);
  else if (!jsonPath.startsWith(".")) invalid(errors, `${path}.JSONPath`, jsonPath, "must be a simple json path starting with .");
  else if (compileJsonPath(jsonPath) === undefined) invalid(errors, `${path}.JSONPath`, jsonPath, "malformed path");
}

/** Fields that one definition may make selectable. */
const SELECTABLE_MAX = 8;

function validateSelectable(errors: Errors, fields: readonly SelectableField[], schema: Schema | undefined, path: string): void {
  if (fields.length > SELECTABLE_MAX) errors.push({ type: "FieldValueTooMany", field: path, message: `Too many: ${fields.length}: must have at most ${SELECTABLE_MAX} items` });
  const seen = new Set<string>();
  for (const [index, { jsonPath = "" }] of fields.entries()) {
    const at = `${path}[${index}].jsonPath`;
    if (jsonPath === "") {
      required(errors, at);
      continue;
    }
    const names = simplePath(jsonPath);
    const found = names?.reduce<Schema | undefined>((of, name) => of?.properties?.[name], schema);
    if (names === undefined) invalid(errors, at, jsonPath, "is an invalid path: does not refer to a valid field");
    else if (names[0] === "metadata") invalid(errors, at, jsonPath, "must not point to fields in metadata");
    else if (found === undefined) invalid(errors, at, jsonPath, "is an invalid path: does not refer to a valid field");
    else if (!["string", "integer", "boolean"].includes(found.type ?? "")) invalid(errors, at, jsonPath, `must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.`);
    if (seen.has(jsonPath)) errors.push({ type: "FieldValueDuplicate", field: at, message: `Duplicate value: ${JSON.stringify(jsonPath)}` });
    seen.add(jsonPath);
  }
}

function validateConversion(errors: Errors, conversion: CustomResourceDefinitionSpec["conversion"]): void {
  if (conversion === undefined) return;
  const { strategy, webhook } = conversion;
  if (strategy === "") required(errors, "spec.conversion.strategy");
  else if (strategy !== "None" && strategy !== "Webhook") notSupported(errors, "spec.conversion.strategy", strategy, ["None", "Webhook"]);
  if (strategy !== "Webhook") {
    if (webhook !== undefined) forbidden(errors, "spec.conversion.webhookClientConfig", "should not be set when strategy is not set to Webhook");
    return;
  }
  const { url, service } = webhook?.clientConfig ?? {};
  if (webhook?.clientConfig === undefined) required(errors, "spec.conversion.webhookClientConfig", "required when strategy is set to Webhook");
  else if ((url === undefined) === (service === undefined)) required(errors, "spec.conversion.webhookClientConfig", "exactly one of url or service is required");
  const review = webhook?.conversionReviewVersions ?? [];
  if (review.length === 0) required(errors, "spec.conversion.conversionReviewVersions");
  else if (!review.some((version) => version === "v1" || version === "v1beta1")) {
    invalid(errors, "spec.conversion.conversionReviewVersions", review, "must include at least one of v1, v1beta1");
  }
}

function validateStored(errors: Errors, stored: readonly string[], versions: readonly CustomResourceDefinitionVersion[]): void {
  const field = "status.storedVersions";
  if (stored.length === 0) {
    invalid(errors, field, null, "must have at least one stored version");
    return;
  }
  const names = new Set(versions.map(({ name }) => name));
  for (const [index, version] of stored.entries()) {
    if (names.has(version)) continue;
    const why = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    invalid(errors, `${field}[${index}]`, version, why);
  }
  const storage = versions.findLast((version) => version.storage)?.name;
  if (storage !== undefined && !stored.includes(storage)) invalid(errors, field, stored, `must have the storage version ${storage}`);
}

/** Formats that nobody knows are no error, but probably a slip. */
function formatWarnings({ spec }: CustomResourceDefinition): readonly string[] {
  const unknown = new Set<string>();
  const walk = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(walk);
    if (!isObject(value)) return;
    const { type, format } = value;
    if (typeof type === "string" && typeof format === "string" && format !== "" && !isKnownFormat(format)) unknown.add(format);
    for (const [keyword, each] of Object.entries(value)) if (keyword !== "default" && keyword !== "enum" && keyword !== "example") walk(each);
  };
  for (const version of spec.versions) walk(version.schema?.openAPIV3Schema);
  return [...unknown].toSorted().map((format) => `unrecognized format ${JSON.stringify(format)}`);
}
