/**
 * Custom resources are decoded leniently: fields that the schema does not know are dropped and named, all other values
 * stay as they came, nulls and wrong types too, because validation by the schema judges them, all at once and in its own
 * words. Only metadata is read strictly, as it is a structure of the API machinery.
 */
import { isObject } from "../json.ts";
import { badRequest } from "../status.ts";
import type { Decoded } from "./decode.ts";
import { MAX_OBJECTS, MAX_PROBLEMS, pathText, setField } from "./parse-json.ts";
import type { FieldType, ObjectType } from "./schema.ts";

type JsonObject = { [field: string]: unknown };

interface Pruning {
  readonly problems: string[];
  readonly path: (string | number)[];
  readonly strict: (type: ObjectType, value: unknown) => Decoded;
  objects: number;
}

/** `strict` decodes the built-in structures inside. @throws ApiError "BadRequest" */
export function decodeCustom(type: ObjectType, value: unknown, strict: Pruning["strict"]): Decoded {
  if (!isObject(value)) throw badRequest("json: cannot unmarshal into a custom resource: not an object");
  const pruning: Pruning = { problems: [], path: [], strict, objects: 0 };
  return { value: pruneObject(pruning, type, value), problems: pruning.problems };
}

function pruneObject(pruning: Pruning, type: ObjectType, value: JsonObject): JsonObject {
  if (++pruning.objects > MAX_OBJECTS) throw badRequest(`the body holds more than ${MAX_OBJECTS} objects`);
  if (type.custom !== true) return strictly(pruning, type, value);
  const kept: JsonObject = {};
  for (const name of sortedKeys(value)) {
    const field = type.fields.get(name);
    // a null says nothing where it is not allowed; where there is a default it takes its place
    if (field !== undefined && value[name] === null && field.nullable !== true && field.default === undefined) continue;
    if (field !== undefined) setField(kept, name, inside(pruning, name, field.type, value[name]));
    else if (type.preserveUnknown) setField(kept, name, value[name]);
    else if (pruning.problems.length < MAX_PROBLEMS) pruning.problems.push(`unknown field "${pathText([...pruning.path, name])}"`);
  }
  return kept;
}

function inside(pruning: Pruning, at: string | number, type: FieldType, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  pruning.path.push(at);
  const pruned = prune(pruning, type, value);
  pruning.path.pop();
  return pruned;
}

function prune(pruning: Pruning, type: FieldType, value: object): unknown {
  if (keepsAll(type)) return type.kind === "object" && isObject(value) ? pruneObject(pruning, type.type, value) : value;
  if (Array.isArray(value)) return value.map((each: unknown, index) => inside(pruning, index, type.kind === "list" ? type.items : misplaced, each));
  if (type.kind === "object") return pruneObject(pruning, type.type, value as JsonObject);
  if (type.kind !== "map") return pruneObject(pruning, nothing, value as JsonObject);
  const map: JsonObject = {};
  for (const [key, each] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (each !== null || type.nullable === true) setField(map, key, inside(pruning, key, type.values, each));
  }
  return map;
}

const keepsAll = (type: FieldType) => (type.kind === "special" && type.special === "JSON") || (type.kind === "object" && type.type.preserveUnknown);

/** Where the schema expects no object, no field of one is known. */
const nothing: ObjectType = { name: "", fields: new Map(), atomic: false, preserveUnknown: false, custom: true };
const misplaced: FieldType = { kind: "object", type: nothing };

function strictly(pruning: Pruning, type: ObjectType, value: JsonObject): JsonObject {
  const { value: decoded, problems } = pruning.strict(type, value);
  for (const problem of problems) {
    if (pruning.problems.length >= MAX_PROBLEMS) break;
    const field = /^unknown field "(.*)"$/.exec(problem)?.[1];
    pruning.problems.push(field === undefined ? problem : `unknown field "${pathText(pruning.path)}.${field}"`);
  }
  return decoded;
}

function sortedKeys(value: JsonObject): readonly string[] {
  const keys = Object.keys(value);
  return keys.length < 2 ? keys : keys.toSorted((a, b) => (a < b ? -1 : 1));
}
