/** Hooks written over the type of their kind: the row says what its objects are, so the cast is made here once. */
import type { AnyObject } from "../meta.ts";
import type { Errors } from "./validate/errors.ts";
import { invalid } from "./validate/errors.ts";
import { same } from "./validate/same.ts";
import { withoutNulls } from "./validate/without-nulls.ts";

/** Rules over one object, as the hook `validate`. */
export function checking<T>(...checks: readonly ((errors: Errors, object: T) => void)[]): (object: AnyObject) => Errors {
  return (object) => {
    const errors: Errors = [];
    const given = withoutNulls(object) as unknown as T;
    for (const check of checks) check(errors, given);
    return errors;
  };
}

/** A rule over an update, as the hooks `validateUpdate` and `validateSubresource`. */
export function checkingUpdate<T>(check: (errors: Errors, next: T, old: T) => void): (next: AnyObject, old: AnyObject) => Errors {
  return (next, old) => {
    const errors: Errors = [];
    check(errors, withoutNulls(next) as unknown as T, withoutNulls(old) as unknown as T);
    return errors;
  };
}

/** A change of one object, as the hooks `setDefaults` and `prepareForCreate`. */
export function change<T>(make: (object: T) => T): (object: AnyObject) => AnyObject {
  return (object) => make(object as unknown as T) as unknown as AnyObject;
}

/** For fields that stay as they were made. */
export function immutable(errors: Errors, path: string, next: unknown, old: unknown, shown: unknown = next ?? null): void {
  if (!same(next, old)) invalid(errors, path, shown, "field is immutable");
}
