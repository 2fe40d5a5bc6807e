/** Bearer tokens that the operator or the composition root hands in: for the server's own helpers and for tests. */
import type { User } from "../../api/user.ts";
import { AUTHENTICATED } from "../../api/user.ts";
import type { Authenticator } from "../auth.ts";
import { digest } from "./secret-text.ts";

export function staticTokenAuthenticator(users: Iterable<readonly [token: string, user: User]>): Authenticator {
  const byDigest = new Map<string, User>();
  for (const [token, user] of users) {
    const groups = user.groups.includes(AUTHENTICATED) ? user.groups : [...user.groups, AUTHENTICATED];
    byDigest.set(digest(token).toString("hex"), { ...user, groups });
  }
  return async ({ bearer }) => (bearer === undefined ? undefined : byDigest.get(digest(bearer).toString("hex")));
}
