/**
 * A service whose sockets are handed over by the agent, which listens in its place (on-demand.ts). It says when nobody has
 * asked anything for a while and nobody is connected; the agent, who knows whether somebody is on the way, ends it then. Without
 * an agent it answers those who are there, and ends.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Idle } from "./spec.ts";

/** Probes are the agent's own: they keep nobody awake. */
const PROBE = /^kube-probe\//;
/** The longest that a service stays awake beyond its time. */
const MAX_LOOK_MS = 1_000;

/** @param ended everybody was answered, and nobody comes any more */
export function serveHanded(server: Server, idleMs: number, ended: () => void): void {
  let received = 0;
  let open = 0;
  let last = performance.now();
  let draining = false;

  const endIfDone = () => {
    if (draining && open === 0) ended();
  };
  const drain = () => {
    draining = true;
    server.closeIdleConnections();
    endIfDone();
  };

  process.on("message", (_word, socket: Socket | undefined) => {
    received++;
    if (socket === undefined) return;
    open++;
    socket.once("close", () => {
      open--;
      endIfDone();
    });
    server.emit("connection", socket);
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (PROBE.test(request.headers["user-agent"] ?? "")) return;
    last = performance.now();
    response.once("close", () => {
      last = performance.now();
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
  });
  process.on("disconnect", drain);
  process.on("SIGTERM", drain);
  setInterval(() => {
    // the agent may have hung up since: that is heard as "disconnect", and is no failure of the component
    if (open === 0 && !draining && process.connected && performance.now() - last >= idleMs) process.send?.({ idle: received } satisfies Idle, () => {});
  }, Math.min(MAX_LOOK_MS, idleMs));
}
