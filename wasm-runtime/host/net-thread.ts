/**
 * What the network's thread does (in a shared process, where guests give way, the only thread): Node's sockets need an event
 * loop, and a guest's thread has none while the guest runs. It decides nothing: what is asked of it was allowed before.
 */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { lookup } from "node:dns";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { WINDOW_BYTES } from "./net-messages.ts";
import type { Order, Peer, Word } from "./net-messages.ts";
import type { Series } from "./agent-lines.ts";
import { openAgent } from "./net-agent.ts";
import { ledRequest, podNetwork } from "./pod-network.ts";
import type { PodNetwork, PodPlace } from "./pod-network.ts";
import { openRequest } from "./net-request.ts";
import { openSerial } from "./net-serial.ts";

/** What an order about an existing object does. */
export interface Handle {
  write?(bytes: Uint8Array): void;
  end?(): void;
  taken?(bytes: number): void;
  send?(bytes: Uint8Array, to: Peer): void;
  keepAlive?(enabled: boolean, idleMs: number): void;
  series?(index: number, of: Series): void;
  close(): void;
}

export type Say = (word: Word) => void;

/** Datagrams that nobody has taken yet, per socket; the network loses the rest, as it may. */
const MAX_DATAGRAMS = 256;
/** For bytes that are on their way when the guest closes a connection. */
const LINGER_MS = 30_000;

/** @param place absent: nowhere in a cluster. @returns what to give the guest's orders to; one guest's, because numbers of objects are its own */
export function network(say: Say, place?: PodPlace): (order: Order) => void {
  const pod = podNetwork(place);
  const handles = new Map<number, Handle>();
  let lastAccepted = 0;
  const from = (to: string) => {
    const host = pod.sourceFor(to);
    return host === undefined ? undefined : { host, port: 0 };
  };
  const begin = (id: number, open: () => Handle) => {
    try {
      handles.set(id, open());
    } catch (error) {
      failed(id, say)(error as Error);
    }
  };

  return (order) => {
    const { id } = order;
    const handle = handles.get(id);
    switch (order.op) {
      case "connect":
        return begin(id, () => connection(id, pod.lead(order.to, "tcp"), order.from ?? from(order.to.host), say));
      case "listen":
        return void handles.set(
          id,
          listener(id, order.at, order.backlog, say, (socket) => {
            const as = --lastAccepted;
            handles.set(as, streaming(as, socket, say));
            return as;
          }),
        );
      case "bind":
        return begin(id, () => datagrams(id, isAnyHost(order.at.host) ? { ...order.at, ...from(order.at.host) } : order.at, order.family, pod, say));
      case "resolve":
        return resolve(id, order.name, pod, say);
      case "request":
        return begin(id, () => {
          const head = ledRequest(pod, order.head);
          return openRequest(id, head, say, pod.sourceFor(head.addresses[0] ?? head.host));
        });
      case "serial":
        return void handles.set(id, openSerial(id, order.fd, say));
      case "agent":
        return void handles.set(id, openAgent(id, order, say));
      case "series":
        return handle?.series?.(order.index, order.of);
      case "write":
        return handle?.write?.(order.bytes);
      case "end":
        return handle?.end?.();
      case "taken":
        return handle?.taken?.(order.bytes);
      case "send":
        return handle?.send?.(order.bytes, order.to);
      case "keep-alive":
        return handle?.keepAlive?.(order.enabled, order.idleMs);
      case "close":
        handle?.close();
        handles.delete(id);
    }
  };
}

const failed = (id: number, say: Say) => (error: Error) => say({ id, is: "failed", code: String((error as NodeJS.ErrnoException).code ?? "EIO"), message: error.message });

function connection(id: number, to: Peer, from: Peer | undefined, say: Say): Handle {
  const socket = connect({
    ...to,
    allowHalfOpen: true,
    noDelay: true,
    ...(from === undefined ? {} : { localAddress: from.host, ...(from.port === 0 ? {} : { localPort: from.port }) }),
  });
  const handle = streaming(id, socket, say);
  socket.once("connect", () => say({ id, is: "open", local: localOf(socket), remote: remoteOf(socket) }));
  return handle;
}

/** Bytes both ways, never more on their way than the window. */
function streaming(id: number, socket: Socket, say: Say): Handle {
  let waiting = 0;
  socket.on("data", (bytes: Buffer) => {
    waiting += bytes.length;
    if (waiting >= WINDOW_BYTES) socket.pause();
    say({ id, is: "data", bytes });
  });
  socket.once("end", () => say({ id, is: "end" }));
  socket.on("error", failed(id, say));
  return {
    write: (bytes) => void socket.write(bytes, (error) => (error ? undefined : say({ id, is: "left", bytes: bytes.length }))),
    end: () => void socket.end(),
    taken(bytes) {
      waiting -= bytes;
      if (waiting < WINDOW_BYTES / 2) socket.resume();
    },
    keepAlive: (enabled, idleMs) => void socket.setKeepAlive(enabled, idleMs),
    close() {
      if (socket.writableEnded) return void socket.destroy();
      // what was written still leaves, if its peer takes it
      socket.destroySoon();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    },
  };
}

function listener(id: number, at: Peer, backlog: number, say: Say, accepted: (socket: Socket) => number): Handle {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false, noDelay: true }, (socket) => {
    say({ id, is: "accepted", as: accepted(socket), local: localOf(socket), remote: remoteOf(socket) });
  });
  server.maxConnections = backlog;
  server.once("error", failed(id, say));
  server.listen({ ...at, backlog }, () => {
    const address = server.address();
    if (address !== null && typeof address !== "string") say({ id, is: "open", local: { host: address.address, port: address.port }, remote: undefined });
  });
  return { close: () => void server.close() };
}

function datagrams(id: number, at: Peer, family: "ipv4" | "ipv6", pod: PodNetwork, say: Say): Handle {
  const socket: UdpSocket = createSocket({ type: family === "ipv4" ? "udp4" : "udp6", ipv6Only: family === "ipv6" });
  let waiting = 0;
  socket.on("error", failed(id, say));
  socket.on("message", (bytes, from) => {
    if (waiting >= MAX_DATAGRAMS) return;
    waiting++;
    say({ id, is: "datagram", bytes, from: { host: from.address, port: from.port } });
  });
  socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
    const { address, port } = socket.address();
    say({ id, is: "open", local: { host: address, port }, remote: undefined });
  });
  return {
    send: (bytes, given) => {
      const to = pod.lead(given, "udp");
      socket.send(bytes, to.port, to.host, () => say({ id, is: "left", bytes: bytes.length }));
    },
    taken: (count) => void (waiting -= count),
    close: () => void socket.close(),
  };
}

function resolve(id: number, name: string, pod: PodNetwork, say: Say): void {
  const known = pod.find(name);
  const done = (list: readonly string[]) =>
    list.length > 0 ? say({ id, is: "addresses", list }) : say({ id, is: "failed", code: "ENOTFOUND", message: `${name} has no address that the pod could reach` });
  if (known !== undefined && typeof known !== "string") return done(known);
  lookup(known ?? name, { all: true, verbatim: true }, (error, found) => {
    if (error) failed(id, say)(error);
    else done(pod.usable(found.map(({ address }) => address)));
  });
}

const isAnyHost = (host: string) => host === "0.0.0.0" || /^[0:]+$/.test(host);
const localOf = (socket: Socket): Peer => ({ host: socket.localAddress ?? "", port: socket.localPort ?? 0 });
const remoteOf = (socket: Socket): Peer => ({ host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 });
