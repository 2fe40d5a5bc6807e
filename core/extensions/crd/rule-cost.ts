/**
 * What a rule may cost at worst, before any object is there (KEP-2876, estimated cost): the sizes that the schema allows
 * are put into the expression. Rough where cel-go is rough, too: a definition is refused for factors, not for percents.
 */
import { isObject } from "../../api/json.ts";
import { isNode, type Node } from "../cel/ast.ts";
import { itemsOf, type Schema, valuesOf } from "../schema/json-schema.ts";
import { escapeName } from "./cel-types.ts";

/** Kubernetes' limits of one rule, and of all rules of one schema. */
export const RULE_COST_MAX = 10_000_000;
export const SCHEMA_COST_MAX = 100_000_000;
/**
 * How far beyond the limits an estimate may be: this one is coarser than cel-go's, which takes rules of well-known
 * definitions, and what a rule really costs is bounded when it runs.
 */
export const ESTIMATE_TOLERANCE = 30;
/** Bytes of the largest request: no list and no text can be longer. */
const REQUEST_BYTES = 3 * 1024 * 1024;
/** Characters of cost 1. */
const TEXT_UNIT = 0.1;
/** Costs above this are all the same. */
const COST_CAP = Number.MAX_SAFE_INTEGER;

/** How many values of this schema one request can hold as elements of a list or map. */
export function mostElements(schema: Schema): number {
  if (schema.type === "array") return schema.maxItems ?? Math.floor(REQUEST_BYTES / (leastBytes(itemsOf(schema)) + 1));
  const values = valuesOf(schema);
  return schema.maxProperties ?? Math.floor(REQUEST_BYTES / (leastBytes(values === true ? undefined : values) + 6));
}

/** No request holds more values than its bytes allow, however many lists they are nested in. */
export function mostInRequest(schema: Schema): number {
  return Math.floor(REQUEST_BYTES / (leastBytes(schema) + 1));
}

/** The shortest JSON of a value. */
function leastBytes(schema: Schema | undefined): number {
  switch (schema?.type) {
    case "boolean":
      return 4;
    case "integer":
    case "number":
      return 1;
    case "object": {
      const required = new Set(schema.required ?? []);
      const named = Object.entries(schema.properties ?? {}).filter(([name, of]) => required.has(name) && of.default === undefined);
      return 2 + named.reduce((sum, [name, of]) => sum + name.length + 4 + leastBytes(of), 0);
    }
    default:
      return 2;
  }
}

/** Length of texts, elements of lists and maps. */
function sizeOf(schema: Schema | undefined): number {
  if (schema === undefined) return REQUEST_BYTES;
  switch (schema.type) {
    case "string":
      return textSize(schema);
    case "array":
      return mostElements(schema);
    case "object":
      return valuesOf(schema) === undefined ? 1 : mostElements(schema);
    case "integer":
    case "number":
    case "boolean":
      return 1;
    default:
      return REQUEST_BYTES;
  }
}

function textSize(schema: Schema): number {
  if (schema.maxLength !== undefined) return schema.maxLength;
  const ofFormat: { readonly [format: string]: number } = { duration: 32, date: 10, "date-time": 32 };
  const longest = (schema.enum ?? []).reduce((most: number, value) => Math.max(most, typeof value === "string" ? value.length : 0), 0);
  return ofFormat[schema.format ?? ""] ?? (longest > 0 ? longest : REQUEST_BYTES);
}

type Names = ReadonlyMap<string, Schema | undefined>;

interface Estimate {
  readonly cost: number;
  readonly schema: Schema | undefined;
  readonly size: number;
}

export function ruleCost(ast: Node, self: Schema): number {
  return estimate(ast, new Map([["self", self], ["oldSelf", self]])).cost;
}

function estimate(node: Node, names: Names): Estimate {
  const inner = node.meta.alternate;
  if (inner !== undefined) return estimate(inner, names);
  switch (node.op) {
    case "value":
      return { cost: 0, schema: undefined, size: typeof node.args === "string" ? node.args.length : 1 };
    case "id": {
      const schema = names.get(String(node.args));
      return { cost: 1, schema, size: names.has(String(node.args)) ? sizeOf(schema) : 1 };
    }
    case ".":
    case ".?":
      return selection(node, names);
    case "[]":
    case "[?]": {
      const [of, index] = parts(node.args, names);
      const schema = of?.schema === undefined ? undefined : elementOf(of.schema);
      return { cost: 1 + (of?.cost ?? 0) + (index?.cost ?? 0), schema, size: sizeOf(schema) };
    }
    case "comprehension":
      return comprehension(node, names);
    case "==":
    case "!=":
      return comparison(node, names);
    case "?:": {
      const [condition, yes, no] = parts(node.args, names);
      const more = (yes?.cost ?? 0) >= (no?.cost ?? 0) ? yes : no;
      return { cost: (condition?.cost ?? 0) + (more?.cost ?? 0), schema: yes?.schema, size: Math.max(yes?.size ?? 1, no?.size ?? 1) };
    }
    default:
      return operation(node, names);
  }
}

