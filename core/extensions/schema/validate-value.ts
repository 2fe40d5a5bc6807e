/**
 * Validates a value by its schema, with the findings and in the words of Kubernetes (kube-openapi validate, turned into
 * field errors by apiextensions). Every schema is compiled once: patterns are regular expressions then, and a schema that
 * asks nothing costs nothing.
 *
 * An update is judged leniently (KEP-4008, ratcheting): what was there before and is the same is not held against it.
 */
import { isObject, sameJson } from "../../api/json.ts";
import { quote } from "../../api/names.ts";
import type { FieldError } from "../../api/status.ts";
import { goRegExp } from "../go-regexp.ts";
import { stringFormat } from "./formats.ts";
import { bodyName, type Findings, found, invalid, merge, none, ok, type Rule, shownValue, unplaced, within } from "./findings.ts";
import { itemsOf, propertiesOf, type Schema, valuesOf } from "./json-schema.ts";
import { numberRule } from "./number-rule.ts";
import { typeRule } from "./type-rule.ts";

/** `path` "" is the object itself; `old` the value that stood there before, if there was one */
export type ValueCheck = (value: unknown, path: string, old: unknown) => Findings;

/** @throws RegExpError for a pattern that is none */
export function compileSchema(schema: Schema): ValueCheck {
  const rules = [typeRule, combinations, stringRule, formatRule, numberRule, listRule, enumRule, objectRule]
    .map((rule) => rule(schema))
    .filter((rule) => rule !== undefined);
  const [ofType, ofEnum] = [typeRule(schema), enumRule(schema)];
  return (value, path, old) => {
    if (value === null) {
      if (schema.nullable === true) return none;
      return merge([ofType?.(value, path, old), ofEnum?.(value, path, old)]);
    }
    if (old !== undefined && typeof value === "object" && sameJson(value, old)) return none;
    const findings = merge(rules.map((rule) => rule(value, path, old)));
    return old !== undefined && typeof value !== "object" && value === old ? { ...findings, errors: [] } : findings;
  };
}

// ---- oneOf, anyOf, allOf, not

function combinations(schema: Schema): Rule | undefined {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  if (anyOf.length + oneOf.length + allOf.length === 0 && not === undefined) return undefined;
  const any = anyOf.map(compileSchema);
  const one = oneOf.map(compileSchema);
  const all = allOf.map(compileSchema);
  const no = not === undefined ? undefined : compileSchema(not);
  return (value, path, old) => {
    const parts: Findings[] = [];
    const check = (each: ValueCheck) => each(value, path, old);
    const place = quote(path);
    if (any.length > 0) {
      const results = untilValid(any, check);
      const valid = results.find(isValid);
      if (valid === undefined) parts.push(found([unplaced(`${place} must validate at least one schema (anyOf)`)]));
      parts.push(valid ?? closest(results));
    }
    if (one.length > 0) {
      const results = one.map(check);
      const valid = results.filter(isValid);
      if (valid.length !== 1) {
        const why = valid.length === 0 ? "Found none valid" : `Found ${valid.length} valid alternatives`;
        parts.push(found([unplaced(`${place} must validate one and only one schema (oneOf). ${why}`)]));
        if (valid.length === 0) parts.push(closest(results));
      }
    }
    if (all.length > 0) {
      const results = all.map(check);
      parts.push(...results);
      const valid = results.filter(isValid).length;
      if (valid < all.length) {
        parts.push(found([unplaced(`${place} must validate all the schemas (allOf)${valid === 0 ? ". None validated" : ""}`)]));
      }
    }
    if (no !== undefined && isValid(check(no))) parts.push(found([unplaced(`${place} must not validate the schema (not)`)]));
    return merge(parts);
  };
}

const isValid = ({ errors }: Findings) => errors.length === 0;

function untilValid(checks: readonly ValueCheck[], run: (check: ValueCheck) => Findings): readonly Findings[] {
  const results: Findings[] = [];
  for (const check of checks) {
    const result = run(check);
    results.push(result);
    if (isValid(result)) break;
  }
  return results;
}

/** The alternative that came furthest is what was probably meant. */
function closest(results: readonly Findings[]): Findings {
  return results.reduce((best, each) => (each.made > best.made ? each : best), results[0] ?? none);
}

// ---- strings

function stringRule(schema: Schema): Rule | undefined {
  const { minLength, maxLength, pattern } = schema;
  if (minLength === undefined && maxLength === undefined && pattern === undefined) return undefined;
  const expression = pattern === undefined ? undefined : goRegExp(pattern);
  return (value, path) => {
    if (typeof value !== "string") return undefined;
    const length = characters(value);
    if (maxLength !== undefined && length > maxLength) {
      return found([{ type: "FieldValueTooLong", field: within(path), message: `Too long: may not be more than ${maxLength} bytes` }]);
    }
    if (minLength !== undefined && length < minLength) return found([invalid(path, value, `${bodyName(path)} should be at least ${minLength} chars long`)]);
    if (expression?.test(value) === false) return found([invalid(path, value, `${bodyName(path)} should match '${pattern}'`)]);
    return ok;
  };
}

