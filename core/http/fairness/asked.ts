/** A request as flow control and audit look at it: who, which verb of what, before anything about it is decided. */
import type { User } from "../../api/user.ts";
import { flag } from "../query.ts";
import type { ResourcePath } from "../request-info.ts";
import { resourcePath } from "../request-info.ts";
import type { RequestTarget } from "../target.ts";

export interface Asked {
  readonly user: User;
  /** of the API for resources (list, deletecollection), of HTTP in lower case for other paths */
  readonly verb: string;
  readonly path: string;
  /** undefined: not a resource */
  readonly resource: ResourcePath | undefined;
}

export const attempts: { readonly [method: string]: string } = { GET: "get", HEAD: "get", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

/** apiserver's RequestInfo.Verb */
export function verbOf(method: string, resource: ResourcePath | undefined, watching: boolean): string {
  if (resource === undefined) return method.toLowerCase();
  // other methods do nothing to a resource
  const verb = attempts[method] ?? "";
  if (resource.watch || (watching && verb === "get")) return "watch";
  if (resource.name !== undefined) return verb;
  return verb === "get" ? "list" : verb === "delete" ? "deletecollection" : verb;
}

/** What a request asks to do, as authorizers are asked, before anybody knows for whom. */
export function requested(method: string, { path, segments, query, misread }: RequestTarget): Requested {
  const resource = resourcePath(misread ?? segments);
  const verb = verbOf(method, resource, flag(query, "watch"));
  return resource === undefined ? { verb, path } : { verb, resource };
}

type Requested = { readonly verb: string; readonly path: string } | { readonly verb: string; readonly resource: ResourcePath };

/** Subresources whose requests last as long as somebody looks: they hold no seat and have no deadline. */
const streaming = new Set(["attach", "exec", "log", "portforward", "proxy"]);

export function isStream({ resource }: Pick<Asked, "resource">): boolean {
  return resource?.subresource !== undefined && streaming.has(resource.subresource);
}

export const isMutating = ({ verb }: Pick<Asked, "verb">): boolean => !["get", "list", "watch", "head", "options"].includes(verb);
