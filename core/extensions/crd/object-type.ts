/**
 * A structural schema becomes the ObjectType that the rest of the server reads: decoding drops what it does not know,
 * defaults fill in, server-side apply learns which lists are sets and maps. What it cannot say (patterns, limits, rules)
 * stays with the validation of the schema itself.
 */
import { types } from "../../api/schema/facts.ts";
import type { Field, FieldType, ListMerge, ObjectType } from "../../api/schema/schema.ts";
import { isEmbedded, isIntOrString, itemsOf, preserves, propertiesOf, type Schema, valuesOf } from "../schema/json-schema.ts";
import { publishedSchema } from "./published.ts";

const text: FieldType = { kind: "scalar", scalar: "string" };
const anything: FieldType = { kind: "special", special: "JSON" };

export interface Named {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** "com.example.stable.v1.CronTab" for group stable.example.com: the name of the OpenAPI model. */
export function modelName({ group, version, kind }: Named): string {
  return `${group.split(".").toReversed().join(".")}.${version}.${kind}`;
}

/** The type of the whole object; without a schema every field is kept. */
export function objectTypeOf(of: Named, schema: Schema | undefined, preserveAll = false): ObjectType {
  const root: Schema = schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const name = modelName(of);
  const inner = structure(name, root, true);
  return {
    ...inner,
    preserveUnknown: inner.preserveUnknown || preserveAll,
    published: { v3: publishedSchema(of, root, "v3"), v2: publishedSchema(of, preserveAll || schema === undefined ? { type: "object" } : root, "v2") },
  };
}

function structure(name: string, schema: Schema, resource: boolean): ObjectType {
  const required = new Set(schema.required ?? []);
  const fields = new Map<string, Field>();
  if (resource) for (const field of resourceFields()) fields.set(field.name, field);
  for (const [property, of] of propertiesOf(schema)) {
    if (resource && fields.has(property)) continue;
    fields.set(property, {
      name: property,
      type: fieldType(`${name}.${property}`, of),
      number: undefined,
      required: required.has(property),
      ...(of.default === undefined ? {} : { default: of.default }),
      ...(of.nullable === true ? { nullable: true } : {}),
    });
  }
  return { name, fields, atomic: schema["x-kubernetes-map-type"] === "atomic", preserveUnknown: preserves(schema), custom: true };
}

/** A null in them is judged where they are decoded. */
function resourceFields(): readonly Field[] {
  const metadata: FieldType = { kind: "object", type: types().get("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") };
  return [
    { name: "apiVersion", type: text, number: undefined, required: false, nullable: true },
    { name: "kind", type: text, number: undefined, required: false, nullable: true },
    { name: "metadata", type: metadata, number: undefined, required: false, nullable: true },
  ];
}

function fieldType(name: string, schema: Schema): FieldType {
  if (isIntOrString(schema)) return { kind: "special", special: "IntOrString" };
  switch (schema.type) {
    case "object":
      return objectField(name, schema);
    case "array": {
      const items = itemsOf(schema);
      return { kind: "list", items: items === undefined ? anything : fieldType(name, items), list: listMerge(schema) };
    }
    case "string":
      return text;
    case "integer":
      return { kind: "scalar", scalar: "int64" };
    case "number":
      return { kind: "scalar", scalar: "double" };
    case "boolean":
      return { kind: "scalar", scalar: "boolean" };
    default:
      // without a type only x-kubernetes-preserve-unknown-fields is structural
      return schema.properties === undefined ? anything : objectField(name, { ...schema, "x-kubernetes-preserve-unknown-fields": true });
  }
}

function objectField(name: string, schema: Schema): FieldType {
  const values = valuesOf(schema);
  if (values !== undefined && schema.properties === undefined && !isEmbedded(schema)) {
    const nullable = values === true || values.nullable === true;
    return { kind: "map", values: values === true ? anything : fieldType(name, values), atomic: schema["x-kubernetes-map-type"] === "atomic", ...(nullable ? { nullable } : {}) };
  }
  return { kind: "object", type: structure(name, schema, isEmbedded(schema)) };
}

function listMerge(schema: Schema): ListMerge {
  switch (schema["x-kubernetes-list-type"]) {
    case "set":
      return { type: "set" };
    case "map":
      return { type: "map", keys: schema["x-kubernetes-list-map-keys"] ?? [] };
    case "atomic":
      return { type: "atomic" };
    default:
      return { type: "atomic", implied: true };
  }
}
