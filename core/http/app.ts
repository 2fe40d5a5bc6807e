/**
 * The Kubernetes API as a function from request to response. Read it from top to bottom: that is what happens to a request.
 *
 *   identify      an audit id for the answer and the log
 *   readTarget    the path, decoded once; tricks are refused before anything looks at it
 *   authenticate  who asks
 *   impersonate   as whom
 *   guard         a seat under the load limit, a deadline, the audit trail, the figures
 *   answer        resources → one handler per verb · discovery · pages · mounts of other parts
 *
 * There are no routes per kind: what a path means is looked up in the KindTable when it is asked.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { TLSSocket } from "node:tls";
import { Hono } from "hono";
import type { Context } from "hono";
import type { KindTable } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import { anonymous } from "../api/user.ts";
import type { User } from "../api/user.ts";
import { unauthorized, whoIs } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { AuditedRequest } from "./audit/audit.ts";
import type { Call } from "./call.ts";
import { delegateFor } from "./delegate.ts";
import { openDiscovery } from "./discovery/discovery.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { errorReply } from "./errors.ts";
import { mustBeAllowed } from "./forbidden.ts";
import { requested, verbOf } from "./fairness/asked.ts";
import { figures } from "./figures.ts";
import { guard } from "./guard.ts";
import type { GuardParts } from "./guard.ts";
import { openImpersonation } from "./impersonation/impersonate.ts";
import type { Format } from "./media.ts";
import { openApiPages } from "./openapi/openapi.ts";
import { openPages } from "./pages.ts";
import type { Pages } from "./pages.ts";
import { flag } from "./query.ts";
import type { Reply } from "./reply.ts";
import { resourcePath } from "./request-info.ts";
import type { ResourcePath } from "./request-info.ts";
import { requestMetrics } from "./request-metrics.ts";
import type { HttpServices } from "./services.ts";
import { answerResource } from "./resources.ts";
import { respond } from "./respond.ts";
import { noSuchPage, noSuchResource, parseTarget } from "./target.ts";
import type { RequestTarget } from "./target.ts";

/** What @hono/node-server hands over; absent when the application is called as a function. */
export interface Bindings {
  readonly incoming?: IncomingMessage | Http2ServerRequest;
  readonly outgoing?: ServerResponse | Http2ServerResponse;
}

interface Variables {
  auditId: string;
  target: RequestTarget;
  /** who presented credentials; differs from `user` under impersonation */
  authenticated: User;
  user: User;
}

interface Env {
  Bindings: Bindings;
  Variables: Variables;
}

export type App = Hono<Env>;

/** `closing` ends the watches and other streams. */
export function createApp(services: HttpServices, closing: AbortSignal): App {
  const metrics = requestMetrics({ kinds: services.kinds, now: services.clock.monotonic });
  const parts: Parts = {
    services,
    closing,
    discovery: openDiscovery(services.kinds),
    pages: openPages(services, openApiPages(services.kinds), () => metrics.text(figures(services))),
    guard: { clock: services.clock, metrics, limit: services.limit, audit: services.audit },
  };
  const impersonate = openImpersonation(services.authorizer);
  const app = new Hono<Env>();

  app.onError((error, c) => {
    const reply = errorReply(error, services.log, { id: c.get("auditId"), method: c.req.method, path: c.req.path, accept: c.req.header("accept"), formats: STATUS_FORMATS });
    refused(c, services, reply.status);
    return sent(c, reply, []);
  });

  // one handler: a chain of middleware would cost every request a promise and a closure for each step
  app.all("*", async (c) => {
    identify(c);
    c.set("target", parseTarget(rawUrl(c)));
    c.set("authenticated", await authenticate(c));
    c.set("user", await impersonate(headerLines(c), c.get("authenticated"), () => requested(c.req.method, c.get("target"))));
    return await answer(c);
  });

  function identify(c: Context<Env>): void {
    c.set("auditId", auditId(c.req.header("audit-id")) ?? services.entropy.uid());
  }

  async function authenticate(c: Context<Env>): Promise<User> {
    const header = (name: string) => c.req.header(name);
    const user = await whoIs({ header, socket: socketOf(c.env) }, services.authenticate);
    if (user === anonymous && services.anonymous === false && !isOpen(c.get("target").path, services)) throw unauthorized();
    return user;
  }

  async function answer(c: Context<Env>): Promise<Response> {
    const { path, misread } = c.get("target");
    const mount = misread === undefined ? services.mounts?.find(({ prefix }) => `${path}/`.startsWith(prefix)) : undefined;
    if (mount !== undefined) return await mount.handler(c.req.raw, c.get("user"));
    const delegate = misread === undefined ? await delegateFor(c.get("target"), c.req.method, c.get("user"), services) : undefined;
    if (delegate !== undefined) return await delegate(c.req.raw, c.get("user"));
    const warnings: string[] = [];
    const call = callOf(c, warnings, closing, services.cbor ?? false);
    const resource = resourcePath(call.segments);
    const request = requestOf(c, call, resource);
    const custom = resource !== undefined && isCustomResource(services.kinds, resource);
    const asked = { id: request.id, method: call.method, path, accept: call.header("accept"), formats: custom ? CUSTOM_STATUS_FORMATS : STATUS_FORMATS };
    const failed = (error: unknown) => errorReply(error, services.log, asked);
    const { reply, headers } = await guard(call, request, parts.guard, () => handle(call, resource, parts), failed);
    return sent(c, reply, warnings, headers);
  }

  function sent(c: Context<Env>, reply: Reply, warnings: readonly string[], more?: { readonly [name: string]: string }): Response {
    return respond(reply, { id: c.get("auditId"), method: c.req.method, outgoing: c.env?.outgoing, clock: services.clock, warnings, more });
  }

  return app;
}

