/** POST, PUT, PATCH, DELETE and DELETE of a collection. */
import type { Client, DeleteOptions, Patch } from "../api/client.ts";
import { isObject } from "../api/json.ts";
import type { KindTable } from "../api/kinds.ts";
import { parseApiVersion } from "../api/meta.ts";
import type { AnyObject } from "../api/meta.ts";
import { decodeValue } from "../api/schema/decode.ts";
import { types } from "../api/schema/facts.ts";
import { parseJson } from "../api/schema/parse-json.ts";
import type { Parsed } from "../api/schema/parse-json.ts";
import { ApiError, badRequest } from "../api/status.ts";
import type { FieldError } from "../api/status.ts";
import { wordTable } from "../api/word-table.ts";
import { textOf } from "./body.ts";
import type { Call } from "./call.ts";
import { bodyObject, parse } from "./decode.ts";
import type { JsonObject } from "./decode.ts";
import { accepted, listReply, objectReply } from "./format.ts";
import { bodyFormat, formatsOf, hasProtobuf, parseMediaType, unsupportedMediaType } from "./media.ts";
import { flag, integer, invalidOptions, listOptions, unsupported, writeOptions } from "./query.ts";
import { resourceOf } from "./read.ts";
import type { Message } from "./reply.ts";
import type { Route } from "./route.ts";

type Named = Route & { readonly name: string };

export interface WriteServices {
  readonly kinds: KindTable;
  readonly now: number;
}

export async function create(call: Call, route: Route, client: Client, { kinds, now }: WriteServices): Promise<Message> {
  const accept = accepted(call, route.kind);
  bodyFormat(call.header("content-type"), formatsOf(route.kind, call));
  const options = writeOptions(call.query, "CreateOptions", call.header("user-agent"));
  const body = await bodyObject(call, route, kinds, options.fieldValidation);
  const made = await client.create(resourceOf(route), body, {
    ...options,
    warn: call.warn,
    namespace: route.namespace,
    ...(route.name === undefined ? {} : { name: route.name }),
    subresource: route.subresource?.name,
  });
  return await objectReply(call, route.kind, accept, made, 201, now);
}

export async function update(call: Call, route: Named, client: Client, { kinds, now }: WriteServices): Promise<Message> {
  const accept = accepted(call, route.kind);
  const options = writeOptions(call.query, "UpdateOptions", call.header("user-agent"));
  const body = await bodyObject(call, route, kinds, options.fieldValidation);
  let status = 200;
  const made = await client.update(resourceOf(route), targetOf(route), body, { ...options, warn: call.warn, created: () => (status = 201) });
  return await objectReply(call, route.kind, accept, made, status, now);
}

/** Media types of PATCH, in the order of apiserver's messages. Strategic merge needs the merge keys of a built-in type. */
const patchTypes = wordTable<Patch["type"]>({
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
});

const APPLY_CBOR = "application/apply-patch+cbor";

export function patchTypesOf(custom: boolean): readonly string[] {
  return Object.keys(patchTypes).filter((type) => !custom || patchTypes[type] !== "strategic");
}

export async function patch(call: Call, route: Named, client: Client, { now }: WriteServices): Promise<Message> {
  const media = parseMediaType(call.header("content-type") ?? "")?.type ?? "";
  const format = call.cbor && media === APPLY_CBOR ? "cbor" : "yaml";
  const type = format === "cbor" ? "apply" : patchTypes[media];
  if (type === undefined) throw new ApiError("UnsupportedMediaType", "415: Unsupported Media Type", { details: {} });
  const accept = accepted(call, route.kind);
  if (type === "strategic" && !hasProtobuf(route.kind)) throw unsupportedMediaType(patchTypesOf(true));
  const options = writeOptions(call.query, "PatchOptions", call.header("user-agent"), type);
  const body = await patchBody(call, route, type, format, options);
  const { object, created } = await client.patch(resourceOf(route), targetOf(route), body, { ...options, warn: call.warn });
  return await objectReply(call, route.kind, accept, object, created ? 201 : 200, now);
}

