/**
 * Field errors in the words of Kubernetes (apimachinery field.Error). A rule is a function that appends what is wrong to a
 * list that its caller owns: an object without mistakes allocates nothing but paths.
 */
import { quote } from "../../names.ts";
import type { FieldError } from "../../status.ts";

export type Errors = FieldError[];

/** A value inside a message: texts quoted, structures as JSON, nothing as null. */
export function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  return value === undefined ? "null" : goJson(value);
}

/** JSON as Go's encoder writes it: safe to stand in HTML. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const withDetail = (text: string, detail: string) => (detail === "" ? text : `${text}: ${detail}`);

export function required(errors: Errors, field: string, detail = ""): void {
  errors.push({ type: "FieldValueRequired", field, message: withDetail("Required value", detail) });
}

export function invalid(errors: Errors, field: string, value: unknown, detail: string): void {
  errors.push({ type: "FieldValueInvalid", field, message: withDetail(`Invalid value: ${shown(value)}`, detail) });
}

/** For values that the message shall not repeat. */
export function invalidOmitted(errors: Errors, field: string, detail: string): void {
  errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${detail}` });
}

export function notSupported(errors: Errors, field: string, value: unknown, supported: readonly string[]): void {
  const list = supported.map(quote).join(", ");
  errors.push({ type: "FieldValueNotSupported", field, message: withDetail(`Unsupported value: ${shown(value)}`, list === "" ? "" : `supported values: ${list}`) });
}

export function forbidden(errors: Errors, field: string, detail = ""): void {
  errors.push({ type: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) });
}

export function duplicate(errors: Errors, field: string, value: unknown, detail = ""): void {
  errors.push({ type: "FieldValueDuplicate", field, message: withDetail(`Duplicate value: ${shown(value)}`, detail) });
}

export function notFound(errors: Errors, field: string, value: unknown, detail = ""): void {
  errors.push({ type: "FieldValueNotFound", field, message: withDetail(`Not found: ${shown(value)}`, detail) });
}

export function tooLong(errors: Errors, field: string, bytes: number): void {
  errors.push({ type: "FieldValueTooLong", field, message: `Too long: may not be more than ${bytes} bytes` });
}

export function tooMany(errors: Errors, field: string, actual: number, most: number): void {
  errors.push({ type: "FieldValueTooMany", field, message: `Too many: ${actual}: must have at most ${most} items` });
}

/** Appends every finding of a text rule as an invalid value. */
export function check(errors: Errors, field: string, value: string, rule: (text: string) => readonly string[]): void {
  for (const wrong of rule(value)) invalid(errors, field, value, wrong);
}

/** A text that must be there and follow a rule. */
export function checkRequired(errors: Errors, field: string, value: string | undefined, rule: (text: string) => readonly string[]): void {
  if (isEmpty(value)) required(errors, field);
  else check(errors, field, value ?? "", rule);
}

/** A text that must be one of a list; `supported` in the order of the message. */
export function oneOf(errors: Errors, field: string, value: string | undefined, supported: readonly string[]): void {
  if (!supported.includes(value ?? "")) notSupported(errors, field, value ?? "", supported);
}

/** Absent and empty are the same for a text of the API. */
export function isEmpty(value: string | null | undefined): boolean {
  return value === undefined || value === null || value === "";
}

/** A map as Go prints it: keys in order, nil as null. */
export function sortedMap(map: { readonly [key: string]: unknown } | undefined | null): { readonly [key: string]: unknown } | null {
  if (map === undefined || map === null) return null;
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Keys in the order in which Kubernetes' errors come out where it sorts, and a stable one where it does not. */
export function sortedEntries<T>(map: { readonly [key: string]: T } | undefined | null): readonly (readonly [string, T])[] {
  if (map === undefined || map === null) return [];
  const entries = Object.entries(map);
  return entries.length < 2 ? entries : entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
