/**
 * The rules that make a schema structural (KEP-20190425): every part of an object has one type, and alternatives only
 * restrict what is declared outside of them.
 */
import { isObject } from "../../api/json.ts";
import { forbidden, invalid, required, type Errors } from "../../api/kinds/validate/errors.ts";
import { isEmbedded, isIntOrString, itemsOf, preserves, propertiesOf, type Schema, valuesOf } from "../schema/json-schema.ts";

type Level = "root" | "item" | "field";

const missingType = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
} as const;

export function validateStructural(errors: Errors, schema: Schema, path: string, level: Level = "root"): void {
  extensions(errors, schema, path);
  for (const [at, nested] of alternativesOf(schema, path)) validateNested(errors, nested, at, isIntOrString(schema));
  type(errors, schema, path, level);
  const resource = level === "root" || isEmbedded(schema);
  if (resource) metadata(errors, schema, path);
  const items = itemsOf(schema);
  if (items !== undefined) validateStructural(errors, items, `${path}.items`, "item");
  for (const [name, property] of propertiesOf(schema)) {
    if (!(resource && name === "metadata")) validateStructural(errors, property, `${path}.properties[${name}]`, "field");
  }
  const values = valuesOf(schema);
  if (values !== undefined && values !== true) validateStructural(errors, values, `${path}.additionalProperties`, "field");
  for (const [at, nested] of alternativesOf(schema, path)) complete(errors, schema, nested, path, at);
}

function type(errors: Errors, schema: Schema, path: string, level: Level): void {
  const { type: of = "" } = schema;
  if (isEmbedded(schema) && of !== "object") {
    const why = "must be object if x-kubernetes-embedded-resource is true";
    if (of === "") required(errors, `${path}.type`, why);
    else invalid(errors, `${path}.type`, of, why);
  } else if (of === "" && !isIntOrString(schema) && !preserves(schema)) {
    required(errors, `${path}.type`, missingType[level]);
  }
  if (isEmbedded(schema) && schema.additionalProperties !== undefined) {
    forbidden(errors, `${path}.additionalProperties`, "must not be used if x-kubernetes-embedded-resource is set");
  }
  if (level === "root" && of !== "" && of !== "object") invalid(errors, `${path}.type`, of, "must be object at the root");
  if (isEmbedded(schema) && Object.keys(schema.properties ?? {}).length === 0 && !preserves(schema)) {
    required(errors, `${path}.properties`, "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
  }
}

function extensions(errors: Errors, schema: Schema, path: string): void {
  if (!isIntOrString(schema)) return;
  if (preserves(schema)) invalid(errors, `${path}.x-kubernetes-preserve-unknown-fields`, true, "must be false if x-kubernetes-int-or-string is true");
  if (isEmbedded(schema)) invalid(errors, `${path}.x-kubernetes-embedded-resource`, true, "must be false if x-kubernetes-int-or-string is true");
}

/** In metadata a schema may restrict name and generateName, nothing else. */
function metadata(errors: Errors, schema: Schema, path: string): void {
  const { kind, apiVersion, metadata: meta } = schema.properties ?? {};
  for (const [name, of] of Object.entries({ kind, apiVersion })) {
    if (of !== undefined && of.type !== "string") invalid(errors, `${path}.properties[${name}].type`, of.type ?? "", "must be string");
  }
  if (meta === undefined) return;
  const at = `${path}.properties[metadata]`;
  if (meta.type !== "object") invalid(errors, `${at}.type`, meta.type ?? "", "must be object");
  const others = Object.keys(meta.properties ?? {}).filter((name) => name !== "name" && name !== "generateName");
  const beyond = others.length > 0 || meta.additionalProperties !== undefined || preserves(meta) || meta.default !== undefined || (meta.required ?? []).length > 0;
  if (beyond) forbidden(errors, at, "must not specify anything other than name and generateName, but metadata is implicitly specified");
}

/** anyOf, oneOf, allOf and not, with their places. */
function alternativesOf(schema: Schema, path: string): readonly (readonly [path: string, schema: Schema])[] {
  const listed = (["allOf", "anyOf", "oneOf"] as const).flatMap((name) =>
    (schema[name] ?? []).map((each, index): readonly [string, Schema] => [`${path}.${name}[${index}]`, each]),
  );
  return schema.not === undefined ? listed : [...listed, [`${path}.not`, schema.not]];
}

/** What only the structure itself may say. */
const STRUCTURE: readonly (readonly [keyword: keyof Schema, why: string])[] = [
  ["description", "must be empty to be structural"],
  ["type", "must be empty to be structural"],
  ["title", "must be empty to be structural"],
  ["default", "must be undefined to be structural"],
  ["nullable", "must be false to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
];

/** `either`: directly below x-kubernetes-int-or-string, whose two types may be spelled out */
function validateNested(errors: Errors, schema: Schema, path: string, either: boolean): void {
  for (const [at, nested] of alternativesOf(schema, path)) validateNested(errors, nested, at, either);
  for (const [keyword, why] of STRUCTURE) {
    const value = schema[keyword];
    if (value === undefined || value === "" || value === false) continue;
    if (keyword === "type" && either && (value === "integer" || value === "string")) continue;
    forbidden(errors, `${path}.${keyword}`, why);
  }
  const items = itemsOf(schema);
  if (items !== undefined) validateNested(errors, items, `${path}.items`, false);
  for (const [name, property] of propertiesOf(schema)) validateNested(errors, property, `${path}.properties[${name}]`, false);
}

/** What alternatives speak of has to be declared outside of them. */
function complete(errors: Errors, outer: Schema, nested: Schema, path: string, at: string): void {
  for (const [alternative, inner] of alternativesOf(nested, at)) complete(errors, outer, inner, path, alternative);
  const items = itemsOf(nested);
  if (items !== undefined) {
    const declared = itemsOf(outer);
    if (declared === undefined) required(errors, `${path}.items`, `because it is defined in ${at}.items`);
    else complete(errors, declared, items, `${path}.items`, `${at}.items`);
  }
  for (const [name, property] of propertiesOf(nested)) {
    const declared = isObject(outer.properties) && Object.hasOwn(outer.properties, name) ? outer.properties[name] : undefined;
    if (declared === undefined) {
      if (valuesOf(outer) === undefined) required(errors, `${path}.properties[${name}]`, `because it is defined in ${at}.properties[${name}]`);
    } else complete(errors, declared, property, `${path}.properties[${name}]`, `${at}.properties[${name}]`);
  }
}
