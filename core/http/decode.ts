/**
 * Request body → plain JSON value. Types and unknown fields are judged by the registry, which knows the schema; here the
 * text is judged: syntax, duplicate keys, depth. Kind and apiVersion that the body leaves out are those of the route.
 */
import type { WriteOptions } from "../api/client.ts";
import { apiVersionOf } from "../api/meta.ts";
import { ApiError, badRequest } from "../api/status.ts";
import type { Call } from "./call.ts";
import { formatsOf } from "./format.ts";
import { bodyFormat } from "./media.ts";
import type { Format } from "./media.ts";
import type { Route } from "./route.ts";

export interface JsonObject {
  readonly [field: string]: unknown;
}

type Validation = WriteOptions["fieldValidation"];

/** The object of a POST or PUT. */
export async function bodyObject(call: Call, route: Route, validation: Validation): Promise<JsonObject> {
  const format = bodyFormat(call.header("content-type"), formatsOf(route.kind));
  const value = parse(await call.body(), format, call, validation);
  if (!isObject(value)) throw badRequest("the object provided is not a JSON object");
  return withType(value, route.subresource?.kind ?? route.kind);
}

export function withType(value: JsonObject, type: { readonly group: string; readonly version: string; readonly kind: string }): JsonObject {
  const { apiVersion, kind, ...rest } = value;
  return { apiVersion: apiVersion || apiVersionOf(type), kind: kind || type.kind, ...rest };
}

export function parse(bytes: Uint8Array, format: Format, _call: Call, _validation: Validation): unknown {
  if (format !== "json") throw new ApiError("UnsupportedMediaType", `${format} bodies are not read yet`);
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw new ApiError("BadRequest", `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ""}`, { cause: error });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
