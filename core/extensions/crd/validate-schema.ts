/**
 * What is wrong with the schema of a definition (apiextensions validation): keywords that are not supported, list and map
 * types that do not fit, rules that do not compile or cost too much, defaults that break their own schema.
 */
import { isObject, sameJson } from "../../api/json.ts";
import { decodeCustom } from "../../api/schema/decode-custom.ts";
import { decodeValue } from "../../api/schema/decode.ts";
import { forbidden, invalid, notSupported, required, type Errors } from "../../api/kinds/validate/errors.ts";
import { CompileError } from "../cel/errors.ts";
import { RegExpError } from "../go-regexp.ts";
import { compileEmbedded } from "../schema/embedded.ts";
import { itemsOf, propertiesOf, rulesOf, type Schema, valuesOf } from "../schema/json-schema.ts";
import { compileSchema } from "../schema/validate-value.ts";
import { objectTypeOf } from "./object-type.ts";
import { ESTIMATE_TOLERANCE, mostElements, mostInRequest, RULE_COST_MAX, ruleCost, SCHEMA_COST_MAX } from "./rule-cost.ts";
import { compileRuleCheck, compileRules, OBJECT_COST_MAX } from "./rules.ts";
import { shownRule } from "./shown-rule.ts";
import { validateStructural } from "./validate-structural.ts";

