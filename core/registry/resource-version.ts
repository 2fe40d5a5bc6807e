/** resourceVersion as clients send it: decimal text of a store revision. Errors as Kubernetes answers them. */
import { quote } from "../api/names.ts";
import { ApiError, badRequest } from "../api/status.ts";

const syntax = (text: string) => `strconv.ParseUint: parsing ${quote(text)}: invalid syntax`;

export function isVersion(text: string): boolean {
  return /^\d{1,20}$/.test(text);
}

/** Of a list: undefined when absent. @throws ApiError "BadRequest" */
export function listVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!isVersion(text)) throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${quote(text)}: ${syntax(text)}`);
  return Number(text);
}

/** Of a get or a watch: Kubernetes answers 500 without a reason. */
export function readVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!isVersion(text)) throw unreadable(`resourceVersion: Invalid value: ${quote(text)}: ${syntax(text)}`);
  return Number(text);
}

/** metadata.resourceVersion of an object to write. */
export function objectVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "" || text === "0") return undefined;
  if (!isVersion(text)) throw unreadable(syntax(text));
  return Number(text);
}

function unreadable(message: string): ApiError {
  return new ApiError("InternalError", message, { unnamed: true });
}

/** A read at a revision that this server has not reached. Only what may be asked again at once (`retry`) says when. */
export function tooLarge(asked: number, current: number, retry = true): ApiError {
  return new ApiError("Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }], ...(retry ? { retryAfterSeconds: 1 } : {}) },
  });
}

/** A watch, or an exact list, at a revision whose history is gone. */
export function tooOld(asked: number, compacted: number): ApiError {
  return new ApiError("Expired", `too old resource version: ${asked} (${compacted})`);
}

export function compactedList(asked: number): ApiError {
  return new ApiError("Expired", `The resourceVersion for the provided list is too old: ${asked}.`);
}
