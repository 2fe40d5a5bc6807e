/**
 * From Go declarations to facts: starting at the kinds that are served, follows every field and resolves names until
 * only scalars, special types and structures are left. Embedded structures are flattened as JSON does; protobuf nests
 * them, so a field remembers the numbers of the structures around it.
 */
import type { Scalar, Special } from "../../core/api/schema/schema.ts";
import type { GoField, GoPackage, GoType, Markers } from "./go-source.ts";

export type FactType =
  | { readonly kind: "scalar"; readonly scalar: Scalar }
  | { readonly kind: "special"; readonly special: Special; readonly model: string }
  | { readonly kind: "object"; readonly model: string }
  | { readonly kind: "list"; readonly items: FactType }
  | { readonly kind: "map"; readonly values: FactType };

export interface Fact {
  readonly name: string;
  /** protobuf numbers from the outermost embedded structure to the field; empty where the source has none */
  readonly numbers: readonly number[];
  readonly type: FactType;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly optional: boolean;
  /** in OpenAPI; may be so in spite of omitempty */
  readonly required: boolean;
  readonly default: string | undefined;
  readonly enum: readonly string[] | undefined;
  readonly patchStrategy: string | undefined;
  readonly patchMergeKey: string | undefined;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  /** "atomic" or "granular" of a map or structure, where the field says so */
  readonly whole: string | undefined;
  /** as Go's decoder names the type in errors, where that is a named one: "v1.PullPolicy", "[]v1.TaintEffect" */
  readonly goType: string | undefined;
}

export interface TypeFacts {
  readonly model: string;
  readonly goName: string;
  readonly atomic: boolean;
  readonly fields: readonly Fact[];
}

interface Resolved {
  readonly type: FactType;
  /** of the named type */
  readonly markers: Markers;
  /** of the type, or of what its list or map holds */
  readonly enum?: readonly string[];
}

const meta = "k8s.io/apimachinery/pkg/apis/meta/v1";
const apiextensions = "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1";

const specials: { readonly [goName: string]: Special } = {
  [`${meta}.Time`]: "Time",
  [`${meta}.MicroTime`]: "MicroTime",
  [`${meta}.Duration`]: "Duration",
  [`${meta}.FieldsV1`]: "FieldsV1",
  "k8s.io/apimachinery/pkg/api/resource.Quantity": "Quantity",
  "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "IntOrString",
  "k8s.io/apimachinery/pkg/runtime.RawExtension": "RawExtension",
  [`${apiextensions}.JSON`]: "JSON",
  [`${apiextensions}.JSONSchemaPropsOrArray`]: "JSON",
  [`${apiextensions}.JSONSchemaPropsOrBool`]: "JSON",
  [`${apiextensions}.JSONSchemaPropsOrStringArray`]: "JSON",
};

const scalars: { readonly [goName: string]: Scalar } = {
  string: "string",
  bool: "boolean",
  int32: "int32",
  int: "int64",
  int64: "int64",
  float64: "double",
};

/** Named strings outside the packages that are read. */
const foreignStrings = new Set(["k8s.io/apimachinery/pkg/types.UID", "k8s.io/apimachinery/pkg/types.NodeName", "k8s.io/apimachinery/pkg/types.PatchType"]);

export function modelOf(path: string, name: string): string {
  return `${path.replace(/^k8s\.io\//, "io.k8s.").replaceAll("/", ".")}.${name}`;
}