/** Fields of the root that a status subresource leaves usable. */
const AT_ROOT: ReadonlySet<string> = new Set(["description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "enum", "items", "properties", "required", "externalDocs", "example", "default", "nullable", "additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations", "anyOf", "allOf", "oneOf", "not", "maxProperties", "minProperties"]);

/** `path`: "spec.validation.openAPIV3Schema" */
export function validateSchema(errors: Errors, schema: Schema, path: string, hasStatus: boolean): void {
  const found: Errors = [];
  if (schema.nullable === true) forbidden(found, `${path}.nullable`, "nullable cannot be true at the root");
  if (hasStatus && Object.keys(schema).some((keyword) => !AT_ROOT.has(keyword) && !keyword.startsWith("x-"))) {
    invalid(found, path, schema, "only some fields are allowed at the root of the schema if the status subresource is enabled");
  }
  // rules are compiled against a sound structure only: their own mistakes could be those of the schema
  const structure: Errors = [];
  const convertible = !hasUnsupported(schema);
  if (convertible) validateStructural(structure, schema, path);
  if (convertible && structure.length === 0) validateDefaults(structure, schema, path);
  found.push(...structure);
  const costs: Costs = { total: 0, parts: [] };
  const ofRules: Errors = [];
  keywords(found, schema, path, { root: true, elements: 1, uncorrelated: undefined, costs: convertible && structure.length === 0 ? costs : undefined, ofRules });
  found.push(...ofRules);
  totalCost(found, path, costs);
  if (found.length === 0) buildable(found, schema, path);
  errors.push(...found);
}

function buildable(errors: Errors, schema: Schema, path: string): void {
  try {
    compileSchema(schema);
  } catch (error) {
    if (!(error instanceof RegExpError)) throw error;
    invalid(errors, path.replace(/\.openAPIV3Schema$/, ""), "", `error building validator: ${error.message}`);
  }
}

interface Costs {
  total: number;
  readonly parts: { readonly field: string; readonly cost: number }[];
}

interface Place {
  readonly root: boolean;
  /** how many values of this schema an object can hold */
  readonly elements: number;
  /** the list above whose items have no identity: what was before cannot be found */
  readonly uncorrelated: string | undefined;
  /** undefined inside of alternatives, where no rules are, and where the structure is wrong */
  readonly costs: Costs | undefined;
  /** findings about expressions come after all others */
  readonly ofRules: Errors;
}

const UNSUPPORTED: readonly (readonly [keyword: keyof Schema, why: string])[] = [
  ["id", "id is not supported"],
  ["additionalItems", "additionalItems is not supported"],
  ["patternProperties", "patternProperties is not supported"],
  ["definitions", "definitions is not supported"],
  ["dependencies", "dependencies is not supported"],
  ["$ref", "$ref is not supported"],
];

/** Keywords that no structure can be made of. */
function hasUnsupported(schema: Schema): boolean {
  if (UNSUPPORTED.some(([keyword]) => schema[keyword] !== undefined && schema[keyword] !== "") || Array.isArray(schema.items)) return true;
  const values = valuesOf(schema);
  const inner = [itemsOf(schema), values === true ? undefined : values, schema.not, ...propertiesOf(schema).map(([, of]) => of)];
  return [...inner, ...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].some((each) => each !== undefined && hasUnsupported(each));
}

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];

function keywords(errors: Errors, schema: Schema, path: string, place: Place): void {
  const before = errors.length;
  for (const [keyword, why] of UNSUPPORTED) if (schema[keyword] !== undefined && schema[keyword] !== "") forbidden(errors, `${path}.${keyword}`, why);
  if (schema.type === "null") forbidden(errors, `${path}.type`, "type cannot be set to null, use nullable as an alternative");
  else if (schema.type !== undefined && schema.type !== "" && !TYPES.includes(schema.type)) notSupported(errors, `${path}.type`, schema.type, TYPES);
  if (Array.isArray(schema.items)) forbidden(errors, `${path}.items`, "items must be a schema object and not an array");
  if (schema.uniqueItems === true) {
    forbidden(errors, `${path}.uniqueItems`, "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  }
  if (schema.additionalProperties !== undefined && Object.keys(schema.properties ?? {}).length > 0 && schema.additionalProperties !== true) {
    forbidden(errors, `${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive");
  }
  children(errors, schema, path, place);
  extensions(errors, schema, path);
  rules(errors, schema, path, place, errors.length === before);
}

function children(errors: Errors, schema: Schema, path: string, place: Place): void {
  const { elements } = place;
  const inner: Place = { ...place, root: false };
  const values = valuesOf(schema);
  if (values !== undefined && values !== true) keywords(errors, values, `${path}.additionalProperties`, { ...inner, elements: times(elements, mostElements(schema)) });
  for (const [name, property] of propertiesOf(schema)) keywords(errors, property, `${path}.properties[${name}]`, inner);
  const alternative: Place = { ...inner, costs: undefined };
  if (schema.not !== undefined) keywords(errors, schema.not, `${path}.not`, alternative);
  for (const name of ["allOf", "oneOf", "anyOf"] as const) {
    for (const [index, each] of (schema[name] ?? []).entries()) keywords(errors, each, `${path}.${name}[${index}]`, alternative);
  }
  const items = itemsOf(schema);
  if (items === undefined) return;
  const uncorrelated = schema["x-kubernetes-list-type"] === "map" ? place.uncorrelated : (place.uncorrelated ?? path);
  keywords(errors, items, `${path}.items`, { ...inner, elements: times(elements, mostElements(schema)), uncorrelated });
}

const times = (a: number, b: number) => Math.min(a * b, Number.MAX_SAFE_INTEGER);

function extensions(errors: Errors, schema: Schema, path: string): void {
  const { type = "" } = schema;
  const mapType = schema["x-kubernetes-map-type"];
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) invalid(errors, `${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined");
  if (mapType !== undefined && type !== "object") mustBe(errors, path, type, "must be object if x-kubernetes-map-type is specified");
  if (mapType !== undefined && mapType !== "atomic" && mapType !== "granular") notSupported(errors, `${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]);
  if (listType !== undefined && type !== "array") mustBe(errors, path, type, "must be array if x-kubernetes-list-type is specified");
  if (listType !== undefined && !["atomic", "map", "set"].includes(listType)) notSupported(errors, `${path}.x-kubernetes-list-type`, listType, ["atomic", "map", "set"]);
  if (keys.length > 0 && listType !== "map") mustBe(errors, path, listType ?? "", "must be map if x-kubernetes-list-map-keys is non-empty", "x-kubernetes-list-type");
  if (listType === "map") mapList(errors, schema, path, keys);
  if (listType === "set" || listType === "map") uniqueItems(errors, schema, path, listType, keys);
}

function mustBe(errors: Errors, path: string, value: string, why: string, keyword = "type"): void {
  if (value === "") required(errors, `${path}.${keyword}`, why);
  else invalid(errors, `${path}.${keyword}`, value, why);
}

function mapList(errors: Errors, schema: Schema, path: string, keys: readonly string[]): void {
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) required(errors, at, "must not be empty if x-kubernetes-list-type is map");
  if (schema.items === undefined) {
    required(errors, `${path}.items`, "must have a schema if x-kubernetes-list-type is map");
    return;
  }
  const items = itemsOf(schema);
  if (items === undefined) return;
  if (items.type !== "object") {
    invalid(errors, `${path}.items.type`, items.type ?? "", "must be object if parent array's x-kubernetes-list-type is map");
    return;
  }
  const seen = new Set<string>();
  for (const key of keys) {
    const property = items.properties?.[key];
    if (property === undefined) invalid(errors, at, keys, "entries must all be names of item properties");
    else if (property.type === "array" || property.type === "object") {
      invalid(errors, `${path}.items.properties[${key}].type`, property.type, "must be a scalar type if parent array's x-kubernetes-list-type is map");
    }
    if (seen.has(key)) invalid(errors, at, keys, "must not contain duplicate entries");
    seen.add(key);
  }
}

function uniqueItems(errors: Errors, schema: Schema, path: string, listType: string, keys: readonly string[]): void {
  const items = itemsOf(schema);
  if (items === undefined) return;
  if (items.nullable === true) forbidden(errors, `${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`);
  if (listType === "set") {
    if (items.type === "object" && items["x-kubernetes-map-type"] !== "atomic") {
      invalid(errors, `${path}.items.x-kubernetes-map-type`, items["x-kubernetes-map-type"], "must be atomic as item of a list with x-kubernetes-list-type=set");
    }
    if (items.type === "array" && (items["x-kubernetes-list-type"] ?? "atomic") !== "atomic") {
      invalid(errors, `${path}.items.x-kubernetes-list-type`, items["x-kubernetes-list-type"], "must be atomic as item of a list with x-kubernetes-list-type=set");
    }
    return;
  }
  const needed = new Set(items.required ?? []);
  for (const key of keys) {
    const property = items.properties?.[key];
    if (property === undefined) continue;
    const at = `${path}.items.properties[${key}]`;
    if (!needed.has(key) && property.default === undefined) {
      required(errors, `${at}.default`, "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
    }
    if (property.nullable === true) forbidden(errors, `${at}.nullable`, "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
  }
}

// ---- rules

const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
const MESSAGE_MAX = 2048;

/** `compiles`: nothing was found in this schema or below, so that its types can be relied on */
function rules(errors: Errors, schema: Schema, path: string, place: Place, compiles: boolean): void {
  const before = errors.length;
  for (const [index, { rule = "", message = "", messageExpression = "", reason, fieldPath = "" }] of rulesOf(schema).entries()) {
    const at = `${path}.x-kubernetes-validations[${index}]`;
    const [short, text] = [rule.trim(), message.trim()];
    if (short === "") required(errors, `${at}.rule`, "rule is not specified");
    else if (message !== "" && text === "") invalid(errors, `${at}.message`, message, "must be non-empty if specified");
    else if (text.length > MESSAGE_MAX) invalid(errors, `${at}.message`, `${text.slice(0, 10)}...`, `message must have a maximum length of ${MESSAGE_MAX} characters`);
    else if (text.includes("\n")) invalid(errors, `${at}.message`, message, "must not contain line breaks");
    else if (short.includes("\n") && text === "") required(errors, `${at}.message`, "message must be specified if rule contains line breaks");
    if (messageExpression !== "" && messageExpression.trim() === "") required(errors, `${at}.messageExpression`, "messageExpression must be non-empty if specified");
    if (reason !== undefined && !REASONS.includes(reason)) notSupported(errors, `${at}.reason`, reason, REASONS);
    if (fieldPath !== "" && fieldPath.trim() === "") invalid(errors, `${at}.fieldPath`, fieldPath, "must be non-empty if specified");
    else if (fieldPath.includes("\n")) invalid(errors, `${at}.fieldPath`, fieldPath, "must not contain line breaks");
    else if (fieldPath !== "") {
      const why = wrongPath(schema, fieldPath);
      if (why !== undefined) invalid(errors, `${at}.fieldPath`, fieldPath, "must be a valid path");
    }
  }
  if (compiles && errors.length === before && place.costs !== undefined) expressions(place.ofRules, schema, path, place);
}

function expressions(errors: Errors, schema: Schema, path: string, { root, elements, uncorrelated, costs }: Place): void {
  const scope = compileRules(schema, root);
  for (const [index, { rule, program, message, transition }] of (scope?.rules ?? []).entries()) {
    const at = `${path}.x-kubernetes-validations[${index}]`;
    if (program instanceof CompileError) {
      invalid(errors, `${at}.rule`, shownRule(rule), `compilation failed: ${program.message}`);
      continue;
    }
    const cost = times(ruleCost(program.ast, schema), Math.min(elements, mostInRequest(schema)));
    if (cost > RULE_COST_MAX * ESTIMATE_TOLERANCE) forbidden(errors, `${at}.rule`, tooExpensive("estimated rule cost", cost, RULE_COST_MAX));
    observe(costs, `${at}.rule`, cost);
    if (program.type !== "bool" && program.type !== "dyn") invalid(errors, `${at}.rule`, shownRule(rule), "cel expression must evaluate to a bool");
    if (message instanceof CompileError) {
      invalid(errors, `${at}.messageExpression`, shownRule(rule), `messageExpression compilation failed: ${message.message}`);
    } else if (message !== undefined && message.type !== "string" && message.type !== "dyn") {
      invalid(errors, `${at}.messageExpression`, shownRule(rule), "messageExpression must evaluate to a string");
    }
    if (transition && uncorrelated !== undefined) {
      invalid(errors, `${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`);
    }
    if (!transition && rule.optionalOldSelf !== undefined) {
      invalid(errors, `${at}.optionalOldSelf`, rule.optionalOldSelf, "may not be set if oldSelf is not used in rule");
    }
  }
}

function observe(costs: Costs | undefined, field: string, cost: number): void {
  if (costs === undefined) return;
  costs.total = Math.min(costs.total + cost, Number.MAX_SAFE_INTEGER);
  costs.parts.push({ field, cost });
}

/** The rules that a too expensive schema names. */
const MOST_EXPENSIVE = 4;

function totalCost(errors: Errors, path: string, { total, parts }: Costs): void {
  if (total <= SCHEMA_COST_MAX * ESTIMATE_TOLERANCE) return;
  for (const { field } of parts.toSorted((a, b) => b.cost - a.cost).slice(0, MOST_EXPENSIVE)) {
    forbidden(errors, field, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema");
  }
  forbidden(errors, path, tooExpensive("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", total, SCHEMA_COST_MAX));
}

function tooExpensive(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** Why a fieldPath leads nowhere; undefined when it leads to a field. */
function wrongPath(schema: Schema, fieldPath: string): string | undefined {
  const steps = fieldPath.match(/\.[^.[\]']+|\['(?:[^'\\]|\\.)*'\]/g) ?? [];
  if (steps.join("") !== fieldPath) return "must be of the form .field or ['field']";
  let at: Schema | undefined = schema;
  for (const step of steps) {
    const name = step.startsWith(".") ? step.slice(1) : step.slice(2, -2).replace(/\\(.)/g, "$1");
    const values: Schema | true | undefined = at === undefined ? undefined : valuesOf(at);
    const next: Schema | undefined = at?.properties?.[name] ?? (values === true ? undefined : values);
    if (next === undefined) return `does not refer to a valid field`;
    at = next;
  }
  return undefined;
}

// ---- defaults

function validateDefaults(errors: Errors, schema: Schema, path: string, root = true): void {
  if (schema.default !== undefined) {
    const at = `${path}.default`;
    if (hasUnknown(schema)) invalid(errors, at, schema.default, "must not have unknown fields");
    const before = errors.length;
    compileEmbedded(schema)(schema.default, at, errors);
    if (errors.length === before) errors.push(...compileSchema(schema)(schema.default, "", undefined).errors.map((error) => ({ ...error, field: error.field === "<nil>" ? at : `${at}.${error.field}` })));
    // as what stays, and as what comes anew
    for (const old of [schema.default, undefined]) {
      if (errors.length === before) compileRuleCheck(schema, root)(schema.default, old, at, { errors, left: OBJECT_COST_MAX });
    }
  }
  const items = itemsOf(schema);
  if (items !== undefined) validateDefaults(errors, items, `${path}.items`, false);
  for (const [name, property] of propertiesOf(schema)) validateDefaults(errors, property, `${path}.properties[${name}]`, false);
}

function hasUnknown(schema: Schema): boolean {
  const holder = objectTypeOf({ group: "", version: "", kind: "" }, { type: "object", properties: { value: schema } });
  const given = { value: schema.default };
  if (!isObject(schema.default) && !Array.isArray(schema.default)) return false;
  return !sameJson(decodeCustom(holder, given, decodeValue).value["value"], schema.default);
}
