/**
 * Path and method → what to do, or why not. Routes are not registered anywhere: they are read from the KindTable at each
 * request, so a custom resource is served the moment its row appears and gone the moment the row goes.
 */
import type { Kind, KindTable, Subresource, Verb } from "../api/kinds.ts";
import type { ResourcePath } from "./request-info.ts";

export type Action = Verb | "connect";

export interface Route {
  readonly kind: Kind;
  readonly action: Action;
  readonly namespace: string | undefined;
  /** undefined for collections */
  readonly name: string | undefined;
  readonly subresource: Subresource | undefined;
  readonly rest: readonly string[];
}

export type Routing = Route | "not found" | "method not allowed";

const ofCollection: { readonly [method: string]: Verb } = { GET: "list", POST: "create", DELETE: "deletecollection" };
const ofObject: { readonly [method: string]: Verb } = { GET: "get", PUT: "update", PATCH: "patch", DELETE: "delete" };
const ofSubresource: { readonly [method: string]: Verb } = { ...ofObject, POST: "create" };
const itemVerbs: readonly Verb[] = ["get", "update", "patch", "delete"];
/** Subresources that are a connection to a device: opened with GET (WebSocket) or POST (SPDY); a proxy takes every method. */
const connections = new Set(["attach", "exec", "portforward", "proxy"]);
/** Subresources whose further path belongs to the backend. */
const withPath = new Set(["proxy"]);

export function route(kinds: KindTable, path: ResourcePath, method: string, watching: boolean): Routing {
  const kind = kinds.byResource(path.group, path.version, path.plural);
  if (kind === undefined) return "not found";
  const at = { kind, namespace: path.namespace, name: path.name, rest: path.rest };
  if (path.namespace !== undefined && !kind.namespaced) return "not found";
  if (path.name === undefined) {
    const verb = watching && method === "GET" ? "watch" : ofCollection[method];
    // across all namespaces one can look, not write
    const everywhere = kind.namespaced && path.namespace === undefined;
    if (verb === undefined || !kind.verbs.includes(verb) || (everywhere && verb !== "list" && verb !== "watch")) {
      return "method not allowed";
    }
    return { ...at, action: verb, subresource: undefined };
  }
  if (kind.namespaced && path.namespace === undefined) return "not found";
  if (path.subresource === undefined) {
    if (path.watch && method === "GET") return kind.verbs.includes("watch") ? { ...at, action: "watch", subresource: undefined } : "method not allowed";
    if (!itemVerbs.some((verb) => kind.verbs.includes(verb))) return "not found";
    const verb = ofObject[method];
    if (verb === undefined || !kind.verbs.includes(verb)) return "method not allowed";
    return { ...at, action: verb, subresource: undefined };
  }
  const subresource = kind.subresources.find((each) => each.name === path.subresource);
  if (subresource === undefined || (path.rest.length > 0 && !withPath.has(subresource.name))) return "not found";
  if (connections.has(subresource.name)) {
    const open = withPath.has(subresource.name) || method === "GET" || method === "POST";
    return open ? { ...at, action: "connect", subresource } : "method not allowed";
  }
  const verb = ofSubresource[method];
  if (verb === undefined || !subresource.verbs.includes(verb)) return "method not allowed";
  return { ...at, action: verb, subresource };
}
