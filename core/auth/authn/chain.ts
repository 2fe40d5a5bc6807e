/**
 * Authenticators in order. The first that knows the credential decides: a credential that is somebody's and wrong ends the
 * request, it is not tried as something else. No credential at all is nobody's, and the HTTP layer makes it anonymous.
 */
import type { Log } from "../../api/log.ts";
import { silentLog } from "../../api/log.ts";
import { ApiError } from "../../api/status.ts";
import type { Authenticator } from "../auth.ts";

export function authenticatorChain(authenticators: readonly Authenticator[], log: Log = silentLog): Authenticator {
  return async (credentials) => {
    try {
      for (const authenticate of authenticators) {
        const user = await authenticate(credentials);
        if (user !== undefined) return user;
      }
      return undefined;
    } catch (error) {
      if (error instanceof ApiError && error.reason === "Unauthorized") log.info({ why: String(error.cause) }, "credential refused");
      throw error;
    }
  };
}
