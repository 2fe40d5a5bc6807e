/**
 * Connections that leave HTTP: exec, attach and port-forward (WebSocket, or SPDY for old clients), and logs and watches
 * over WebSocket. They come with an `Upgrade` header, so they pass by the application; the steps are the same, in the
 * same order: target, authentication, impersonation, authorization. Only then does anything switch.
 */
import type { IncomingMessage } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { anonymous } from "../../api/user.ts";
import type { User } from "../../api/user.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import { encodedOf } from "../../registry/encoded.ts";
import { unauthorized, whoIs } from "../authenticate.ts";
import { errorReply } from "../errors.ts";
import { requested, verbOf } from "../fairness/asked.ts";
import { mustBeAllowed } from "../forbidden.ts";
import { connectOptions } from "./connect-options.ts";
import { openImpersonation } from "../impersonation/impersonate.ts";
import { flag, listOptions } from "../query.ts";
import { resourceOf } from "../read.ts";
import { resourcePath } from "../request-info.ts";
import { route } from "../route.ts";
import type { Route } from "../route.ts";
import { untilReplaced } from "../until-replaced.ts";
import type { HttpServices } from "../services.ts";
import { methodNotAllowed, noSuchResource, parseTarget } from "../target.ts";
import { channelClient, channelForm, channelProtocols, sendMessage } from "./channels.ts";
import { logChunks, opened } from "./log.ts";
import { PODS, chooseContainer, commandOptions, logOptions, podView, serverItself } from "./pod-target.ts";
import type { PodView } from "./pod-target.ts";
import { forwardChannels, forwardStreams, portForwardProtocol, portsOf, tunnelProtocol } from "./port-forward.ts";
import type { OpenPort } from "./port-forward.ts";
import { runCommand } from "./remote-command.ts";
import { SpdyConnection } from "./spdy.ts";
import { bearerOf, feed, headerLines, isWebSocket, openWebSockets, pickProtocol, spdyProtocol, spdySocket } from "./transport.ts";
import type { Raw } from "./transport.ts";
import { expectedStreams, spdyCommand, spdyCommandProtocols } from "./spdy-command.ts";

/** A SPDY client must have opened its streams after this (kubelet: 30 s). */
const STREAMS_OPEN_MS = 30_000;

