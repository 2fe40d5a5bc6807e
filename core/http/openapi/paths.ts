/**
 * The paths of an OpenAPI document, from the KindTable: which operations there are, what each does and to what kind, and
 * what it takes. kubectl looks here for the query parameter `fieldValidation` and for the patch types of a kind.
 */
import type { Kind, Subresource, Verb } from "../../api/kinds.ts";
import { hasProtobuf } from "../media.ts";
import { patchTypesOf } from "../write.ts";

export type Method = "get" | "put" | "post" | "delete" | "patch" | "options" | "head";

export interface Operation {
  readonly path: string;
  readonly method: Method;
  /** x-kubernetes-action */
  readonly action: "get" | "list" | "post" | "put" | "patch" | "delete" | "deletecollection" | "watch" | "watchlist" | "connect";
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** the OpenAPI model of what is answered, when it is an object of the kind or its list */
  readonly answers: "object" | "list" | "status" | "none";
  /** media types of the body; none: it takes no body */
  readonly consumes: readonly string[];
}

/** GET is a query of these; writes have these. */
export const queryOf: { readonly [action in Operation["action"]]: readonly string[] } = {
  get: [],
  list: [],
  watch: [],
  watchlist: [],
  connect: [],
  post: ["dryRun", "fieldManager", "fieldValidation"],
  put: ["dryRun", "fieldManager", "fieldValidation"],
  patch: ["dryRun", "fieldManager", "fieldValidation", "force"],
  delete: ["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"],
  deletecollection: ["dryRun", "gracePeriodSeconds", "labelSelector", "fieldSelector", "limit", "continue", "propagationPolicy"],
};

const anyType = ["*/*"];
const connects = new Set(["attach", "exec", "portforward", "proxy"]);
const proxyMethods: readonly Method[] = ["get", "put", "post", "delete", "options", "head", "patch"];

export function operationsOf(kind: Kind): readonly Operation[] {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const collection = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const watched = collection.replace(root, `${root}/watch`);
  const object = `${collection}/{name}`;
  const has = (verb: Verb) => kind.verbs.includes(verb);
  const op = (path: string, method: Method, action: Operation["action"], answers: Operation["answers"], consumes: readonly string[] = []): Operation => ({
    path,
    method,
    action,
    kind: { group: kind.group, version: kind.version, kind: kind.kind },
    answers,
    consumes,
  });
  const patchTypes = patchTypesOf(!hasProtobuf(kind)).toSorted();
  const all: Operation[] = [];
  if (has("list")) all.push(op(collection, "get", "list", "list"));
  if (has("create")) all.push(op(collection, "post", "post", "object", anyType));
  if (has("deletecollection")) all.push(op(collection, "delete", "deletecollection", "status", anyType));
  if (has("get")) all.push(op(object, "get", "get", "object"));
  if (has("update")) all.push(op(object, "put", "put", "object", anyType));
  if (has("patch")) all.push(op(object, "patch", "patch", "object", patchTypes));
  if (has("delete")) all.push(op(object, "delete", "delete", "status", anyType));
  if (kind.namespaced && has("list")) all.push(op(`${root}/${kind.plural}`, "get", "list", "list"));
  if (has("watch")) {
    all.push(op(watched, "get", "watchlist", "none"), op(`${watched}/{name}`, "get", "watch", "none"));
    if (kind.namespaced) all.push(op(`${root}/watch/${kind.plural}`, "get", "watchlist", "none"));
  }
  for (const subresource of kind.subresources) all.push(...subresourceOperations(`${object}/${subresource.name}`, kind, subresource, patchTypes));
  return all;
}

const verbMethods: { readonly [verb: string]: { readonly method: Method; readonly action: Operation["action"] } } = {
  get: { method: "get", action: "get" },
  create: { method: "post", action: "post" },
  update: { method: "put", action: "put" },
  patch: { method: "patch", action: "patch" },
  delete: { method: "delete", action: "delete" },
};

function subresourceOperations(path: string, parent: Kind, subresource: Subresource, patchTypes: readonly string[]): readonly Operation[] {
  const kind = subresource.kind ?? { group: parent.group, version: parent.version, kind: parent.kind };
  if (connects.has(subresource.name)) {
    const proxied = subresource.name === "proxy";
    const paths = proxied ? [path, `${path}/{path}`] : [path];
    const methods = proxied ? proxyMethods : (["get", "post"] as const);
    return paths.flatMap((each) => methods.map((method): Operation => ({ path: each, method, action: "connect", kind, answers: "none", consumes: [] })));
  }
  return subresource.verbs.flatMap((verb): Operation[] => {
    const known = verbMethods[verb];
    if (known === undefined) return [];
    const consumes = verb === "get" ? [] : verb === "patch" ? patchTypes : anyType;
    return [{ path, ...known, kind, answers: subresource.name === "log" ? "none" : "object", consumes }];
  });
}
