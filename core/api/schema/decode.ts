/**
 * A parsed JSON value becomes an object of its type: types are checked, unknown fields dropped and named, values brought
 * into the one form that is stored (fields in declaration order, map keys sorted, empty values as Go's encoder writes
 * them, canonical quantities and times). Errors have the words of Go's decoder, which users and tools know.
 *
 * The first wrong value ends the work, in the order of the document; unknown fields are all collected.
 */
import { isObject } from "../json.ts";
import { badRequest } from "../status.ts";
import { decodeCustom } from "./decode-custom.ts";
import { types } from "./facts.ts";
import { MAX_OBJECTS, MAX_PROBLEMS, pathText, setField } from "./parse-json.ts";
import { canonicalQuantity } from "./quantity-text.ts";
import type { Field, FieldType, ObjectType, Special } from "./schema.ts";
import { canonicalTime } from "./time-text.ts";

export interface Decoded {
  readonly value: { readonly [field: string]: unknown };
  /** `unknown field "spec.foo"`, in the order of the document */
  readonly problems: readonly string[];
}

/**
 * Throws BadRequest: `json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool`.
 * `before`: a decoded object of this type; what `value` shares with it is taken as it is.
 */
export function decodeValue(type: ObjectType, value: unknown, before?: unknown): Decoded {
  return decodeIn("json", type, value, before);
}

/** The same in the words of Go's conversion from untyped maps, which what a strategic merge patch made goes through. */
export function decodeMap(type: ObjectType, value: unknown, before?: unknown): Decoded {
  return decodeIn("map", type, value, before);
}

function decodeIn(words: Decoder["words"], type: ObjectType, value: unknown, before: unknown): Decoded {
  if (type.custom === true) return decodeCustom(type, value, decodeValue);
  const problems: string[] = [];
  const decoder: Decoder = { words, problems, path: [], fields: [], objects: 0 };
  return { value: decodeObject(decoder, type, value, { owner: "", goType: undefined }, before), problems };
}

interface Decoder {
  readonly words: "json" | "map";
  readonly problems: string[];
  /** of the document, for unknown fields */
  readonly path: (string | number)[];
  /** field names alone, as Go's errors show them */
  readonly fields: string[];
  objects: number;
}

/** Where a value stands: the Go structure around it and its Go type, when that has a name. */
interface Place {
  readonly owner: string;
  readonly goType: string | undefined;
}

type JsonObject = { [field: string]: unknown };

function decodeObject(decoder: Decoder, type: ObjectType, value: unknown, place: Place, before?: unknown): JsonObject {
  if (!isObject(value)) throw mismatch(decoder, { kind: "object", type }, value, place);
  if (++decoder.objects > MAX_OBJECTS) throw badRequest(`the body holds more than ${MAX_OBJECTS} objects`);
  const owner = type.name.slice(type.name.lastIndexOf(".") + 1);
  const given: JsonObject = {};
  let extra: JsonObject | undefined;
  const known = isObject(before) ? before : undefined;
  for (const name of namesOf(decoder, type, value)) {
    const field = type.fields.get(name);
    if (field === undefined) {
      if (type.preserveUnknown) setField((extra ??= {}), name, value[name]);
      else if (decoder.problems.length < MAX_PROBLEMS) decoder.problems.push(`unknown field "${pathText([...decoder.path, name])}"`);
      continue;
    }
    const each = value[name];
    if (each === null) continue;
    const last = known?.[name];
    if (each === last && typeof each === "object") {
      given[name] = each;
      continue;
    }
    const depth = decoder.fields.length;
    decoder.path.push(name);
    if (field.within !== undefined) decoder.fields.push(...embeddedIn(owner, field.within.length));
    decoder.fields.push(name);
    given[name] = decodeField(decoder, field.type, each, { owner, goType: field.goType }, last);
    decoder.path.pop();
    decoder.fields.length = depth;
  }
  const object: JsonObject = {};
  for (const field of type.fields.values()) {
    const each = given[field.name] === undefined ? absent(field) : given[field.name];
    if (each === undefined || (field.empty === "omit" && isEmpty(each) && !isReset(field, each))) continue;
    object[field.name] = each;
  }
  if (extra !== undefined) for (const name of Object.keys(extra)) setField(object, name, extra[name]);
  return object;
}

/** An empty list of owners is a wish, to forget them all, and not the same as none. */
const isReset = (field: Field, value: unknown) => field.name === "managedFields" && Array.isArray(value);

/** The conversion from maps names what it does not know first, and sorted. */
function namesOf({ words }: Decoder, { fields }: ObjectType, value: JsonObject): readonly string[] {
  const names = Object.keys(value);
  if (words === "json" || names.every((name) => fields.has(name))) return names;
  return [...names.filter((name) => !fields.has(name)).toSorted(), ...names.filter((name) => fields.has(name))];
}

