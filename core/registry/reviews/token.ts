/** TokenReview: whose token is this? Asked by those who are given one (webhooks, metrics endpoints, Vault). */
import type { AnyObject } from "../../api/meta.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import type { User } from "../../api/user.ts";
import type { CreateHandler } from "../virtual.ts";
import { userInfo } from "./self-subject.ts";

/**
 * The user of a token and those of `audiences` it is for; undefined when no authenticator knows it. May throw
 * Unauthorized. Empty audiences: the API's own.
 */
export type VerifyToken = (
  token: string,
  audiences: readonly string[],
) => Promise<{ readonly user: User; readonly audiences: readonly string[] } | undefined>;

export function tokenReview(verify: VerifyToken): CreateHandler {
  return async ({ object }) => {
    const { token = "", audiences = [] } = (object.spec ?? {}) as { readonly token?: string; readonly audiences?: readonly string[] };
    if (token === "") throw badRequest("token is required for TokenReview in authentication");
    const found = await verify(token, audiences).catch((error: unknown) => {
      if (error instanceof ApiError && error.reason === "Unauthorized") return undefined;
      throw error;
    });
    const status =
      found === undefined
        ? { user: {}, error: "invalid bearer token" }
        : { authenticated: true, user: userInfo(found.user), audiences: found.audiences };
    return { ...object, status } as AnyObject;
  };
}
