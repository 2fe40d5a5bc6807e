/**
 * Query parameters → options of the Client, checked as Kubernetes checks them (metav1 ListOptions, CreateOptions, …):
 * numbers and booleans by Go's rules, then all wrong options named in one Invalid answer. What depends on the resource
 * (selectors, resource versions, continue tokens) is judged by the registry.
 */
import type { ListOptions, WriteOptions } from "../api/client.ts";
import { badRequest, invalid } from "../api/status.ts";
import type { ApiError, FieldError } from "../api/status.ts";

type OptionsKind = "ListOptions" | "CreateOptions" | "UpdateOptions" | "PatchOptions" | "DeleteOptions";

/** metav1: longest name of a field manager, in bytes. */
const FIELD_MANAGER_BYTES_MAX = 128;

export function listOptions(query: URLSearchParams): ListOptions & WatchParameters {
  const text = (name: string) => query.get(name) || undefined;
  const initial = query.has("sendInitialEvents") ? flag(query, "sendInitialEvents") : undefined;
  const next = text("continue");
  // in this order: the first that is wrong is the one that is told
  const timeoutSeconds = integer(query, "timeoutSeconds");
  const limit = integer(query, "limit");
  return {
    labelSelector: text("labelSelector"),
    fieldSelector: text("fieldSelector"),
    limit: limit === 0 ? undefined : limit,
    continue: next,
    resourceVersion: text("resourceVersion"),
    // any text: the registry refuses what is none of the two
    resourceVersionMatch: text("resourceVersionMatch") as ListOptions["resourceVersionMatch"],
    timeoutSeconds,
    allowWatchBookmarks: flag(query, "allowWatchBookmarks"),
    sendInitialEvents: initial,
  };
}

export interface WatchParameters {
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

/** `userAgent` names the field manager when the request does not. */
export function writeOptions(
  query: URLSearchParams,
  kind: OptionsKind,
  userAgent: string | undefined,
  patchType?: string,
): WriteOptions & { readonly force: boolean | undefined } {
  const errors: FieldError[] = [];
  const manager = query.get("fieldManager") ?? "";
  const force = query.has("force") ? flag(query, "force") : undefined;
  if (patchType === "apply") {
    if (manager === "") errors.push({ type: "FieldValueRequired", field: "fieldManager", message: "Required value: is required for apply patch" });
  } else if (patchType !== undefined && force !== undefined) {
    errors.push({ type: "FieldValueForbidden", field: "force", message: "Forbidden: may not be specified for non-apply patch" });
  }
  errors.push(...fieldManagerErrors(manager));
  const dryRun = query.getAll("dryRun");
  if (dryRun.some((each) => each !== "All")) {
    const given = `[${dryRun.map((each) => JSON.stringify(each)).join(" ")}]`;
    errors.push({ type: "FieldValueNotSupported", field: "dryRun", message: `Unsupported value: ${given}: supported values: "All"` });
  }
  const validation = query.get("fieldValidation") ?? "";
  if (validation !== "" && validation !== "Strict" && validation !== "Warn" && validation !== "Ignore") {
    errors.push(unsupported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]));
  }
  if (errors.length > 0) throw invalidOptions(kind, errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: manager === "" ? managerOf(userAgent) : manager,
    fieldManagerGiven: manager !== "",
    fieldValidation: validation === "Strict" || validation === "Warn" || validation === "Ignore" ? validation : undefined,
    force,
  };
}

function fieldManagerErrors(manager: string): FieldError[] {
  if (Buffer.byteLength(manager) > FIELD_MANAGER_BYTES_MAX) {
    return [{ type: "FieldValueTooLong", field: "fieldManager", message: `Too long: may not be more than ${FIELD_MANAGER_BYTES_MAX} bytes` }];
  }
  const at = manager.search(unprintable);
  if (at < 0) return [];
  const point = (manager.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return [
    { type: "FieldValueInvalid", field: "fieldManager", message: `Invalid value: ${goQuote(manager)}: invalid character U+${point} (at position ${at})` },
  ];
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u;

/** The product name of the user agent, as apiserver's prefixFromUserAgent. */
function managerOf(userAgent: string | undefined): string {
  const product = (userAgent ?? "").split("/", 1)[0]?.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "") ?? "";
  const name = product.slice(0, FIELD_MANAGER_BYTES_MAX);
  return name === "" ? "unknown" : name;
}

/** Go's conversion of query values: present means true, unless it says "false" or "0". */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value.toLowerCase() !== "false" && value !== "0";
}

export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^[+-]?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(value)}: invalid syntax`);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(value)}: value out of range`);
  return number;
}

export function unsupported(field: string, value: string, supported: readonly string[]): FieldError {
  const list = supported.map((each) => JSON.stringify(each)).join(", ");
  return { type: "FieldValueNotSupported", field, message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}` };
}

export function invalidOptions(kind: OptionsKind, errors: readonly FieldError[]): ApiError {
  return invalid({ group: "meta.k8s.io", kind }, "", errors);
}

/** Go's %q for the characters that matter: control characters as \x01. */
function goQuote(text: string): string {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
}