/** Facts of every type that `roots` reach, by model name. `read` gives the package of an import path. */
export function collectFacts(roots: readonly { path: string; name: string }[], read: (path: string) => GoPackage): Map<string, TypeFacts> {
  const types = new Map<string, TypeFacts>();
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const model = modelOf(next.path, next.name);
    if (types.has(model)) continue;
    const struct = read(next.path).structs.get(next.name);
    if (struct === undefined) throw new Error(`no structure ${next.name} in ${next.path}`);
    types.set(model, {
      model,
      goName: next.name,
      atomic: struct.markers.get("structType")?.[0] === "atomic",
      fields: struct.fields.flatMap((field) => flatten(field, [])),
    });
  }
  return types;

  function flatten(field: GoField, around: readonly number[]): readonly Fact[] {
    const numbers = field.number === undefined ? around : [...around, field.number];
    if (field.json === "" && field.jsonOptions.includes("inline")) {
      if (field.type.kind !== "name") throw new Error(`embedded ${field.type.kind}`);
      const inner = read(field.type.path).structs.get(field.type.name);
      if (inner === undefined) throw new Error(`no structure ${field.type.name} in ${field.type.path}`);
      const flat = inner.fields.flatMap((each) => flatten(each, numbers));
      // without a number the structure is not on the wire (TypeMeta, which the envelope carries)
      return field.number === undefined ? flat.map((each) => ({ ...each, numbers: [] })) : flat;
    }
    const pointer = field.type.kind === "pointer";
    const resolved = resolve(field.type.kind === "pointer" ? field.type.to : field.type);
    const has = (marker: string) => field.markers.has(marker) || field.markers.has(`k8s:${marker}`);
    const inherited = (marker: string) => field.markers.get(marker) ?? resolved.markers.get(marker);
    return [
      {
        name: field.json,
        numbers,
        type: resolved.type,
        pointer,
        omitEmpty: field.jsonOptions.includes("omitempty"),
        omitZero: field.jsonOptions.includes("omitzero"),
        optional: has("optional") || field.jsonOptions.includes("omitempty"),
        required: field.markers.has("required") || !(has("optional") || field.jsonOptions.includes("omitempty")),
        default: readDefault(field, inherited("default")?.[0]),
        enum: resolved.enum,
        patchStrategy: field.patchStrategy,
        patchMergeKey: field.patchMergeKey,
        listType: inherited("listType")?.[0],
        listMapKeys: inherited("listMapKey") ?? [],
        whole: (field.markers.get("mapType") ?? field.markers.get("structType") ?? mapMarker(resolved))?.[0],
        goType: goTypeOf(field.type),
      },
    ];
  }

  function resolve(type: GoType): Resolved {
    const none: Markers = new Map();
    switch (type.kind) {
      case "pointer":
        return resolve(type.to);
      case "slice":
        if (type.of.kind === "name" && type.of.name === "byte") return { type: { kind: "scalar", scalar: "bytes" }, markers: none };
        return inCollection(resolve(type.of), (items) => ({ kind: "list", items }));
      case "map":
        return inCollection(resolve(type.values), (values) => ({ kind: "map", values }));
      case "name":
        return resolveName(type.path, type.name);
    }
  }

  function resolveName(path: string, name: string): Resolved {
    const none: Markers = new Map();
    const full = `${path}.${name}`;
    const special = specials[full];
    if (special !== undefined) return { type: { kind: "special", special, model: modelOf(path, name) }, markers: none };
    if (path === "") {
      const scalar = scalars[name];
      if (scalar === undefined) throw new Error(`builtin ${name} is not known`);
      return { type: { kind: "scalar", scalar }, markers: none };
    }
    if (foreignStrings.has(full)) return { type: { kind: "scalar", scalar: "string" }, markers: none };
    const pack = read(path);
    const struct = pack.structs.get(name);
    if (struct !== undefined) {
      waiting.push({ path, name });
      return { type: { kind: "object", model: modelOf(path, name) }, markers: struct.markers };
    }
    const named = pack.named.get(name);
    if (named === undefined) throw new Error(`${full} is not known`);
    const under = resolve(named.type);
    const values = named.markers.has("enum") ? [...new Set(pack.constants.get(name) ?? [])].toSorted() : under.enum;
    return { type: under.type, markers: named.markers, ...(values === undefined ? {} : { enum: values }) };
  }
}

function inCollection(inner: Resolved, type: (inner: FactType) => FactType): Resolved {
  return { type: type(inner.type), markers: new Map(), ...(inner.enum === undefined ? {} : { enum: inner.enum }) };
}

/** "+default=ref(Constant)" names a constant of the package; its value is the only one of those in use. */
function readDefault(field: GoField, marker: string | undefined): string | undefined {
  const reference = /^ref\((\w+)\)$/.exec(marker ?? "");
  if (reference?.[1] === undefined) return marker;
  const known: { readonly [constant: string]: string } = { AzureSharedBlobDisk: '"Shared"', AzureDataDiskCachingReadWrite: '"ReadWrite"' };
  const value = known[reference[1]];
  if (value === undefined) throw new Error(`${field.name}: default ${marker} is not known`);
  return value;
}

/** A structure's own "+structType" is a fact of the structure; a named map's "+mapType" is one of the field. */
function mapMarker(resolved: { type: FactType; markers: Markers }): readonly string[] | undefined {
  return resolved.type.kind === "map" ? resolved.markers.get("mapType") : undefined;
}

/** Only where a named scalar, list or map is involved: the rest follows from the field's type. */
function goTypeOf(type: GoType): string | undefined {
  const text = goText(type.kind === "pointer" ? type.to : type);
  return /(^|[\]*])\w+\.\w+|map\[\w+\./.test(text) ? text : undefined;
}

function goText(type: GoType): string {
  switch (type.kind) {
    case "pointer":
      return `*${goText(type.to)}`;
    case "slice":
      return `[]${goText(type.of)}`;
    case "map":
      return `map[${type.key}]${goText(type.values)}`;
    case "name":
      return type.path === "" ? type.name : `${type.path.slice(type.path.lastIndexOf("/") + 1)}.${type.name}`;
  }
}