/** Whether a request with an Upgrade header is one of these; others are answered as if they had none. */
export function isUpgrade(request: IncomingMessage): boolean {
  const url = request.url ?? "";
  const wanted = (request.headers.upgrade ?? "").toLowerCase();
  if (wanted !== "websocket" && wanted !== "spdy/3.1") return false;
  const query = url.indexOf("?");
  const path = query < 0 ? url : url.slice(0, query);
  return /\/(?:exec|attach|portforward|log)\/?$/.test(path) || /[?&]watch=/.test(url) || /^\/apis?\/.*\/watch\//.test(path);
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export function openUpgrades(services: HttpServices, closing: AbortSignal): Upgrade {
  const websockets = openWebSockets();
  const impersonate = openImpersonation(services.authorizer);

  return (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const id = services.entropy.uid();
    serve({ request, socket, head }, id).catch((error: unknown) => {
      if (socket.destroyed) return;
      const reply = errorReply(error, services.log, { id, method: request.method ?? "", path: request.url ?? "" });
      refuse(socket, reply.status, String(reply.body), reply.headers["Content-Type"] ?? "text/plain", id);
    });
  };

  async function serve(raw: Raw, id: string): Promise<void> {
    const { request } = raw;
    const target = parseTarget(request.url ?? "/");
    const header = (name: string) => headerOf(request, name);
    const authenticated = await whoIs({ header, socket: tlsSocket(raw.socket), bearer: bearerOf(request) }, services.authenticate);
    if (authenticated === anonymous && services.anonymous === false) throw unauthorized();
    const user = await impersonate(headerLines(request), authenticated, () => requested(request.method ?? "GET", target));
    const path = resourcePath(target.segments);
    if (path === undefined) throw noSuchResource();
    const method = request.method ?? "GET";
    const at = route(services.kinds, path, method, path.watch || flag(target.query, "watch"));
    if (at === "not found") throw noSuchResource();
    if (at === "method not allowed") throw methodNotAllowed();
    const session: Session = { ...raw, user, route: at, query: target.query };
    const asked = { user, verb: verbOf(method, path, at.action === "watch"), path: target.path, resource: path };
    // a watch takes a seat for its beginning, like one over plain HTTP; streams take none
    const admitted = await services.limit?.admit(asked);
    admitted?.done();
    const from = (raw.socket as Partial<TLSSocket>).remoteAddress;
    const sourceIps = from === undefined ? [] : [from.replace(/^::ffff:/, "")];
    const trail = services.audit?.begin({ ...asked, id, authenticated, uri: request.url ?? "", sourceIps, userAgent: header("user-agent") });
    if (trail === undefined) return await stream(session, at);
    const closed = () => trail.done(101);
    raw.socket.once("close", closed);
    try {
      await stream(session, at);
    } catch (error) {
      raw.socket.off("close", closed);
      trail.done(error instanceof ApiError ? error.code : 500);
      throw error;
    }
  }

  async function stream(session: Session, at: Route): Promise<void> {
    const name = at.subresource?.name;
    if (at.action === "watch") return await watchSocket(session);
    if (name === "log") return await logSocket(session);
    if (name === "exec" || name === "attach") return await command(session, name);
    if (name === "portforward") return await portForward(session);
    throw noSuchResource();
  }

  async function command(session: Session, type: "exec" | "attach"): Promise<void> {
    const pod = await podFor(session, type);
    const { command: words, ...terminal } = commandOptions(session.query, pod, type);
    const container = chooseContainer(pod, session.query.get("container"));
    const streams = opened(services.streams);
    const gone = goneSignal(session.socket, closing);
    const open = () => streams.open(pod.node, type === "exec" ? { type, ...container, ...terminal, command: words } : { type, ...container, ...terminal }, gone);
    if (isWebSocket(session.request)) {
      const protocol = pickProtocol(session.request, channelProtocols);
      const form = channelForm(protocol ?? "channel.k8s.io");
      // a device that is offline is told before the protocol changes
      const device = await open();
      const socket = await websockets.accept(session, protocol, () => device.close());
      await runCommand(channelClient(socket, form, terminal.stdout ? 1 : terminal.stderr ? 2 : 3), device);
      return;
    }
    const protocol = spdyProtocol(session.request, spdyCommandProtocols);
    const device = await open();
    const waiting = spdyCommand(expectedStreams(terminal, protocol), protocol, gone, () => session.socket.end());
    spdySocket(session, protocol, waiting.add);
    const cancel = services.clock.after(STREAMS_OPEN_MS, () => session.socket.destroy());
    gone.addEventListener("abort", () => device.close(), { once: true });
    const client = await Promise.race([waiting.ready, aborted(gone)]);
    cancel();
    if (client === undefined) device.close();
    else await runCommand(client, device);
  }

  async function portForward(session: Session): Promise<void> {
    const pod = await podFor(session, "portforward");
    if (pod.node === "") throw badRequest(`pod ${pod.name} does not have a host assigned`);
    const streams = opened(services.streams);
    const gone = goneSignal(session.socket, closing);
    const at = { namespace: pod.namespace, pod: pod.name, uid: pod.uid };
    const open: OpenPort = (port) => streams.open(pod.node, { type: "portforward", ...at, port }, gone);
    if (!isWebSocket(session.request)) {
      return spdySocket(session, spdyProtocol(session.request, [portForwardProtocol]), forwardStreams(open, pod.name));
    }
    const protocol = pickProtocol(session.request, [tunnelProtocol, ...channelProtocols]);
    if (protocol === tunnelProtocol) {
      const socket = await websockets.accept(session, protocol);
      const send = (frame: Uint8Array) => sendMessage(socket, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
      const connection = new SpdyConnection({ send, onStream: forwardStreams(open, pod.name) });
      return feed(connection, socket);
    }
    const ports = portsOf(session.query);
    const socket = await websockets.accept(session, protocol);
    await forwardChannels(socket, channelForm(protocol ?? "channel.k8s.io"), ports, open);
  }

  async function logSocket(session: Session): Promise<void> {
    const pod = await podFor(session, "log");
    const options = logOptions(session.query, pod.name);
    const container = chooseContainer(pod, session.query.get("container"));
    const device = await opened(services.streams).open(pod.node, { type: "log", ...container, ...options }, goneSignal(session.socket, closing));
    const protocol = pickProtocol(session.request, ["binary.k8s.io", "base64.binary.k8s.io"]);
    const socket = await websockets.accept(session, protocol, () => device.close());
    const form = (chunk: Uint8Array) => (protocol === "binary.k8s.io" ? Buffer.from(chunk) : protocol === undefined ? Buffer.from(chunk).toString() : Buffer.from(chunk).toString("base64"));
    try {
      for await (const chunk of logChunks(device, options.limitBytes)) await sendMessage(socket, form(chunk));
    } finally {
      device.close();
      socket.close(1000);
    }
  }

  async function watchSocket(session: Session): Promise<void> {
    const { timeoutSeconds, ...options } = listOptions(session.query);
    const ending = new AbortController();
    const gone = goneSignal(session.socket, closing);
    gone.addEventListener("abort", () => ending.abort(), { once: true });
    const { namespace, name } = session.route;
    const fieldSelector = name === undefined ? options.fieldSelector : `metadata.name=${name}`;
    const events = await services.clientFor(session.user).watch(resourceOf(session.route), { ...options, namespace, fieldSelector, signal: ending.signal });
    const socket = await websockets.accept(session, pickProtocol(session.request, ["binary.k8s.io"]));
    const cancel = timeoutSeconds === undefined ? () => {} : services.clock.after(timeoutSeconds * 1000, () => ending.abort());
    const stopLooking = untilReplaced(session.route.kind, services, () => ending.abort());
    try {
      for await (const batch of events) {
        for (const event of batch) await sendMessage(socket, `{"type":"${event.type}","object":${encodedOf(event.object).toString()}}\n`);
      }
    } finally {
      cancel();
      stopLooking();
      ending.abort();
      socket.close(1000);
    }
  }

  /** the pod, for a user who may do this with it */
  async function podFor({ user, route: at, request, query }: Session, subresource: string): Promise<PodView> {
    if (at.kind.group !== "" || at.kind.plural !== "pods" || at.name === undefined) throw noSuchResource();
    const resource = { group: "", version: "v1", plural: "pods", subresource, namespace: at.namespace, name: at.name };
    // a WebSocket opens with GET, yet does what POST does: both rights are needed (KEP-4006)
    if (request.method === "GET") await mustBeAllowed(services.authorizer, { user, verb: "get", resource });
    if (subresource !== "log") await mustBeAllowed(services.authorizer, { user, verb: "create", resource });
    const target = { namespace: at.namespace, name: at.name };
    if (subresource !== "log") await services.clientFor(user).connect(PODS, { ...target, subresource }, connectOptions({ plural: "pods", subresource, query }));
    return podView(await services.clientFor(serverItself).get(PODS, target));
  }
}

interface Session extends Raw {
  readonly user: User;
  readonly route: Route;
  readonly query: URLSearchParams;
}

function tlsSocket(socket: Duplex): TLSSocket | undefined {
  return "getPeerX509Certificate" in socket ? (socket as TLSSocket) : undefined;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function goneSignal(socket: Duplex, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const destroy = () => socket.destroy();
  closing.addEventListener("abort", destroy, { once: true });
  socket.once("close", () => {
    closing.removeEventListener("abort", destroy);
    gone.abort();
  });
  if (socket.destroyed) gone.abort();
  return gone.signal;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function refuse(socket: Duplex, status: number, body: string, type: string, id: string): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    `Audit-Id: ${id}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
