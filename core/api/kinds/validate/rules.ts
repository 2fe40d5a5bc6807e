/** Joins typed rules to the hooks of a kind, whose objects have no type. */
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
    for (const rule of rules) rule(errors, object as unknown as T);
    return errors;
  };

export const checkingUpdate =
  <T>(...rules: readonly UpdateRule<T>[]) =>
  (object: AnyObject, old: AnyObject): readonly FieldError[] => {
    const errors: Errors = [];
    for (const rule of rules) rule(errors, object as unknown as T, old as unknown as T);
    return errors;
  };

/** For fields that stay as they were made. */
export function immutable(errors: Errors, field: string, value: unknown, old: unknown, why = "field is immutable"): void {
  if (!same(value, old)) invalid(errors, field, value, why);
}