const parts = (args: unknown, names: Names): readonly Estimate[] =>
  (Array.isArray(args) ? (args as unknown[]).flat(2) : [args]).filter(isNode).map((each) => estimate(each, names));

function elementOf(schema: Schema): Schema | undefined {
  if (schema.type === "array") return itemsOf(schema);
  const values = valuesOf(schema);
  return values === true ? undefined : values;
}

const propertyOf = (schema: Schema, name: string) => Object.entries(schema.properties ?? {}).find(([property]) => escapeName(property) === name)?.[1];

function selection(node: Node, names: Names): Estimate {
  const [of] = parts(node.args, names);
  const name = Array.isArray(node.args) ? String(node.args[1]) : "";
  const schema = of?.schema === undefined ? undefined : (propertyOf(of.schema, name) ?? elementOf(of.schema));
  return { cost: 1 + (of?.cost ?? 0), schema, size: sizeOf(schema) };
}

/** Only as much is compared as the smaller side has. */
function comparison(node: Node, names: Names): Estimate {
  const [left, right] = parts(node.args, names);
  const size = Math.min(left?.size ?? 1, right?.size ?? 1);
  return { cost: (left?.cost ?? 0) + (right?.cost ?? 0) + Math.max(1, size * TEXT_UNIT), schema: undefined, size: 1 };
}

function comprehension(node: Node, names: Names): Estimate {
  if (!isObject(node.args)) return { cost: 1, schema: undefined, size: 1 };
  const { iterable, iterVarName, step } = node.args;
  if (!isNode(iterable) || !isNode(step)) return { cost: 1, schema: undefined, size: 1 };
  const over = estimate(iterable, names);
  const element = over.schema?.type === "array" ? elementOf(over.schema) : over.schema === undefined ? undefined : ({ type: "string" } satisfies Schema);
  const body = estimate(step, new Map([...names, [String(iterVarName), element]]));
  return { cost: Math.min(COST_CAP, over.cost + over.size * (body.cost + 2) + 1), schema: over.schema, size: over.size };
}

/** Functions of texts and lists: by the sizes of all that they are given. */
function operation(node: Node, names: Names): Estimate {
  const given = parts(node.args, names);
  const cost = given.reduce((sum, each) => sum + each.cost, 1);
  const [first, second] = given;
  const size = first?.size ?? 1;
  const name = node.op === "call" || node.op === "rcall" ? String((node.args as readonly unknown[])[0]) : node.op;
  switch (name) {
    case "k8s_matches":
    case "matches":
    case "find":
    case "findAll":
      return { cost: cost + size * TEXT_UNIT * Math.max(1, (second?.size ?? 1) / 4), schema: undefined, size };
    case "contains":
    case "indexOf":
    case "lastIndexOf":
    case "replace":
    case "split":
      return { cost: cost + size * TEXT_UNIT * Math.max(1, (second?.size ?? 1) * TEXT_UNIT), schema: undefined, size };
    case "startsWith":
    case "endsWith":
      return { cost: cost + (second?.size ?? 1) * TEXT_UNIT, schema: undefined, size: 1 };
    case "in":
      return { cost: cost + (second?.schema?.type === "object" ? 1 : (second?.size ?? 1)), schema: undefined, size: 1 };
    case "+":
      return { cost: cost + (size + (second?.size ?? 1)) * TEXT_UNIT, schema: undefined, size: size + (second?.size ?? 1) };
    case "isSorted":
    case "sum":
    case "min":
    case "max":
    case "lowerAscii":
    case "upperAscii":
    case "trim":
    case "join":
    case "url":
    case "isURL":
    case "quantity":
    case "isQuantity":
      return { cost: cost + size * TEXT_UNIT, schema: undefined, size };
    default:
      return { cost, schema: undefined, size: Math.max(1, ...given.map((each) => each.size)) };
  }
}