/** What a Status can be sent in; of a custom resource not as protobuf, like its objects. */
const CUSTOM_STATUS_FORMATS: readonly Format[] = ["json", "yaml"];
const STATUS_FORMATS: readonly Format[] = [...CUSTOM_STATUS_FORMATS, "protobuf"];

function isCustomResource(kinds: KindTable, { group, version, plural }: ResourcePath): boolean {
  const kind = kinds.byResource(group, version, plural);
  return kind !== undefined && isCustom(kind);
}

interface Parts {
  readonly services: HttpServices;
  readonly closing: AbortSignal;
  readonly discovery: Discovery;
  readonly pages: Pages;
  readonly guard: GuardParts;
}

/** Load balancers probe without credentials; devices enroll before they have any. */
function isOpen(path: string, { mounts }: HttpServices): boolean {
  return ["/healthz", "/livez", "/readyz"].includes(path) || mounts?.some(({ prefix }) => `${path}/`.startsWith(prefix)) === true;
}

/** A request that got no further than its credentials leaves a trace, too. */
function refused(c: Context<Env>, { audit }: HttpServices, status: number): void {
  const target = c.get("target") as RequestTarget | undefined;
  if (audit === undefined || target === undefined) return;
  const user = (c.get("authenticated") as User | undefined) ?? { name: "", groups: [] };
  const call = { ...target, method: c.req.method, user, header: (name: string) => c.req.header(name) };
  audit.begin({ ...requestOf(c, call, resourcePath(target.segments)), authenticated: user })?.done(status);
}

type Asking = Pick<Call, "user" | "method" | "query" | "path" | "rawPath" | "header">;

function requestOf(c: Context<Env>, call: Asking, resource: ResourcePath | undefined): AuditedRequest {
  const { incoming } = c.env ?? {};
  const from = incoming?.socket?.remoteAddress;
  return {
    id: c.get("auditId"),
    user: call.user,
    authenticated: c.get("authenticated"),
    verb: verbOf(call.method, resource, flag(call.query, "watch")),
    path: call.path,
    uri: incoming?.url ?? call.rawPath,
    resource,
    sourceIps: from === undefined ? [] : [from.replace(/^::ffff:/, "")],
    userAgent: call.header("user-agent"),
  };
}

/** Who may not even ask does not learn that there is nothing. */
async function misreadRefusal(call: Call, { services }: Parts): Promise<Error> {
  const asked = requested(call.method, call);
  await mustBeAllowed(services.authorizer, { ...asked, user: call.user });
  return "resource" in asked && asked.resource.group === "" && call.path.startsWith("/apis") ? noSuchPage() : noSuchResource();
}

async function handle(call: Call, resource: ResourcePath | undefined, parts: Parts): Promise<Reply> {
  if (call.misread !== undefined) throw await misreadRefusal(call, parts);
  if (resource !== undefined) return await answerResource(call, resource, parts);
  await mustBeAllowed(parts.services.authorizer, { user: call.user, verb: call.method.toLowerCase(), path: call.path });
  const [root] = call.segments;
  if (root === "api" || root === "apis") return parts.discovery.answer(call);
  const page = parts.pages.find(call.path);
  if (page === undefined) throw noSuchPage();
  return await page(call);
}

function callOf(c: Context<Env>, warnings: string[], closing: AbortSignal, cbor: boolean): Call {
  const header = (name: string) => c.req.header(name);
  let body: Promise<Uint8Array> | undefined;
  return {
    ...c.get("target"),
    method: c.req.method,
    user: c.get("user"),
    cbor,
    header,
    body: () => (body ??= readBody(c.env?.incoming ?? c.req.raw, header("content-length"))),
    bodyRead: () => body,
    warnings,
    warn(text) {
      if (!warnings.includes(text)) warnings.push(text);
    },
    signal: closing,
    outgoing: c.env?.outgoing,
  };
}

/** An id that a client gives is kept, so that a chain of servers logs one id. */
function auditId(given: string | undefined): string | undefined {
  return given !== undefined && /^[\w-]{1,64}$/.test(given) ? given : undefined;
}

/** The bytes of the request line: c.req.url is already resolved by a URL parser. */
function rawUrl(c: Context<Env>): string {
  const { incoming } = c.env ?? {};
  if (incoming?.url !== undefined) return incoming.url;
  const { pathname, search } = new URL(c.req.url);
  return pathname + search;
}

function socketOf(env: Bindings | undefined): TLSSocket | undefined {
  const incoming = env?.incoming;
  if (incoming === undefined) return undefined;
  // node:http2 hides the socket behind a proxy that has no identity of its own
  const socket = "stream" in incoming ? incoming.stream.session?.socket : incoming.socket;
  // asked for as a value: the proxy of node:http2 does not answer `in`
  return typeof (socket as Partial<TLSSocket> | undefined)?.getPeerX509Certificate === "function" ? (socket as TLSSocket) : undefined;
}

/** Header lines one by one, names in lower case: values that hold commas stay whole. */
function* headerLines(c: Context<Env>): Iterable<readonly [string, string]> {
  const raw = c.env?.incoming?.rawHeaders;
  if (raw === undefined) {
    yield* c.req.raw.headers;
    return;
  }
  for (let at = 0; at + 1 < raw.length; at += 2) yield [(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""];
}
