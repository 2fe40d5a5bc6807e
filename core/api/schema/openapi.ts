/**
 * OpenAPI schemas from the table: version 3 components and version 2 definitions. kubectl validates, explains and merges
 * by them, so required, defaults, list types and merge keys must be what Kubernetes publishes; descriptions are left out.
 */
import type { Kind } from "../kinds.ts";
import { types } from "./facts.ts";
import { listTypeOf } from "./list-type.ts";
import type { Field, FieldType, ObjectType, Special } from "./schema.ts";

type Schema = { readonly [keyword: string]: unknown };

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const apiextensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

/** The model of a special type, and its schema in both versions of OpenAPI. */
const specials: { readonly [special in Special]: { readonly model: string; readonly v3: Schema; readonly v2: Schema } } = {
  Time: both(`${meta}.Time`, { type: "string", format: "date-time" }),
  MicroTime: both(`${meta}.MicroTime`, { type: "string", format: "date-time" }),
  Duration: both(`${meta}.Duration`, { type: "string" }),
  Quantity: {
    model: "io.k8s.apimachinery.pkg.api.resource.Quantity",
    v3: { oneOf: [{ type: "string" }, { type: "number" }] },
    v2: { type: "string" },
  },
  IntOrString: {
    model: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    v3: { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
    v2: { type: "string", format: "int-or-string" },
  },
  FieldsV1: both(`${meta}.FieldsV1`, { type: "object" }),
  RawExtension: both("io.k8s.apimachinery.pkg.runtime.RawExtension", { type: "object" }),
  JSON: both(`${apiextensions}.JSON`, {}),
};

function both(model: string, schema: Schema) {
  return { model, v3: schema, v2: schema };
}

/** How one version of OpenAPI writes references. */
interface Dialect {
  readonly prefix: string;
  readonly special: "v3" | "v2";
}

const v3: Dialect = { prefix: "#/components/schemas/", special: "v3" };
const v2: Dialect = { prefix: "#/definitions/", special: "v2" };

/** `components.schemas` of the OpenAPI v3 document of a group-version: the given kinds, their lists and all they use. */
export function componentSchemas(kinds: readonly Kind[]): Record<string, unknown> {
  return schemasOf(kinds, v3);
}

/** `definitions` of the OpenAPI v2 document. */
export function definitions(kinds: readonly Kind[]): Record<string, unknown> {
  return schemasOf(kinds, v2);
}

interface Gvk {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

function schemasOf(kinds: readonly Kind[], dialect: Dialect): Record<string, unknown> {
  const found = new Map<string, Schema>();
  const gvks = gvksOf(kinds);
  const waiting = rootsOf(kinds);
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    if (!found.has(type.name)) found.set(type.name, objectSchema(types().has(type.name) ? types().get(type.name) : type, gvks.get(type.name)));
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));

  function objectSchema(type: ObjectType, names: readonly Gvk[] | undefined): Schema {
    if (type.published !== undefined) {
      waiting.push(types().get(`${meta}.ObjectMeta`));
      return type.published[dialect.special] as Schema;
    }
    const fields = [...type.fields.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const required = [...type.fields.values()].filter((field) => field.required).map((field) => field.name);
    return {
      type: "object",
      ...(required.length === 0 ? {} : { required }),
      ...(fields.length === 0 ? {} : { properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(type, field)])) }),
      ...(names === undefined ? {} : { "x-kubernetes-group-version-kind": names }),
      ...(type.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
    };
  }

  function fieldSchema(owner: ObjectType, field: Field): Schema {
    const { type } = field;
    const extensions: Schema = {
      ...(type.kind === "list" ? listExtensions(type) : {}),
      ...(type.kind === "map" && type.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
      ...(type.kind === "object" ? wholeExtension(type.type) : {}),
      ...(field.patchMergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": field.patchMergeKey }),
      ...(field.patchStrategy === undefined ? {} : { "x-kubernetes-patch-strategy": field.patchStrategy }),
    };
    const preset = defaultOf(field);
    const beside: Schema = { ...(preset === undefined ? {} : { default: preset }), ...extensions };
    const schema: Schema = typeSchema(type, field.enum);
    // a reference allows nothing beside it in OpenAPI 3.0
    return "$ref" in schema && dialect === v3 && (preset !== undefined || Object.keys(extensions).length > 0 || isDescribed(owner, field))
      ? { ...beside, allOf: [schema] }
      : { ...schema, ...beside };
  }

  function typeSchema(type: FieldType, values: readonly string[] | undefined): Schema {
    switch (type.kind) {
      case "scalar":
        return { ...scalars[type.scalar], ...(values === undefined ? {} : { enum: values.toSorted() }) };
      case "special":
        return reference(specialModel(type));
      case "object":
        waiting.push(type.type);
        return reference(type.type.name);
      case "list":
        return { type: "array", items: typeSchema(type.items, values) };
      case "map":
        return { type: "object", additionalProperties: typeSchema(type.values, values) };
    }
  }

  function specialModel(type: FieldType & { kind: "special" }): string {
    const model = type.model === undefined ? specials[type.special].model : `${apiextensions}.${type.model}`;
    found.set(model, specials[type.special][dialect.special]);
    return model;
  }

  function reference(model: string): Schema {
    return { $ref: `${dialect.prefix}${model}` };
  }
}

/** Kubernetes wraps references in allOf where a description stands beside them; one type has nearly none. */
const isDescribed = (owner: ObjectType, field: Field) => owner.name !== `${apiextensions}.JSONSchemaProps` || field.name === "default";

const scalars: { readonly [scalar: string]: Schema } = {
  string: { type: "string" },
  bytes: { type: "string", format: "byte" },
  boolean: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
};

function listExtensions(type: FieldType & { kind: "list" }): Schema {
  if (type.list.type === "map") return { "x-kubernetes-list-map-keys": type.list.keys, "x-kubernetes-list-type": "map" };
  return type.list.type === "atomic" && type.list.implied === true ? {} : { "x-kubernetes-list-type": type.list.type };
}

/** A field may say otherwise than the structure it holds. */
function wholeExtension(type: ObjectType): Schema {
  const own = types().has(type.name) ? types().get(type.name).atomic : type.atomic;
  return type.atomic === own ? {} : { "x-kubernetes-map-type": type.atomic ? "atomic" : "granular" };
}

/** A marker's default; else Go's zero value where a field that is no pointer is always there. */
function defaultOf(field: Field): unknown {
  if (field.default !== undefined) return field.default;
  if (field.empty === "zero" && field.type.kind === "object") return {};
  if (field.empty === "zero" && field.type.kind === "scalar") return zeros[field.type.scalar];
  return undefined;
}

const zeros: { readonly [scalar: string]: unknown } = { string: "", boolean: false, int32: 0, int64: 0, double: 0 };

function rootsOf(kinds: readonly Kind[]): ObjectType[] {
  const roots: ObjectType[] = [];
  for (const kind of kinds) {
    roots.push(kind.schema);
    if (kind.verbs.includes("list")) roots.push(listTypeOf(kind.schema));
    for (const { kind: other } of kind.subresources) {
      const model = other === undefined ? undefined : modelOfSubresource(other);
      if (model !== undefined) roots.push(types().get(model));
    }
  }
  if (kinds.some((kind) => kind.verbs.includes("delete"))) roots.push(types().get(`${meta}.DeleteOptions`), types().get(`${meta}.Status`));
  if (kinds.some((kind) => kind.verbs.includes("watch"))) roots.push(types().get(`${meta}.WatchEvent`));
  roots.push(types().get(`${meta}.APIResourceList`));
  return roots;
}

function modelOfSubresource(of: Gvk): string | undefined {
  const model = `io.k8s.api.${of.group === "" ? "core" : (of.group.split(".")[0] ?? "")}.${of.version}.${of.kind}`;
  return types().has(model) ? model : undefined;
}

function gvksOf(kinds: readonly Kind[]): Map<string, readonly Gvk[]> {
  const gvks = new Map<string, readonly Gvk[]>();
  for (const { group, version, kind, schema, subresources } of kinds) {
    gvks.set(schema.name, [{ group, kind, version }]);
    gvks.set(`${schema.name}List`, [{ group, kind: `${kind}List`, version }]);
    for (const { kind: other } of subresources) {
      const model = other === undefined ? undefined : modelOfSubresource(other);
      if (other !== undefined && model !== undefined) gvks.set(model, [{ group: other.group, kind: other.kind, version: other.version }]);
    }
  }
  const versions = new Map(kinds.map(({ group, version }) => [`${group}/${version}`, { group, version }]));
  for (const kind of ["DeleteOptions", "WatchEvent"]) {
    const own = [...versions.values()].filter(({ group }) => group !== "").map(({ group, version }) => ({ group, kind, version }));
    gvks.set(`${meta}.${kind}`, [{ group: "", kind, version: "v1" }, ...own]);
  }
  gvks.set(`${meta}.Status`, [{ group: "", kind: "Status", version: "v1" }]);
  gvks.set(`${meta}.APIResourceList`, [{ group: "", kind: "APIResourceList", version: "v1" }]);
  return gvks;
}
