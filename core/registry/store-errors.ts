/** What a failure of the store means to a caller of the API. */
import type { Kind } from "../api/kinds.ts";
import type { ApiError } from "../api/status.ts";
import { ApiError as Failure, conflict } from "../api/status.ts";
import { StoreError } from "../store/store.ts";

export const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

export function modified(kind: Kind, name: string): ApiError {
  return conflict(kind, name, MODIFIED);
}

export function isConflict(error: unknown): error is StoreError {
  return error instanceof StoreError && error.reason === "conflict";
}

/** Never returns: throws the ApiError for a StoreError, and everything else as it is. */
export function rethrow(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  if (error.reason === "unavailable" || error.reason === "closed" || error.reason === "fenced") {
    throw new Failure("ServiceUnavailable", `the store cannot be reached: ${error.message}`, { cause: error, details: { retryAfterSeconds: 1 } });
  }
  throw new Failure("InternalError", error.message, { cause: error });
}
