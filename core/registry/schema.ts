/** What the schema table and the hooks of a kind do to an object before anybody looks at it. */
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { applyDefaults } from "../api/schema/defaults.ts";
import { badRequest } from "../api/status.ts";

/** An object as callers give it: at least an object with metadata, of the asked kind. @throws ApiError "BadRequest" */
export function asObject(kind: Pick<Kind, "group" | "version" | "kind">, given: unknown): AnyObject {
  const wanted = apiVersionOf(kind);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind})`);
  }
  const object = given as AnyObject;
  if (object.apiVersion !== undefined && object.apiVersion !== wanted) {
    throw badRequest(`the API version in the data (${object.apiVersion}) does not match the expected API version (${wanted})`);
  }
  if (object.kind !== undefined && object.kind !== kind.kind) {
    throw badRequest(`${object.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: no conversion`);
  }
  if (object.apiVersion === wanted && object.kind === kind.kind && object.metadata !== undefined) return object;
  return { ...object, apiVersion: wanted, kind: kind.kind, metadata: object.metadata ?? {} };
}

/** The schema's defaults, then those that depend on other fields. */
export function withDefaults(kind: Kind, object: AnyObject): AnyObject {
  const filled = applyDefaults(kind.schema, object);
  return kind.hooks.setDefaults?.(filled) ?? filled;
}
