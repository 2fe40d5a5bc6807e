/**
 * JSON Patch, RFC 6902, with the few liberties that the Kubernetes API server takes: "replace" of a missing member sets
 * it, negative indices count from the end, "test" for null holds for a missing member. What does not change is shared
 * with the original; nothing is cloned.
 */
import { isObject, sameJson } from "../api/json.ts";
import { ApiError, badRequest } from "../api/status.ts";

/** As in Kubernetes: a patch is to be smaller than the object it changes. */
const MAX_OPERATIONS = 10_000;
/** Bytes that all "copy" operations of a patch may add: a copy of a copy doubles, so a small patch could fill the memory. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

interface Operation {
  readonly op: string;
  /** as it was given, for errors */
  readonly text: string;
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
}

type Change = (parent: unknown, key: string) => unknown;

/** @throws ApiError "BadRequest" for what is no patch, "Invalid" for one that does not fit the document */
export function jsonPatch(document: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) {
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonType(operations)} into Go value of type []handlers.jsonPatchOp`);
  }
  if (operations.length > MAX_OPERATIONS) {
    throw new ApiError("RequestEntityTooLarge", `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`);
  }
  let copied = 0;
  return operations.map(parse).reduce<unknown>((node, operation) => {
    if (operation.op === "copy") copied += sizeOf(operation, node);
    if (copied > MAX_COPIED_BYTES) {
      throw unfit(`Unable to complete the copy, the accumulated size increase of copy is ${copied}, exceeding the limit ${MAX_COPIED_BYTES}`);
    }
    return fitting(operation, () => apply(node, operation));
  }, document);
}

function sizeOf({ from }: Operation, document: unknown): number {
  if (from === undefined) return 0;
  try {
    return JSON.stringify(read(document, from) ?? null).length;
  } catch (error) {
    // the operation itself says so
    if (error instanceof Misfit) return 0;
    throw error;
  }
}

/** What Go's decoder calls a JSON value. */
export function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function unfit(cause: string): ApiError {
  return new ApiError("Invalid", "the server rejected our request due to an error in our request", { cause: new Error(cause), details: {} });
}

/** What is in the way of one step, which the operation around it puts into words. */
class Misfit extends Error {
  override readonly name = "Misfit";
}

const NO_PARENT = "missing parent";
const MISSING = "missing value";

function fitting(operation: Operation, work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const { op, text } = operation;
    if (error.message !== NO_PARENT) throw unfit(`error in ${op === "replace" ? "remove" : op} for path: '${text}': ${error.message}`);
    throw unfit(op === "test" ? `test operation does not apply: is missing path: ${text}: ${MISSING}` : `${op} operation does not apply: doc is missing path: ${op === "add" || op === "remove" ? JSON.stringify(text) : text}: ${MISSING}`);
  }
}

function parse(given: unknown): Operation {
  if (given === null) throw unfit("an operation is missing");
  if (!isObject(given)) throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonType(given)} into Go value of type handlers.jsonPatchOp`);
  const { op, path, from, value = null } = given;
  if (typeof op !== "string" || typeof path !== "string") throw unfit("an operation needs op and path");
  return { op, text: path, path: pointer(path), from: typeof from === "string" ? pointer(from) : undefined, value };
}

/** RFC 6901 */
function pointer(text: string): readonly string[] {
  if (!text.startsWith("/")) throw unfit(`${JSON.stringify(text)} is no path`);
  return text.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function apply(document: unknown, { op, path, from, value }: Operation): unknown {
  switch (op) {
    case "add":
      return at(document, path, add(value));
    case "remove":
      return at(document, path, remove);
    case "replace":
      return at(document, path, replace(value));
    case "move": {
      if (from === undefined) throw unfit("move needs from");
      const moved = read(document, from);
      return at(at(document, from, remove), path, add(moved));
    }
    case "copy":
      if (from === undefined) throw unfit("copy needs from");
      return at(document, path, add(read(document, from) ?? null));
    case "test":
      if (!sameJson(read(document, path) ?? null, value ?? null)) throw unfit(`testing value /${path.join("/")} failed: test failed`);
      return document;
    default:
      throw unfit(`Unexpected kind: ${op}`);
  }
}

/** The document with a change at the end of a path, whose parents must exist. */
function at(node: unknown, path: readonly string[], change: Change): unknown {
  const [key, ...rest] = path;
  if (key === undefined || typeof node !== "object" || node === null) throw new Misfit(NO_PARENT);
  if (rest.length === 0) return change(node, key);
  const child = member(node, key);
  if (child === undefined) throw new Misfit(NO_PARENT);
  return replace(at(child, rest, change))(node, key);
}

function read(document: unknown, path: readonly string[]): unknown {
  let node = document;
  for (const [depth, key] of path.entries()) {
    if (typeof node !== "object" || node === null) throw new Misfit(NO_PARENT);
    node = member(node, key);
    if (node === undefined && depth < path.length - 1) throw new Misfit(NO_PARENT);
  }
  return node;
}

function member(node: object, key: string): unknown {
  if (Array.isArray(node)) return node[index(key, node.length)] as unknown;
  return Object.hasOwn(node, key) ? (node as { [key: string]: unknown })[key] : undefined;
}

const add =
  (value: unknown): Change =>
  (parent, key) => {
    if (!Array.isArray(parent)) return set(parent as object, key, value);
    const place = key === "-" ? parent.length : index(key, parent.length + 1);
    return parent.toSpliced(place, 0, value);
  };

const replace =
  (value: unknown): Change =>
  (parent, key) =>
    Array.isArray(parent) ? parent.with(index(key, parent.length), value) : set(parent as object, key, value);

const remove: Change = (parent, key) => {
  if (Array.isArray(parent)) return parent.toSpliced(index(key, parent.length), 1);
  if (!Object.hasOwn(parent as object, key)) throw new Misfit(`Unable to remove nonexistent key: ${key}: ${MISSING}`);
  return Object.fromEntries(Object.entries(parent as object).filter(([name]) => name !== key));
};

/** `fromEntries` defines members, also one named "__proto__". */
function set(parent: object, key: string, value: unknown): object {
  return Object.hasOwn(parent, key) || key !== "__proto__" ? { ...parent, [key]: value } : Object.fromEntries([...Object.entries(parent), [key, value]]);
}

function index(key: string, length: number): number {
  if (!/^(-?[1-9]\d*|0)$/.test(key)) throw new Misfit(`value was not a proper array index: '${key}': strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  const place = Number(key) < 0 ? Number(key) + length : Number(key);
  if (place < 0 || place >= length) throw new Misfit(`Unable to access invalid index: ${key}: invalid index referenced`);
  return place;
}
