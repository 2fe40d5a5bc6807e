/**
 * …/proxy: HTTP to a node's own pages, to a port of a pod, or to a ready pod of a service, over a stream to the device.
 * What the client may not see of this server (its credentials) is not passed on; everything else goes as it came.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Client } from "../../api/client.ts";
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from "../../api/resources.gen.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import { streamSocket } from "../../api/stream-socket.ts";
import type { StreamRequest } from "../../api/streams.ts";
import type { Call } from "../call.ts";
import { mustBeAllowed } from "../forbidden.ts";
import type { Message } from "../reply.ts";
import type { Route } from "../route.ts";
import type { HttpServices } from "../services.ts";
import { connectOptions } from "./connect-options.ts";
import { opened } from "./log.ts";
import { serverItself } from "./pod-target.ts";

const verbs: { readonly [method: string]: string } = { GET: "get", HEAD: "get", OPTIONS: "get", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };
/** Passed on; hop-by-hop headers and credentials are not. */
const requestHeaders = ["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "cookie", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "origin", "range", "referer", "user-agent", "x-requested-with"];
const hopByHop = new Set(["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"]);
/** An application may think longer than this server waits for anything else, but not for ever. */
const ANSWER_MS = 60_000;

interface Backend {
  readonly node: string;
  readonly stream: StreamRequest;
}

export async function proxy(call: Call, at: Route & { readonly name: string }, services: HttpServices): Promise<Message> {
  const { kind, namespace, name, subresource } = at;
  const { group, version, plural } = kind;
  const resource = { group, version, plural, subresource: subresource?.name, namespace, name };
  await mustBeAllowed(services.authorizer, { user: call.user, verb: verbs[call.method] ?? call.method.toLowerCase(), resource });
  const base = call.rawPath.slice(0, call.rawPath.indexOf("/proxy", call.rawPath.indexOf(`/${plural}/`)) + "/proxy".length);
  const path = call.rawPath.slice(base.length);
  if (path === "" && call.method === "GET") return { status: 301, headers: { Location: `${base}/${queryOf(call)}` }, body: null };

  const options = connectOptions({ plural, subresource: "proxy", query: call.query, path: decodeURIComponent(path) });
  await services.clientFor(call.user).connect({ group, version, plural }, { namespace, name, subresource: "proxy" }, options, { warn: call.warn });
  const { node, stream } = await backend(services.clientFor(serverItself), plural, namespace, name);
  const gone = new AbortController();
  const device = await opened(services.streams).open(node, stream, gone.signal);
  const body = call.method === "GET" || call.method === "HEAD" ? undefined : await call.body();
  const answer = await exchange(call, { path: `${path}${queryOf(call)}`, host: name, socket: () => streamSocket(device), body });
  answer.once("close", () => gone.abort());
  return { status: answer.statusCode ?? 502, headers: headersOf(answer, base), body: call.method === "HEAD" ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>) };
}

function exchange(call: Call, to: { readonly path: string; readonly host: string; readonly socket: () => ReturnType<typeof streamSocket>; readonly body: Uint8Array | undefined }): Promise<IncomingMessage> {
  const headers: { [name: string]: string } = { host: to.host };
  for (const name of requestHeaders) {
    const value = call.header(name);
    if (value !== undefined) headers[name] = value;
  }
  if (to.body !== undefined) headers["content-length"] = String(to.body.length);
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(error instanceof ApiError ? error : new ApiError("ServiceUnavailable", `error trying to reach service: ${error.message}`));
    const asked = httpRequest({ method: call.method, path: to.path, headers, createConnection: to.socket, timeout: ANSWER_MS });
    asked.once("response", resolve).once("error", failed);
    asked.once("timeout", () => asked.destroy(new Error("no answer in time")));
    call.signal.addEventListener("abort", () => asked.destroy(), { once: true });
    asked.end(to.body);
  });
}

/** @throws ApiError */
async function backend(client: Client, plural: string, namespace: string | undefined, name: string): Promise<Backend> {
  const target = nameAndPort(name);
  if (plural === "nodes") {
    await client.get(NODES, { name: target.name });
    return { node: target.name, stream: { type: "kubelet" } };
  }
  if (plural === "pods") return await podBackend(client, namespace, target.name, target.port);
  return await serviceBackend(client, namespace, target.name, target.port);
}

async function podBackend(client: Client, namespace: string | undefined, name: string, asked: string): Promise<Backend> {
  const pod = await client.get(PODS, { namespace, name });
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const port = asked === "" ? ports[0]?.containerPort ?? 80 : /^\d+$/.test(asked) ? Number(asked) : ports.find((each) => each.name === asked)?.containerPort;
  if (port === undefined) throw badRequest(`pod ${name} has no port named ${JSON.stringify(asked)}`);
  const node = pod.spec?.nodeName ?? "";
  if (node === "") throw badRequest(`pod ${name} does not have a host assigned`);
  return { node, stream: { type: "portforward", namespace: namespace ?? "", pod: name, uid: pod.metadata.uid ?? "", port } };
}

async function serviceBackend(client: Client, namespace: string | undefined, name: string, asked: string): Promise<Backend> {
  const service = await client.get(SERVICES, { namespace, name });
  const ports = service.spec?.ports ?? [];
  const port = asked === "" && ports.length === 1 ? ports[0] : ports.find((each) => each.name === asked || String(each.port) === asked);
  if (port === undefined) throw new ApiError("ServiceUnavailable", `no service port ${JSON.stringify(asked)} found for service ${JSON.stringify(name)}`);
  const { items } = await client.list(ENDPOINT_SLICES, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  for (const slice of items) {
    const number = slice.ports?.find((each) => (each.name ?? "") === (port.name ?? ""))?.port;
    for (const { conditions, targetRef, nodeName } of slice.endpoints ?? []) {
      if (conditions?.ready === false || targetRef?.kind !== "Pod" || nodeName === undefined || number === undefined) continue;
      return { node: nodeName, stream: { type: "portforward", namespace: namespace ?? "", pod: targetRef.name ?? "", uid: targetRef.uid ?? "", port: number } };
    }
  }
  throw new ApiError("ServiceUnavailable", `no endpoints available for service ${JSON.stringify(name)}`);
}

/** "name", "name:port", "http:name:port"; @throws ApiError for https, which a device has no key to check for */
function nameAndPort(text: string): { readonly name: string; readonly port: string } {
  const parts = text.split(":");
  const [scheme = "", name = "", port = ""] = parts.length === 3 ? parts : ["", ...parts];
  if (parts.length > 3 || name === "") throw badRequest(`invalid proxy target ${JSON.stringify(text)}: expected [http:]name[:port]`);
  if (scheme !== "" && scheme !== "http") throw badRequest(`invalid proxy target ${JSON.stringify(text)}: only http is supported`);
  return { name, port };
}

function headersOf(answer: IncomingMessage, base: string): { readonly [name: string]: string } {
  const headers: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || hopByHop.has(name)) continue;
    const text = Array.isArray(value) ? value.join(", ") : value;
    headers[name] = name === "location" && text.startsWith("/") ? `${base}${text}` : text;
  }
  return headers;
}

function queryOf({ query }: Call): string {
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
