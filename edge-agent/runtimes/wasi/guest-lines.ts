/**
 * The agent's end of what guests say to it: a socket in the state directory of each process that imports messages or metrics.
 * Whoever reaches the socket is that process, so what it may do is what its container was granted; everything it says is
 * checked and bounded here, because the process may have been taken over by its guest.
 */
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import type { Log } from "../../../core/api/log.ts";
import { filterProblem, filterWithin, topicMatches, topicProblem } from "../../../core/wire/topic-filter.ts";
import type { MessageGrants } from "../../../core/wire/message-grants.ts";
import { lineReader, MAX_MESSAGE_BYTES, MAX_SERIES, MAX_SUBSCRIPTIONS, SOCKET_FILE } from "../../../wasm-runtime/host/agent-lines.ts";
import type { LineDown, MessageError, Series } from "../../../wasm-runtime/host/agent-lines.ts";
import type { MessageBus } from "../../message-bus.ts";
import type { GuestSeries } from "../runtime.ts";
import { parseLine } from "./parse-line.ts";

export interface GuestIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly grants: MessageGrants;
}

export interface GuestLines {
  /** listens for the process of this state directory; again for the same one: nothing */
  open(stateDir: string, guest: GuestIdentity): Promise<void>;
  close(stateDir: string): void;
  series(): readonly GuestSeries[];
  closeAll(): void;
}

/** What may wait for a process that does not read; beyond it messages are dropped. */
const MAX_UNREAD_BYTES = 1 << 20;
/** A host has one connection; a second is its successor after a fault. */
const MAX_CONNECTIONS = 2;

interface Line {
  readonly server: Server;
  readonly metrics: Map<number, Series & { value: number }>;
  readonly sockets: Set<Socket>;
}

export function guestLines({ bus, log }: { readonly bus: MessageBus; readonly log: Log }): GuestLines {
  const lines = new Map<string, Line & { readonly guest: GuestIdentity }>();

  function connected(socket: Socket, guest: GuestIdentity, { metrics, sockets }: Line): void {
    const subscriptions = new Map<number, () => void>();
    const read = lineReader();
    const say = (line: LineDown) => {
      if (socket.writableLength < MAX_UNREAD_BYTES) socket.write(`${JSON.stringify(line)}\n`);
    };
    const done = (id: number, error?: MessageError) => say({ say: "done", id, ...(error === undefined ? {} : { error }) });

    function publish(topic: string, payload: Uint8Array): MessageError | undefined {
      if (payload.length > MAX_MESSAGE_BYTES || topicProblem(topic) !== undefined) return "invalid";
      if (!guest.grants.publish.some((filter) => topicMatches(filter, topic))) return "denied";
      return bus.publish({ namespace: guest.namespace, pod: guest.pod, topic, payload }) ? undefined : "busy";
    }

    function subscribe(id: number, filter: string): MessageError | undefined {
      if (filterProblem(filter) !== undefined) return "invalid";
      if (!guest.grants.subscribe.some((granted) => filterWithin(granted, filter))) return "denied";
      if (subscriptions.size >= MAX_SUBSCRIPTIONS) return "busy";
      const stop = bus.subscribe(guest.namespace, filter, ({ topic, payload }) => say({ say: "message", id, topic, payload: Buffer.from(payload).toString("base64") }));
      subscriptions.get(id)?.();
      subscriptions.set(id, stop);
      return undefined;
    }

    function take(text: string): boolean {
      const line = parseLine(text);
      switch (line?.say) {
        case "publish":
          done(line.id, publish(line.topic, Buffer.from(line.payload, "base64")));
          return true;
        case "subscribe":
          done(line.id, subscribe(line.id, line.filter));
          return true;
        case "unsubscribe":
          subscriptions.get(line.id)?.();
          subscriptions.delete(line.id);
          return true;
        case "series": {
          const { name, type, labels } = line;
          if (line.index < MAX_SERIES) metrics.set(line.index, { name, type, labels, value: 0 });
          return true;
        }
        case "values":
          for (const [index, value] of line.values) {
            const known = metrics.get(index);
            if (known !== undefined) known.value = value;
          }
          return true;
        default:
          return false;
      }
    }

    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      const texts = read(bytes);
      if (texts?.every(take) === true) return;
      log.warn({ pod: guest.pod, container: guest.container }, "a component's process spoke nonsense and was cut off");
      socket.destroy();
    });
    socket.once("close", () => {
      sockets.delete(socket);
      for (const stop of subscriptions.values()) stop();
    });
    socket.unref();
  }

  function close(stateDir: string): void {
    const line = lines.get(stateDir);
    lines.delete(stateDir);
    line?.server.close();
    for (const socket of line?.sockets ?? []) socket.destroy();
  }

  return {
    async open(stateDir, guest) {
      if (lines.has(stateDir)) return;
      const line: Line = { server: createServer((socket) => connected(socket, guest, line)), metrics: new Map(), sockets: new Set() };
      lines.set(stateDir, { ...line, guest });
      line.server.maxConnections = MAX_CONNECTIONS;
      line.server.on("error", (error) => log.warn({ pod: guest.pod, container: guest.container, error: error.message }, "a component's process cannot be heard"));
      rmSync(join(stateDir, SOCKET_FILE), { force: true });
      // a descriptor's path is short, and a socket's path may have 107 bytes (unix(7))
      const directory = openSync(stateDir, constants.O_RDONLY | constants.O_DIRECTORY);
      // closing the server takes the socket away by that path
      line.server.once("close", () => closeSync(directory));
      await new Promise<void>((resolve) => {
        line.server.once("error", () => resolve());
        line.server.listen(`/proc/self/fd/${directory}/${SOCKET_FILE}`, resolve);
      });
      line.server.unref();
    },
    close,
    series: () => [...lines.values()].flatMap(({ guest, metrics }) => [...metrics.values()].map((one) => ({ ...one, namespace: guest.namespace, pod: guest.pod, container: guest.container }))),
    closeAll() {
      for (const stateDir of lines.keys()) close(stateDir);
    },
  };
}