/** Structures that are written into another one; Go's errors name them, clients see nothing of them. */
const EMBEDDED: { readonly [owner: string]: readonly string[] } = {
  DeviceAllocationConfiguration: ["DeviceConfiguration"],
  DeviceClaimConfiguration: ["DeviceConfiguration"],
  DeviceClassConfiguration: ["DeviceConfiguration"],
  EphemeralContainer: ["EphemeralContainerCommon"],
  IngressRule: ["IngressRuleValue"],
  NamedRuleWithOperations: ["RuleWithOperations", "Rule"],
  PersistentVolumeSpec: ["PersistentVolumeSource"],
  Probe: ["ProbeHandler"],
  RuleWithOperations: ["Rule"],
  Volume: ["VolumeSource"],
};
const REFERENCE = ["LocalObjectReference"];

const embeddedIn = (owner: string, depth: number): readonly string[] => (EMBEDDED[owner] ?? REFERENCE).slice(0, depth);

/** What Go's encoder writes for a field that is not there. */
function absent(field: Field): unknown {
  if (field.empty === "zero") return zeroOf(field.type);
  return field.empty === "null" ? null : undefined;
}

function zeroOf(type: FieldType): unknown {
  switch (type.kind) {
    case "scalar":
      return { string: "", bytes: null, boolean: false, int32: 0, int64: 0, double: 0 }[type.scalar];
    case "object": {
      const object: JsonObject = {};
      for (const field of type.type.fields.values()) {
        const each = absent(field);
        if (each !== undefined) object[field.name] = each;
      }
      return object;
    }
    case "special":
      return { Quantity: "0", IntOrString: 0, Duration: "0s", Time: null, MicroTime: null, FieldsV1: null, RawExtension: null, JSON: null }[
        type.special
      ];
    case "list":
    case "map":
      return null;
  }
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false || value === null;
}

function decodeField(decoder: Decoder, type: FieldType, value: unknown, place: Place, before?: unknown): unknown {
  switch (type.kind) {
    case "object":
      return decodeObject(decoder, type.type, value, place, before);
    case "list": {
      if (!Array.isArray(value)) throw mismatch(decoder, type, value, place);
      const items: Place = { owner: place.owner, goType: place.goType?.replace(/^\[\]/, "") };
      return value.map((each: unknown, index) => {
        if (each === null) return zeroOf(type.items);
        decoder.path.push(index);
        const item = decodeField(decoder, type.items, each, items);
        decoder.path.pop();
        return item;
      });
    }
    case "map": {
      if (!isObject(value)) throw mismatch(decoder, type, value, place);
      const values: Place = { owner: place.owner, goType: place.goType?.startsWith("map[") ? place.goType.replace(/^map\[[^\]]*\]/, "") : undefined };
      const map: JsonObject = {};
      for (const key of Object.keys(value)) {
        decoder.path.push(key);
        setField(map, key, value[key] === null ? zeroOf(type.values) : decodeField(decoder, type.values, value[key], values));
        decoder.path.pop();
      }
      return sorted(map);
    }
    case "scalar":
      return decodeScalar(decoder, type, value, place);
    case "special":
      return decodeSpecial(decoder, type, value, place);
  }
}

function sorted(map: JsonObject): JsonObject {
  const keys = Object.keys(map);
  if (keys.every((key, index) => index === 0 || (keys[index - 1] ?? "") < key)) return map;
  const result: JsonObject = {};
  for (const key of keys.toSorted((a, b) => (a < b ? -1 : 1))) setField(result, key, map[key]);
  return result;
}

const MAX_INT32 = 2 ** 31 - 1;

function decodeScalar(decoder: Decoder, type: FieldType & { kind: "scalar" }, value: unknown, place: Place): unknown {
  switch (type.scalar) {
    case "string":
      if (typeof value === "string") return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      break;
    case "double":
      if (typeof value === "number") return value;
      break;
    case "int32":
    case "int64":
      if (typeof value !== "number") break;
      if (Number.isInteger(value) && (type.scalar === "int64" ? Math.abs(value) <= 2 ** 63 : value <= MAX_INT32 && value >= -MAX_INT32 - 1)) {
        return value;
      }
      throw mismatch(decoder, type, value, place, `number ${numberText(value)}`);
    case "bytes":
      if (typeof value === "string") return canonicalBase64(value);
      if (Array.isArray(value) && decoder.words === "json") return bytesOf(decoder, value, place);
      break;
  }
  throw mismatch(decoder, type, value, place);
}

/** from here on JSON writes exponents */
const LARGEST_PLAIN = 1e21;
const numberText = (value: number) => (Number.isInteger(value) && Math.abs(value) < LARGEST_PLAIN ? BigInt(value).toString() : String(value));

