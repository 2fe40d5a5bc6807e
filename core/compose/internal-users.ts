/**
 * The users that exist before any role does: one fills the shared caches and may only read, one makes the objects of a
 * fresh cluster and may only create and extend, one looks up what logs, exec, proxies and metrics are about. Everybody else,
 * controllers included, lives by RBAC.
 */
import { AUTHENTICATED, type User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import { serverItself } from "../http/streams/pod-target.ts";

export const cacheUser: User = { name: "system:lichen:cache", groups: [AUTHENTICATED] };
export const bootstrapUser: User = { name: "system:lichen:bootstrap", groups: [AUTHENTICATED] };

/** Serves what others define: keeps definitions, removes the instances of one that goes. */
export const extensionsUser: User = { name: "system:lichen:extensions", groups: [AUTHENTICATED] };

/** Says in the status of flow schemas whether their priority level is there. */
export const flowControlUser: User = { name: "system:lichen:flow-control", groups: [AUTHENTICATED] };

/** Keeps the addresses of Services and the objects that stand for them together. */
export const serviceAddressUser: User = { name: "system:lichen:service-addresses", groups: [AUTHENTICATED] };

/** Holds the Lease of the server that acts, where there are several. */
export const electionUser: User = { name: "system:lichen:election", groups: [AUTHENTICATED] };

const verbsOf: ReadonlyMap<User, ReadonlySet<string>> = new Map([
  [cacheUser, new Set(["get", "list", "watch"])],
  [serverItself, new Set(["get", "list"])],
  [extensionsUser, new Set(["get", "list", "watch", "create", "update", "patch", "delete"])],
  [flowControlUser, new Set(["patch"])],
  [electionUser, new Set(["get", "create", "update"])],
  [serviceAddressUser, new Set(["get", "create", "delete"])],
  [bootstrapUser, new Set(["get", "create", "update", "patch", "escalate", "bind"])],
]);

/** Recognises the users by identity: no credential in the world makes a caller one of these objects. */
export const internalAuthorizer: Authorizer = {
  async authorize(asked) {
    const verbs = verbsOf.get(asked.user);
    if (verbs?.has(asked.verb) === true) return { allowed: true, reason: "part of the control plane" };
    return { allowed: false, denied: false, reason: "" };
  },
};
