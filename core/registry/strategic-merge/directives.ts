/**
 * What a patch says besides values, and how it is refused: by 400 when a directive has no sensible form, by 422 for lists
 * of lists, by 500 when the patch contradicts itself. All as Kubernetes does.
 */
import { isObject } from "../../api/json.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import { goText } from "../../api/go-text.ts";
import type { Json, Mutable } from "./json.ts";
import { define, goType } from "./json.ts";

export const DIRECTIVE = "$patch";
export const RETAIN = "$retainKeys";
export const ORDER = "$setElementOrder";
export const DELETE_FROM = "$deleteFromPrimitiveList";

export function fail(message: string): never {
  throw new ApiError("InternalError", message, { unnamed: true });
}

export function badRetainKeys(): never {
  throw badRequest("invalid patch format of retainKeys");
}

export function listsOfLists(): never {
  throw new ApiError("Invalid", "lists of lists are not supported", { unnamed: true });
}

export const badDirective = (directive: unknown, patch: Json) =>
  fail(`unknown patch type: ${typeof directive === "string" ? directive : quotedByGo(directive)} in map: ${goText(patch)}`);
export const noMergeKey = (element: Json, mergeKey: string) => fail(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`);
export const badType = (expected: "[]interface {}" | "map[string]interface {}", value: unknown) => fail(`expected a ${expected}, but received a ${goType(value)}`);

/** What %s makes of a value that is no text. */
function quotedByGo(value: unknown): string {
  return value === null ? "%!s(<nil>)" : isObject(value) || Array.isArray(value) ? goText(value) : `%!s(${goType(value)}=${String(value)})`;
}

/** The list that "$setElementOrder/ports" is about. @throws ApiError "BadRequest" when it names none */
export function listNamed(key: string, prefix: typeof ORDER | typeof DELETE_FROM): string {
  if (!key.startsWith(`${prefix}/`)) throw badRequest(`invalid patch format of ${prefix === ORDER ? "setElementOrder" : "primitive"} list`);
  return key.slice(prefix.length + 1);
}

const DROPPED = Symbol("dropped");

/** Sets a value that is taken over as it is; what carries $patch is left out, and with it the field. */
export function takeOver(on: Mutable, key: string, value: unknown): void {
  const kept = withoutDirectives(value);
  if (kept === DROPPED) delete on[key];
  else define(on, key, kept);
}

export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((each) => each !== DROPPED);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return DROPPED;
  const kept: Mutable = {};
  for (const [key, each] of Object.entries(value)) {
    const below = withoutDirectives(each);
    if (below !== DROPPED) define(kept, key, below);
  }
  return kept;
}

/** Changes the value itself: a null means "delete", and there is nothing to delete. */
export function discardNulls(value: unknown): void {
  if (Array.isArray(value)) value.forEach(discardNulls);
  else if (isObject(value)) {
    for (const [key, each] of Object.entries(value)) {
      if (each === null) delete (value as Mutable)[key];
      else discardNulls(each);
    }
  }
}