async function patchBody(
  call: Call,
  route: Named,
  type: Patch["type"],
  format: "yaml" | "cbor",
  options: { readonly force: boolean | undefined; readonly fieldValidation?: "Strict" | "Warn" | "Ignore" | undefined },
): Promise<Patch> {
  const bytes = await call.body();
  const expected = route.subresource?.kind ?? route.kind;
  if (type === "apply") {
    const { value, problems } = parse(bytes, format, expected, options.fieldValidation);
    if (!isObject(value)) throw badRequest("error decoding YAML: the applied configuration is not an object");
    if (problems.length > 0 && options.fieldValidation === "Strict") throw badRequest(`error decoding YAML: ${problems.join(", ")}`);
    if (options.fieldValidation !== "Ignore") for (const problem of problems) call.warn(problem);
    return { type, object: appliedObject(value), force: options.force ?? false };
  }
  try {
    return readPatch(type as Written, bytes, options.fieldValidation !== "Ignore");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { type: "unreadable", error };
  }
}

type Written = "json" | "merge" | "strategic";

/** @throws ApiError BadRequest, in the words of Go's decoder */
function readPatch(type: Written, bytes: Uint8Array, strict: boolean): Patch {
  const { value, problems } = parsePatch(type, bytes, strict);
  if (type === "json") {
    const operations = value ?? [];
    const unknown = strict ? checkOperations(operations) : [];
    if (!Array.isArray(operations)) throw badRequest(`json: cannot unmarshal ${jsonType(value)} into Go value of type jsonpatch.Patch`);
    return { type, operations, problems: [...problems, ...unknown].map((problem) => `json patch ${problem}`) };
  }
  // as a merge patch it makes nothing of the object, as a strategic one it changes nothing
  if (value === null && type === "merge") return { type, patch: null, problems };
  const given = value ?? {};
  if (!isObject(given)) {
    const why = `json: cannot unmarshal ${jsonType(value)} into Go value of type map[string]interface {}`;
    throw badRequest(type === "strategic" ? why : `error decoding patch: ${why}`);
  }
  return { type, patch: given, problems };
}

const operationFields = new Set(["op", "path", "from", "value"]);

const wrong = (value: unknown, into: string) => badRequest(`error decoding patch: json: cannot unmarshal ${jsonType(value)} into Go ${into}`);

/** Shape and members of the operations of a JSON patch; what they mean is judged when they are applied. */
function checkOperations(operations: unknown): readonly string[] {
  if (!Array.isArray(operations)) throw wrong(operations, "value of type []handlers.jsonPatchOp");
  const unknown: string[] = [];
  for (const [index, operation] of (operations as readonly unknown[]).entries()) {
    if (operation === null) continue;
    if (!isObject(operation)) throw wrong(operation, "value of type handlers.jsonPatchOp");
    for (const [name, member] of Object.entries(operation)) {
      if (!operationFields.has(name)) unknown.push(`unknown field "[${index}].${name}"`);
      else if (name !== "value" && member !== null && typeof member !== "string") throw wrong(member, `struct field jsonPatchOp.${name} of type string`);
    }
  }
  return unknown;
}