/** Code points, as Go counts runes. */
function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    count++;
    if ((text.codePointAt(at) ?? 0) > 0xffff) at++;
  }
  return count;
}

function formatRule(schema: Schema): Rule | undefined {
  const { format } = schema;
  const check = format === undefined ? undefined : stringFormat(format);
  if (check === undefined) return undefined;
  return (value, path) => {
    if (typeof value !== "string") return undefined;
    if (check(value)) return ok;
    const message = `Invalid value: ${quote(value)}: ${bodyName(path)} must be of type ${format}: ${quote(value)}`;
    return found([{ type: "FieldValueTypeInvalid", field: within(path), message }]);
  };
}

// ---- lists, enumerations, objects

function listRule(schema: Schema): Rule | undefined {
  const items = itemsOf(schema);
  const each = items === undefined ? undefined : compileSchema(items);
  const { minItems, maxItems, uniqueItems = false } = schema;
  if (each === undefined && minItems === undefined && maxItems === undefined && !uniqueItems) return undefined;
  const keys = schema["x-kubernetes-list-type"] === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : undefined;
  return (value, path, old) => {
    if (!Array.isArray(value)) return undefined;
    const before = keys === undefined || !Array.isArray(old) ? undefined : old;
    const parts = each === undefined ? [] : value.map((item: unknown, index) => each(item, `${path}[${index}]`, counterpart(item, before, keys)));
    const errors: FieldError[] = [];
    if (minItems !== undefined && value.length < minItems) errors.push(invalid(path, value.length, `${bodyName(path)} should have at least ${minItems} items`));
    if (maxItems !== undefined && value.length > maxItems) {
      errors.push({ type: "FieldValueTooMany", field: within(path), message: `Too many: ${value.length}: must have at most ${maxItems} items` });
    }
    if (uniqueItems && hasDuplicates(value)) errors.push(invalid(path, value, `${bodyName(path)} shouldn't contain duplicates`));
    return merge([...parts, found(errors)]);
  };
}

/** The item with the same keys in the list before. */
export function counterpart(item: unknown, before: readonly unknown[] | undefined, keys: readonly string[] | undefined): unknown {
  if (before === undefined || keys === undefined || !isObject(item)) return undefined;
  return before.find((each) => isObject(each) && keys.every((key) => sameJson(each[key], item[key])));
}

function hasDuplicates(values: readonly unknown[]): boolean {
  const seen = new Set(values.map((value) => JSON.stringify(value)));
  return seen.size < values.length;
}

function enumRule(schema: Schema): Rule | undefined {
  const { enum: values } = schema;
  if (values === undefined || values.length === 0) return undefined;
  const list = values.map((value) => quote(typeof value === "string" ? value : JSON.stringify(value))).join(", ");
  return (value, path) => {
    if (values.some((each) => sameJson(each, value) || isCutTo(value, each))) return ok;
    return found([{ type: "FieldValueNotSupported", field: within(path), message: `Unsupported value: ${shownValue(value)}: supported values: ${list}` }]);
  };
}

/** Kubernetes brings a number to the type of the listed value before it compares: 1.5 is the integer 1. */
function isCutTo(value: unknown, listed: unknown): boolean {
  return typeof value === "number" && typeof listed === "number" && Number.isInteger(listed) && Math.trunc(value) === listed;
}

function objectRule(schema: Schema): Rule | undefined {
  const { required = [], minProperties, maxProperties } = schema;
  const properties = propertiesOf(schema).map(([name, of]) => [name, compileSchema(of)] as const);
  const named = new Set(properties.map(([name]) => name));
  const of = valuesOf(schema);
  const others = of === undefined || of === true ? undefined : compileSchema(of);
  const closed = schema.additionalProperties === false;
  if (properties.length + required.length === 0 && minProperties === undefined && maxProperties === undefined && others === undefined) return undefined;
  return (value, path, old) => {
    if (!isObject(value)) return undefined;
    const before = isObject(old) ? old : {};
    const at = (name: string) => (path === "" ? name : `${path}.${name}`);
    const count = Object.keys(value).length;
    const errors: FieldError[] = [];
    if (minProperties !== undefined && count < minProperties) errors.push(invalid(path, count, `${bodyName(path)} should have at least ${minProperties} properties`));
    if (maxProperties !== undefined && count > maxProperties) {
      errors.push({ type: "FieldValueTooMany", field: within(path), message: `Too many: ${count}: must have at most ${maxProperties} items` });
    }
    const parts: Findings[] = [];
    for (const [name, check] of properties) {
      if (Object.hasOwn(value, name)) parts.push(check(value[name], at(name), own(before, name)));
    }
    for (const name of Object.keys(value)) {
      if (named.has(name)) continue;
      if (others !== undefined) parts.push(others(value[name], at(name), own(before, name)));
      else if (closed && properties.length > 0) parts.push(found([invalid(at(name), "", `${at(name)} in body is a forbidden property`)]));
    }
    for (const name of required) if (!Object.hasOwn(value, name)) errors.push({ type: "FieldValueRequired", field: at(name), message: "Required value" });
    return merge([...parts, found(errors)]);
  };
}

const own = (object: { readonly [name: string]: unknown }, name: string) => (Object.hasOwn(object, name) ? object[name] : undefined);
