/**
 * Request body → object of the type that the route expects. Syntax, duplicate keys, types and unknown fields are judged
 * here, once, before the registry sees the object; the words are those of apiserver.
 */
import type { WriteOptions } from "../api/client.ts";
import type { KindTable } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { decodeBody, unrecognized } from "../api/schema/decode-body.ts";
import { parseJson } from "../api/schema/parse-json.ts";
import type { Parsed } from "../api/schema/parse-json.ts";
import { decodeProtobuf } from "../api/schema/protobuf.ts";
import { parseYaml } from "../api/schema/parse-yaml.ts";
import type { ObjectType } from "../api/schema/schema.ts";
import { ApiError } from "../api/status.ts";
import { textOf } from "./body.ts";
import type { Call } from "./call.ts";
import { decodeCbor } from "./cbor.ts";
import { bodyFormat, formatsOf } from "./media.ts";
import type { Format } from "./media.ts";
import { protobufType } from "./protobuf-types.ts";
import type { Route } from "./route.ts";

export interface JsonObject {
  readonly [field: string]: unknown;
}

type Validation = WriteOptions["fieldValidation"];

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The object of a POST or PUT. */
export async function bodyObject(call: Call, route: Route, kinds: KindTable, fieldValidation: Validation): Promise<AnyObject> {
  const format = bodyFormat(call.header("content-type"), formatsOf(route.kind, call));
  const expected = { ...expectedOf(route, kinds), ...(route.subresource?.name === "eviction" ? EVICTION_VERSIONS : {}) };
  const { value, problems } = parse(await call.body(), format, expected, fieldValidation);
  const schemaOf = (group: string, version: string, kind: string) => kinds.byKind(group, version, kind)?.schema;
  return decodeBody(expected, value, { fieldValidation, problems, warn: call.warn, schemaOf });
}

/** Clients of the time when eviction was beta are still there; Kubernetes understands them, too. */
const EVICTION_VERSIONS = { alsoIn: ["policy/v1beta1"] };

/** What the body of a route is: the kind itself, or that of the subresource. */
export function expectedOf(route: Route, kinds: KindTable): GroupVersionKind & { readonly schema: ObjectType } {
  const own = route.subresource?.kind;
  if (own === undefined) return route.kind;
  const { group, version, kind } = own;
  const schema = kinds.byKind(group, version, kind)?.schema ?? protobufType(apiVersionOf(own), kind);
  if (schema === undefined) throw new ApiError("InternalError", `no schema is known for ${kind} in ${apiVersionOf(own)}`);
  return { group, version, kind, schema };
}

export function parse(bytes: Uint8Array, format: Format, expected: { readonly kind: string }, validation: Validation): Parsed {
  switch (format) {
    case "json":
      return parseJsonBody(textOf(bytes), expected, validation !== "Ignore");
    case "yaml":
      return parseYaml(textOf(bytes));
    case "protobuf":
      return { value: decodeProtobuf(bytes, protobufType), problems: [] };
    case "cbor":
      return { value: decodeCbor(bytes), problems: [] };
  }
}

function parseJsonBody(text: string, expected: { readonly kind: string }, duplicates: boolean): Parsed {
  try {
    return parseJson(text, { duplicates });
  } catch (error) {
    throw unrecognized(expected, error instanceof Error ? error.message : String(error), text);
  }
}
