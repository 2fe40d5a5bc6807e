/**
 * What OpenAPI says about a custom resource, as Kubernetes publishes it: the schema itself with apiVersion, kind and
 * metadata filled in. Version 2 knows neither nullable nor oneOf, so clients get less there instead of something wrong.
 */
import { isObject } from "../../api/json.ts";
import { isEmbedded, isIntOrString, preserves, type Schema } from "../schema/json-schema.ts";
import type { Named } from "./object-type.ts";

type Json = { [keyword: string]: unknown };

const META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const VERSION_TEXT =
  "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND_TEXT =
  "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA_TEXT = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

export function publishedSchema(of: Named, schema: Schema, dialect: "v3" | "v2"): object {
  const made = convert(schema, dialect);
  const properties = {
    apiVersion: { type: "string", description: VERSION_TEXT },
    kind: { type: "string", description: KIND_TEXT },
    metadata: metadata(dialect),
  };
  const all = { ...(isObject(made["properties"]) ? made["properties"] : {}), ...properties };
  return { ...made, type: "object", properties: all, "x-kubernetes-group-version-kind": [{ group: of.group, kind: of.kind, version: of.version }] };
}

function metadata(dialect: "v3" | "v2"): Json {
  if (dialect === "v2") return { $ref: `#/definitions/${META}`, description: METADATA_TEXT };
  return { allOf: [{ $ref: `#/components/schemas/${META}` }], description: METADATA_TEXT };
}

/** Keywords that OpenAPI v2 does not have. */
const LATER: ReadonlySet<string> = new Set(["oneOf", "anyOf", "not", "nullable"]);

function convert(schema: Schema, dialect: "v3" | "v2"): Json {
  const made: Json = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (dialect === "v2" && LATER.has(keyword)) continue;
    made[keyword] = convertKeyword(keyword, value, dialect);
  }
  if (dialect === "v2") {
    // kubectl would refuse what it believes to be of one type, or drop what it does not see
    if (schema.nullable === true) for (const keyword of ["type", "items", "properties", "additionalProperties"]) delete made[keyword];
    if (preserves(schema)) for (const keyword of ["items", "properties"]) delete made[keyword];
    if (isIntOrString(schema)) delete made["type"];
  }
  if (isEmbedded(schema)) {
    made["properties"] = { ...(isObject(made["properties"]) ? made["properties"] : {}), metadata: metadata(dialect) };
  }
  return made;
}

function convertKeyword(keyword: string, value: unknown, dialect: "v3" | "v2"): unknown {
  switch (keyword) {
    case "properties":
    case "patternProperties":
    case "definitions":
      return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, convert(each as Schema, dialect)])) : value;
    case "items":
    case "additionalProperties":
    case "not":
      return isObject(value) ? convert(value as Schema, dialect) : value;
    case "allOf":
    case "anyOf":
    case "oneOf":
      return Array.isArray(value) ? value.map((each) => convert(each as Schema, dialect)) : value;
    default:
      return value;
  }
}
