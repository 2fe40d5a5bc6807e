/**
 * Requests for resources: routed by the KindTable, then one handler per verb, the same for every kind. Who may do what is
 * decided behind the Client; here only for what does not exist, so that refusals come before answers.
 */
import type { Resource } from "../api/client.ts";
import { ApiError, badRequest, notFound } from "../api/status.ts";
import { isCustom } from "../api/kinds.ts";
import { parseSelection } from "../registry/selection.ts";
import type { Call } from "./call.ts";
import { deprecation } from "./deprecations.ts";
import { attempts, verbOf } from "./fairness/asked.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { mustBeAllowed } from "./forbidden.ts";
import { METRICS_GROUP, metrics } from "./metrics-api.ts";
import { flag } from "./query.ts";
import { get, list } from "./read.ts";
import type { Reply } from "./reply.ts";
import type { ResourcePath } from "./request-info.ts";
import { route } from "./route.ts";
import type { Action, Route } from "./route.ts";
import type { HttpServices } from "./services.ts";
import { connectOptions } from "./streams/connect-options.ts";
import { logs } from "./streams/log.ts";
import { PODS, podView, serverItself } from "./streams/pod-target.ts";
import { proxy } from "./streams/proxy.ts";
import { methodNotAllowed, noSuchPage, noSuchResource } from "./target.ts";
import { watch } from "./watch.ts";
import { create, patch, remove, removeCollection, update } from "./write.ts";

export interface ResourceParts {
  readonly services: HttpServices;
  readonly discovery: Discovery;
}

export async function answerResource(call: Call, path: ResourcePath, { services, discovery }: ResourceParts): Promise<Reply> {
  const routing = route(services.kinds, path, call.method, path.watch || flag(call.query, "watch"));
  if (routing === "not found" || routing === "method not allowed") {
    // who may not even try does not learn what exists
    await mustBeAllowed(services.authorizer, { user: call.user, verb: attemptedVerb(call.method, path), resource: path });
    const kind = services.kinds.byResource(path.group, path.version, path.plural);
    // a custom resource has one handler for all paths of an object: what it does not have there is not found like the object
    if (kind !== undefined && isCustom(kind) && path.name !== undefined && path.subresource !== undefined) throw notFound(kind, path.name);
    throw routing === "method not allowed" ? methodNotAllowed() : discovery.serves(path.group, path.version) ? noSuchResource() : noSuchPage();
  }
  const deprecated = deprecation(routing.kind);
  if (deprecated !== undefined) call.warn(deprecated);
  if (routing.kind.group === METRICS_GROUP) return await metrics(call, routing, services);
  if (routing.subresource?.name === "proxy") return await proxy(call, named(routing), services);
  if (routing.subresource?.name === "log") return await podLog(call, named(routing), services);
  if (WITH_BODY.has(routing.action)) await mustBeAllowed(services.authorizer, { user: call.user, verb: routing.action, resource: askedOf(call, routing) });
  try {
    return await verbs[routing.action](call, routing, services);
  } catch (error) {
    // what is wrong with a request is told to those only who may make it
    if (error instanceof ApiError && MISTAKES.has(error.code) && routing.action !== "connect") {
      await mustBeAllowed(services.authorizer, { user: call.user, verb: routing.action, resource: askedOf(call, routing) });
    }
    throw error;
  }
}

/** Nobody who may not write makes the server read what they sent. The registry asks again: it has other callers, too. */
const WITH_BODY: ReadonlySet<Action> = new Set(["create", "update", "patch", "delete", "deletecollection"]);

function askedOf({ query }: Call, { kind, subresource, namespace, name, action }: Route) {
  const { group, version, plural } = kind;
  const resource = { group, version, plural, subresource: subresource?.name, namespace, name };
  if (action !== "deletecollection") return resource;
  const fieldSelector = query.get("fieldSelector") || undefined;
  return { ...resource, labelSelector: query.get("labelSelector") || undefined, fieldSelector, name: nameIn(fieldSelector) };
}

/** A selector that names one object asks for that one. */
function nameIn(fieldSelector: string | undefined): string | undefined {
  try {
    return parseSelection({ fieldSelector }).name;
  } catch {
    return undefined;
  }
}

/** Answers to requests that may not have come as far as authorization, which is behind the Client. */
const MISTAKES = new Set([400, 406, 413, 415, 422]);

type Handler = (call: Call, route: Route, services: HttpServices) => Promise<Reply>;

const verbs: { readonly [action in Action]: Handler } = {
  get: (call, at, { clientFor, clock }) => get(call, named(at), clientFor(call.user), clock.now()),
  list: (call, at, { clientFor, clock }) => list(call, at, clientFor(call.user), clock.now()),
  watch: (call, at, services) => watch(call, at, services.clientFor(call.user), services),
  create: (call, at, services) => create(call, at, services.clientFor(call.user), writing(services)),
  update: (call, at, services) => update(call, named(at), services.clientFor(call.user), writing(services)),
  patch: (call, at, services) => patch(call, named(at), services.clientFor(call.user), writing(services)),
  delete: (call, at, services) => remove(call, named(at), services.clientFor(call.user), writing(services)),
  deletecollection: (call, at, services) => removeCollection(call, at, services.clientFor(call.user), writing(services)),
  connect: (call, at, services) => withoutUpgrade(call, named(at), services),
};

/** Authorized here: who may read a log need not be allowed to read the pod. */
async function podLog(call: Call, { namespace, name }: Route & { readonly name: string }, services: HttpServices): Promise<Reply> {
  const resource = { group: "", version: "v1", plural: "pods", subresource: "log", namespace, name };
  await mustBeAllowed(services.authorizer, { user: call.user, verb: "get", resource });
  const pod = await services.clientFor(serverItself).get(PODS, { namespace, name });
  return await logs(call, pod, services.streams, services.clock);
}

/** exec and the like came as a plain request: what else is wrong with it is told first. */
async function withoutUpgrade(call: Call, { kind, namespace, name, subresource }: Route & { readonly name: string }, services: HttpServices): Promise<never> {
  const { group, version, plural } = kind;
  const resource = { group, version, plural, subresource: subresource?.name, namespace, name };
  await mustBeAllowed(services.authorizer, { user: call.user, verb: attempts[call.method] ?? "create", resource });
  const of: Resource = { group, version, plural };
  const options = connectOptions({ plural, subresource: subresource?.name ?? "", query: call.query });
  await services.clientFor(call.user).connect(of, { namespace, name, subresource: subresource?.name }, options, { warn: call.warn });
  const object = await services.clientFor(serverItself).get(of, { namespace, name });
  if (plural === "pods" && podView(object).node === "") throw badRequest(`pod ${name} does not have a host assigned`);
  throw badRequest("Upgrade request required: send Upgrade: websocket, or Upgrade: SPDY/3.1");
}

const writing = ({ kinds, clock }: HttpServices) => ({ kinds, now: clock.now() });

function named(at: Route): Route & { readonly name: string } {
  if (at.name === undefined) throw noSuchResource();
  return { ...at, name: at.name };
}

export function attemptedVerb(method: string, path: ResourcePath): string {
  return verbOf(method, path, false);
}