/** An applied configuration says itself what it is. @throws ApiError BadRequest */
function appliedObject(value: JsonObject): AnyObject {
  const { apiVersion, kind, metadata, ...rest } = value;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || apiVersion === "" || kind === "") {
    const { group, version } = parseApiVersion(typeof apiVersion === "string" ? apiVersion : "");
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${typeof kind === "string" ? kind : ""}`);
  }
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) throw badRequest("metadata: must be an object");
  return { apiVersion, kind, metadata: metadata ?? {}, ...rest };
}

/** What Go's decoder calls a JSON value. */
function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value === "boolean" ? "bool" : typeof value;
}

function parsePatch(type: Written, bytes: Uint8Array, duplicates: boolean): Parsed {
  try {
    return parseJson(textOf(bytes), { duplicates });
  } catch (error) {
    const why = error instanceof Error ? error.message : "not JSON";
    throw new ApiError("BadRequest", type === "strategic" ? why : `error decoding patch: ${why}`, { cause: error });
  }
}

export async function remove(call: Call, route: Named, client: Client, { now }: WriteServices): Promise<Message> {
  const accept = accepted(call, route.kind);
  const result = await client.delete(resourceOf(route), targetOf(route), { ...(await deleteOptions(call, route)), warn: call.warn });
  return await objectReply(call, route.kind, accept, result, 200, now);
}

export async function removeCollection(call: Call, route: Route, client: Client, { now }: WriteServices): Promise<Message> {
  const accept = accepted(call, route.kind);
  const selection = listOptions(call.query);
  const options = await deleteOptions(call, route);
  const removed = await client.deleteCollection(resourceOf(route), { ...selection, ...options, namespace: route.namespace, warn: call.warn });
  return await listReply(call, route.kind, accept, removed, now);
}

/** From the body when there is one, else from the query. */
async function deleteOptions(call: Call, route: Route): Promise<DeleteOptions> {
  const bytes = await call.body();
  const given = bytes.length === 0 ? fromQuery(call.query) : fromBody(bytes, call, route);
  const errors: FieldError[] = [];
  const { propagationPolicy: policy, orphanDependents: orphan, gracePeriodSeconds: grace } = given;
  if (policy !== undefined && orphan !== undefined) {
    errors.push({ type: "FieldValueInvalid", field: "propagationPolicy", message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set` });
  }
  if (policy !== undefined && policy !== "Background" && policy !== "Foreground" && policy !== "Orphan") {
    errors.push(unsupported("propagationPolicy", policy, ["Foreground", "Background", "Orphan", "nil"]));
  }
  const dryRun = given.dryRun ?? [];
  if (dryRun.some((each) => each !== "All")) {
    errors.push({
      type: "FieldValueNotSupported",
      field: "dryRun",
      message: `Unsupported value: [${dryRun.map((each) => JSON.stringify(each)).join(" ")}]: supported values: "All"`,
    });
  }
  if (errors.length > 0) throw invalidOptions("DeleteOptions", errors);
  return {
    dryRun: dryRun.length > 0,
    gracePeriodSeconds: grace,
    propagationPolicy: orphan === undefined ? (policy as DeleteOptions["propagationPolicy"]) : orphan ? "Orphan" : "Background",
    preconditions: given.preconditions,
  };
}

interface GivenDeleteOptions {
  readonly propagationPolicy?: string | undefined;
  readonly orphanDependents?: boolean | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly dryRun?: readonly string[] | undefined;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
}

function fromQuery(query: URLSearchParams): GivenDeleteOptions {
  return {
    propagationPolicy: query.get("propagationPolicy") ?? undefined,
    orphanDependents: query.has("orphanDependents") ? flag(query, "orphanDependents") : undefined,
    gracePeriodSeconds: integer(query, "gracePeriodSeconds"),
    dryRun: query.getAll("dryRun"),
  };
}

function fromBody(bytes: Uint8Array, call: Call, route: Route): GivenDeleteOptions {
  const format = bodyFormat(call.header("content-type"), formatsOf(route.kind, call));
  const { value } = parse(bytes, format, { kind: "DeleteOptions" }, "Ignore");
  if (isObject(value) && (value["kind"] ?? "") !== "" && value["kind"] !== "DeleteOptions") throw otherOptions(value);
  return decodeValue(types().get(DELETE_OPTIONS), value).value as GivenDeleteOptions;
}

/** Kubernetes knows only the options there, and names the place of its type table. */
function otherOptions({ apiVersion, kind }: JsonObject): ApiError {
  if (OPTION_KINDS.has(String(kind))) return badRequest("decoded object cannot be converted to DeleteOptions");
  const version = typeof apiVersion === "string" && apiVersion !== "" ? apiVersion : "meta.k8s.io/v1";
  return badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)} in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"`);
}

const OPTION_KINDS: ReadonlySet<string> = new Set(["CreateOptions", "GetOptions", "ListOptions", "PatchOptions", "UpdateOptions"]);

const DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

function targetOf(route: Named) {
  return { namespace: route.namespace, name: route.name, subresource: route.subresource?.name };
}
