/**
 * Group versions that another API server answers for. Who may ask is decided here, by the same rules as for everything
 * else; then the request is passed on as it came.
 */
import type { User } from "../api/user.ts";
import { mustBeAllowed } from "./forbidden.ts";
import { flag } from "./query.ts";
import { resourcePath } from "./request-info.ts";
import { attemptedVerb } from "./resources.ts";
import type { HttpServices, Mount } from "./services.ts";
import type { RequestTarget } from "./target.ts";

/** undefined: the request is for this server. @throws ApiError Forbidden */
export async function delegateFor({ segments, path, query }: RequestTarget, method: string, user: User, services: HttpServices): Promise<Mount["handler"] | undefined> {
  const [root, group, version] = segments;
  if (root !== "apis" || group === undefined || version === undefined) return undefined;
  const handler = services.delegate?.(group, version);
  if (handler === undefined) return undefined;
  const resource = resourcePath(segments);
  const verb = resource === undefined ? method.toLowerCase() : attemptedVerb(method, resource);
  const watches = resource !== undefined && verb === "list" && (resource.watch || flag(query, "watch"));
  await mustBeAllowed(services.authorizer, resource === undefined ? { user, verb, path } : { user, verb: watches ? "watch" : verb, resource });
  return handler;
}
