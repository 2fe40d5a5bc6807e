/**
 * Joins typed rules to the hooks of a kind, whose objects have no type. A field that is null is as absent as one that is
 * not there: rules see only the second form.
 */
import type { AnyObject } from "../../meta.ts";
import type { FieldError } from "../../status.ts";
import { type Errors, invalid } from "./errors.ts";
import { same } from "./same.ts";

export type Rule<T> = (errors: Errors, object: T) => void;
export type UpdateRule<T> = (errors: Errors, object: T, old: T) => void;

export const checking =
  <T>(...rules: readonly Rule<T>[]) =>
  (object: AnyObject): readonly FieldError[] => {
    const errors: Errors = [];
    const given = withoutNulls(object) as unknown as T;
    for (const rule of rules) rule(errors, given);
    return errors;
  };

export const checkingUpdate =
  <T>(...rules: readonly UpdateRule<T>[]) =>
  (object: AnyObject, old: AnyObject): readonly FieldError[] => {
    const errors: Errors = [];
    const [given, before] = [withoutNulls(object) as unknown as T, withoutNulls(old) as unknown as T];
    for (const rule of rules) rule(errors, given, before);
    return errors;
  };

type Json = { readonly [field: string]: unknown };

/** The same value when it has no null fields. Elements of lists stay: a rule counts them. */
export function withoutNulls<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const mapped = value.map((each: unknown) => withoutNulls(each));
    return mapped.every((each, index) => each === value[index]) ? value : (mapped as T);
  }
  let changed: Record<string, unknown> | undefined;
  for (const field in value) {
    const before: unknown = (value as Json)[field];
    const after = before === null ? undefined : withoutNulls(before);
    if (after === before) continue;
    changed ??= { ...(value as Json) };
    if (after === undefined) delete changed[field];
    else changed[field] = after;
  }
  return (changed as T | undefined) ?? value;
}

/** For fields that stay as they were made. */
export function immutable(errors: Errors, field: string, value: unknown, old: unknown, why = "field is immutable"): void {
  if (!same(value, old)) invalid(errors, field, value, why);
}
