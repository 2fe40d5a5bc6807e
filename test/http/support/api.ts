/** The HTTP application over a real registry and a memory store, called as a function, without a port. */
import type { Client } from "../../../core/api/client.ts";
import { systemEntropy } from "../../../core/api/entropy.ts";
import { kindTable } from "../../../core/api/kind-table.ts";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../../core/api/kinds/hooks.ts";
import { silentLog } from "../../../core/api/log.ts";
import type { Log } from "../../../core/api/log.ts";
import { AUTHENTICATED, MASTERS } from "../../../core/api/user.ts";
import type { User } from "../../../core/api/user.ts";
import { ApiError } from "../../../core/api/status.ts";
import type { Authorizer } from "../../../core/auth/auth.ts";
import { authorizerChain, mastersAuthorizer } from "../../../core/auth/authz/chain.ts";
import { rbacAuthorizer } from "../../../core/auth/authz/rbac.ts";
import { defaultRbac } from "../../../core/auth/default-rbac.ts";
import { createApp } from "../../../core/http/app.ts";
import { serverItself } from "../../../core/http/streams/pod-target.ts";
import type { HttpServices } from "../../../core/http/services.ts";
import { openRegistry } from "../../../core/registry/registry.ts";
import { memoryDriver } from "../../../core/store/drivers/memory.ts";
import { openStore } from "../../../core/store/open.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import type { VirtualClock } from "../../support/virtual-clock.ts";

export interface Api {
  readonly services: HttpServices;
  readonly admin: Client;
  readonly clock: VirtualClock;
  readonly closing: AbortController;
  /** what was logged as an error */
  readonly errors: readonly string[];
  /** as the administrator, unless the headers say otherwise */
  send(method: string, path: string, more?: { readonly body?: unknown; readonly headers?: Record<string, string> }): Promise<Response>;
}

/** Bearer tokens are user names; "admin" is a member of system:masters. */
async function byName({ bearer }: { readonly bearer?: string | undefined }): Promise<User | undefined> {
  if (bearer === undefined) return undefined;
  if (bearer === "wrong") throw new ApiError("Unauthorized", "Unauthorized");
  return { name: bearer, groups: bearer === "admin" ? [MASTERS, AUTHENTICATED] : [AUTHENTICATED] };
}

/** `rights`: what users who are no administrators may do. */
export async function openApi(more: Partial<HttpServices> = {}, rights: readonly Authorizer[] = []): Promise<Api> {
  const clock = virtualClock();
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (fields, message) => void errors.push(`${message}: ${JSON.stringify(fields)}`), child: () => log };
  const store = await openStore(memoryDriver(), { clock });
  const kinds = kindTable(builtinKinds(builtInHooks));
  const rbac = defaultRbac();
  const roles = new Map(rbac.clusterRoles.map((role) => [role.metadata.name ?? "", role]));
  const authorizer = authorizerChain([
    mastersAuthorizer,
    { authorize: async ({ user }) => ({ allowed: user === serverItself, denied: false, reason: "" }) },
    ...rights,
    rbacAuthorizer({
      clusterRoleBindings: () => rbac.clusterRoleBindings,
      roleBindings: () => [],
      clusterRole: (name) => roles.get(name),
      role: () => undefined,
    }),
  ]);
  const registry = openRegistry({ store, kinds, authorizer, admission: [], clock, freeze: true });
  const admin = registry.clientFor({ name: "admin", groups: [MASTERS] });
  await admin.create({ group: "", version: "v1", plural: "namespaces" }, { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } });
  const services: HttpServices = { kinds, clientFor: registry.clientFor, authenticate: byName, authorizer, clock, entropy: systemEntropy, log, ...more };
  const closing = new AbortController();
  const app = createApp(services, closing.signal);
  return {
    services,
    admin,
    clock,
    closing,
    errors,
    async send(method, path, { body, headers = {} } = {}) {
      const all = new Headers({ authorization: "Bearer admin", ...headers });
      if (headers["authorization"] === "") all.delete("authorization");
      if (body !== undefined && !all.has("content-type")) all.set("content-type", "application/json");
      const bytes = body === undefined ? null : typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
      return await app.request(path, { method, headers: all, body: bytes as string | null });
    },
  };
}

export const configMap = (name: string, data: Record<string, string> = { k: "v" }) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