/** Go reads bytes from a list of numbers, too. */
function bytesOf(decoder: Decoder, list: readonly unknown[], place: Place): string {
  const bytes = list.map((each) => {
    if (typeof each === "number" && Number.isInteger(each) && each >= 0 && each <= 255) return each;
    throw mismatch(decoder, { kind: "scalar", scalar: "bytes" }, each, { ...place, goType: "uint8" }, typeof each === "number" ? `number ${numberText(each)}` : kindOf(each));
  });
  return Buffer.from(bytes).toString("base64");
}

function canonicalBase64(text: string): string {
  const bare = text.replace(/[\r\n]/g, "");
  const good = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?/.exec(bare)?.[0].length ?? 0;
  if (good === bare.length) return bare;
  const offset = /^[A-Za-z0-9+/]*/.exec(bare)?.[0].length ?? 0;
  throw badRequest(`illegal base64 data at input byte ${offset === bare.length ? bare.length - (bare.length % 4) : offset}`);
}

function decodeSpecial(decoder: Decoder, type: FieldType & { kind: "special" }, value: unknown, place: Place): unknown {
  switch (type.special) {
    case "Time":
    case "MicroTime":
      if (typeof value !== "string") throw mismatch(decoder, string, value, { owner: place.owner, goType: undefined });
      return canonicalTime(value, type.special === "MicroTime");
    case "Duration":
      if (typeof value !== "string") throw mismatch(decoder, string, value, { owner: place.owner, goType: undefined });
      return value;
    case "Quantity":
      if (typeof value === "number") return canonicalQuantity(String(value));
      if (typeof value !== "string") throw badRequest(quantityError);
      return canonicalQuantity(value);
    case "IntOrString":
      if (typeof value === "string") return value;
      return decodeScalar(decoder, { kind: "scalar", scalar: "int32" }, value, { owner: place.owner, goType: undefined });
    case "FieldsV1":
    case "RawExtension":
      return value;
    case "JSON":
      return decodeJson(type.model, value);
  }
}

const string: FieldType = { kind: "scalar", scalar: "string" };
const quantityError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const JSON_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/** The "one or the other" types of CRD schemas; Go reads what is inside them without strictness. */
function decodeJson(model: string | undefined, value: unknown): unknown {
  if (model === undefined) return value;
  if (isObject(value)) return decodeValue(types().get(JSON_SCHEMA), value).value;
  if (model === "JSONSchemaPropsOrArray" && Array.isArray(value)) {
    return value.map((each) => decodeValue(types().get(JSON_SCHEMA), each).value);
  }
  return value;
}

function mismatch(decoder: Decoder, type: FieldType, value: unknown, place: Place, what = kindOf(value)): Error {
  if (decoder.words === "map") return badRequest(notConverted(type, value));
  const goType = place.goType ?? goTypeOf(type);
  if (decoder.fields.length === 0) return badRequest(`json: cannot unmarshal ${what} into Go value of type ${goType}`);
  return badRequest(`json: cannot unmarshal ${what} into Go struct field ${place.owner}.${decoder.fields.join(".")} of type ${goType}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function notConverted(type: FieldType, value: unknown): string {
  const from = Array.isArray(value) ? "slice" : typeof value === "number" ? (Number.isInteger(value) ? "int64" : "float64") : isObject(value) ? "map" : kindOf(value);
  switch (type.kind) {
    case "object":
      return `cannot restore struct from: ${from}`;
    case "list":
      return `cannot restore slice from ${from}`;
    case "map":
      return `cannot restore map from ${from}`;
    default: {
      const to = type.kind === "scalar" ? goScalars[type.scalar] : goSpecials[type.special];
      // Go turns whole numbers into texts, and all numbers into each other, if one asks it to
      const convertible = typeof value === "number" && to !== "bool" && (from === "int64" || to !== "string");
      if (to === "[]uint8") return `cannot restore slice from ${from}`;
      return convertible ? `cannot convert ${from} to ${to}` : `unrecognized type: ${to}`;
    }
  }
}

const goScalars = { string: "string", boolean: "bool", int32: "int32", int64: "int64", double: "float64", bytes: "[]uint8" } as const;
const goSpecials: { readonly [special in Special]: string } = {
  Time: "v1.Time",
  MicroTime: "v1.MicroTime",
  Duration: "v1.Duration",
  Quantity: "resource.Quantity",
  IntOrString: "intstr.IntOrString",
  FieldsV1: "v1.FieldsV1",
  RawExtension: "runtime.RawExtension",
  JSON: "v1.JSON",
};

/** "v1.PodSpec", "[]v1.Container", "map[string]string" */
function goTypeOf(type: FieldType): string {
  switch (type.kind) {
    case "scalar":
      return goScalars[type.scalar];
    case "special":
      return type.model === undefined ? goSpecials[type.special] : `v1.${type.model}`;
    case "object": {
      const [name = "", version = ""] = type.type.name.split(".").toReversed();
      return `${version}.${name}`;
    }
    case "list":
      return `[]${goTypeOf(type.items)}`;
    case "map":
      return `map[string]${goTypeOf(type.values)}`;
  }
}
