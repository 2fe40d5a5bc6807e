/** A refused credential. The client learns only that it was refused; the reason, never the credential, is for the log. */
import { ApiError } from "../../api/status.ts";

/** @param reason for the log: the `cause` of the error */
export function unauthorized(reason: string): ApiError {
  return new ApiError("Unauthorized", "Unauthorized", { cause: new Error(reason) });
}
