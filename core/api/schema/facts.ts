/**
 * Reads the generated table of facts. A type is parsed when first asked for, so starting costs one JSON.parse and a
 * process pays only for the kinds it meets. One text per field:
 *
 *     <protobuf numbers> <type><presence> [list] [patch:strategy:key] [enum:A|B] [go:type] [default:json]
 *
 * - numbers: "6", "2.1" (field 1 of the embedded structure 2), "-" none
 * - type: a scalar, a special, a type of the same package, a full model name; "[]" list, "{}" map, "*" pointer before it
 * - presence: "?" omitempty, "!" omitzero, "~" optional without omitempty, "+" required in spite of it
 * - list: "map:key,key", "set", "atomic"; of maps and structures "atomic" or "granular"
 */
import table from "./facts.gen.json" with { type: "json" };
import type { Field, FieldType, ListMerge, ObjectType, Scalar, Special } from "./schema.ts";

export interface FactTable {
  readonly [prefix: string]: { readonly [type: string]: { readonly [field: string]: string } };
}

export interface Types {
  /** the type of an OpenAPI model name ("io.k8s.api.core.v1.Pod"); throws where there is none */
  get(model: string): ObjectType;
  has(model: string): boolean;
  /** every model name */
  names(): readonly string[];
}

const scalars: ReadonlySet<string> = new Set<Scalar>(["string", "boolean", "int32", "int64", "double", "bytes"]);
const specials: ReadonlySet<string> = new Set<Special>([
  "Time",
  "MicroTime",
  "Duration",
  "Quantity",
  "IntOrString",
  "FieldsV1",
  "RawExtension",
  "JSON",
]);

/** `base`: where types of other tables are found ("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") */
export function factTypes(facts: FactTable, base?: () => Types): Types {
  const parsed = new Map<string, ObjectType>();

  function textsOf(model: string): { home: string; texts: { readonly [field: string]: string } } | undefined {
    const dot = model.lastIndexOf(".");
    const home = model.slice(0, dot);
    const texts = facts[home]?.[model.slice(dot + 1)];
    return texts === undefined ? undefined : { home, texts };
  }

  function get(model: string): ObjectType {
    const known = parsed.get(model);
    if (known !== undefined) return known;
    const found = textsOf(model);
    if (found === undefined && base !== undefined) return base().get(model);
    if (found === undefined) throw new Error(`no type "${model}" in the schema table`);
    const type = lazyType(model, found.texts[""] === "atomic", () => {
      const fields = new Map<string, Field>();
      for (const [name, text] of Object.entries(found.texts)) {
        if (name !== "") fields.set(name, parseField(name, text, (each) => parseType(each, found.home)));
      }
      return fields;
    });
    parsed.set(model, type);
    return type;
  }

  function parseType(text: string, home: string): FieldType {
    if (text.startsWith("[]")) return { kind: "list", items: parseType(text.slice(2), home), list: { type: "atomic", implied: true } };
    if (text.startsWith("{}")) return { kind: "map", values: parseType(text.slice(2), home), atomic: false };
    if (isScalar(text)) return { kind: "scalar", scalar: text };
    const [special = "", model] = text.split(":");
    if (isSpecial(special)) return model === undefined ? { kind: "special", special } : { kind: "special", special, model };
    return { kind: "object", type: get(text.includes(".") ? text : `${home}.${text}`) };
  }

  return {
    get,
    has: (model) => textsOf(model) !== undefined,
    names: () => Object.entries(facts).flatMap(([home, texts]) => Object.keys(texts).map((name) => `${home}.${name}`)),
  };
}

const isScalar = (text: string): text is Scalar => scalars.has(text);
const isSpecial = (text: string): text is Special => specials.has(text);

/** An ObjectType whose fields are made at first use; types refer to each other in circles. */
function lazyType(name: string, atomic: boolean, make: () => ReadonlyMap<string, Field>): ObjectType {
  let fields: ReadonlyMap<string, Field> | undefined;
  return {
    name,
    atomic,
    preserveUnknown: false,
    get fields() {
      fields ??= make();
      return fields;
    },
  };
}

function parseField(name: string, text: string, typeOf: (text: string) => FieldType): Field {
  const defaultAt = text.indexOf(" default:");
  const [numbers = "", typeText = "", ...words] = (defaultAt < 0 ? text : text.slice(0, defaultAt)).split(" ");
  const pointer = typeText.startsWith("*");
  const [, bare = "", presence = ""] = /^\*?(.*?)([?!~+]*)$/.exec(typeText) ?? [];
  const path = numbers === "-" ? [] : numbers.split(".").map(Number);
  const omitEmpty = presence.includes("?");
  const word = (prefix: string) => words.find((each) => each.startsWith(prefix))?.slice(prefix.length);
  const [patchStrategy, patchMergeKey] = word("patch:")?.split(":") ?? [];
  const values = word("enum:")?.replaceAll("%20", " ").split("|");
  const goType = word("go:");
  const type = withMerge(typeOf(bare), words);
  const empty = emptyRule(type, { pointer, omitEmpty, omitZero: presence.includes("!") });
  return {
    name,
    type,
    number: path.at(-1),
    required: presence.includes("+") || !/[?~]/.test(presence),
    ...(defaultAt < 0 ? {} : { default: JSON.parse(text.slice(defaultAt + " default:".length)) as unknown }),
    ...(values === undefined ? {} : { enum: values }),
    ...(isPatchStrategy(patchStrategy) ? { patchStrategy } : {}),
    ...(patchMergeKey === undefined ? {} : { patchMergeKey }),
    ...(path.length > 1 ? { within: path.slice(0, -1) } : {}),
    ...(empty === undefined ? {} : { empty }),
    ...(goType === undefined ? {} : { goType }),
  };
}

const isPatchStrategy = (text: string | undefined): text is NonNullable<Field["patchStrategy"]> =>
  text === "merge" || text === "replace" || text === "retainKeys" || text === "merge,retainKeys";

function withMerge(type: FieldType, words: readonly string[]): FieldType {
  const atomic = words.includes("atomic");
  if (type.kind === "list") {
    const keys = words.find((word) => word.startsWith("map:"))?.slice("map:".length).split(",");
    return { ...type, list: listMerge(keys, words) };
  }
  if (type.kind === "map") return { ...type, atomic };
  if (type.kind === "object" && (atomic ? !type.type.atomic : type.type.atomic && words.includes("granular"))) {
    const whole = type.type;
    return { kind: "object", type: lazyType(whole.name, atomic, () => whole.fields) };
  }
  return type;
}

function listMerge(keys: readonly string[] | undefined, words: readonly string[]): ListMerge {
  if (keys !== undefined) return { type: "map", keys };
  if (words.includes("set")) return { type: "set" };
  return words.includes("atomic") ? { type: "atomic" } : { type: "atomic", implied: true };
}

/** encoding/json: a structure is never empty, a nil slice or map is null. */
function emptyRule(type: FieldType, is: { pointer: boolean; omitEmpty: boolean; omitZero: boolean }): Field["empty"] {
  if (is.pointer) return is.omitEmpty || is.omitZero ? undefined : "null";
  if (is.omitZero) return "omit";
  const structure = type.kind === "object" || type.kind === "special";
  if (is.omitEmpty && !structure) return "omit";
  if (type.kind === "object" || (type.kind === "scalar" && type.scalar !== "bytes")) return "zero";
  if (type.kind === "special" && (type.special === "Quantity" || type.special === "IntOrString" || type.special === "Duration")) return "zero";
  return "null";
}

const builtIn = factTypes(table);

/** The types of the Kubernetes API. */
export function types(): Types {
  return builtIn;
}
