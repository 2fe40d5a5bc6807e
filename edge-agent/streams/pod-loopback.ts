/**
 * Connections to services that listen only on a pod's loopback. One helper process per pod that is asked for, started on
 * demand, ended when nobody asked for a while; it makes the connection and passes the socket over.
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../core/api/clock.ts";
import type { ConnectAnswer, ConnectRequest } from "./loopback-helper.ts";

export interface PodLoopback {
  /** @throws Error with the kernel's words */
  connect(namespace: string, port: number): Promise<Socket>;
  close(): void;
}

/** A helper holds some 40 MB. */
const IDLE_MS = 10_000;
const CONNECT_MS = 10_000;

interface Helper {
  readonly child: ChildProcess;
  readonly waiting: Map<number, PromiseWithResolvers<Socket>>;
  cancelIdle: () => void;
}

export function podLoopback(clock: Clock): PodLoopback {
  const helpers = new Map<string, Helper>();
  const script = fileURLToPath(new URL("./loopback-helper.ts", import.meta.url));
  let lastId = 0;

  const start = (namespace: string): Helper => {
    const child = spawn("nsenter", [`--net=${namespace}`, process.execPath, script], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const helper: Helper = { child, waiting: new Map(), cancelIdle: () => {} };
    const gone = (why: Error) => {
      if (helpers.get(namespace) === helper) helpers.delete(namespace);
      helper.cancelIdle();
      for (const { reject } of helper.waiting.values()) reject(why);
      helper.waiting.clear();
    };
    child.once("error", gone);
    child.once("exit", () => gone(new Error("the pod's network cannot be entered")));
    child.on("message", ({ id, error }: ConnectAnswer, socket) => {
      const asked = helper.waiting.get(id);
      helper.waiting.delete(id);
      if (error !== undefined || socket === undefined) asked?.reject(new Error(error ?? "no connection"));
      else if (asked === undefined) (socket as Socket).destroy();
      else asked.resolve(socket as Socket);
    });
    // the agent does not live because of it
    child.unref();
    child.channel?.unref();
    helpers.set(namespace, helper);
    return helper;
  };

  return {
    async connect(namespace, port) {
      const helper = helpers.get(namespace) ?? start(namespace);
      const id = ++lastId;
      const asked = Promise.withResolvers<Socket>();
      helper.waiting.set(id, asked);
      helper.cancelIdle();
      const cancelLate = clock.after(CONNECT_MS, () => {
        helper.waiting.delete(id);
        asked.reject(new Error("no answer"));
      });
      try {
        helper.child.send({ id, port } satisfies ConnectRequest, (error) => {
          if (error !== null) asked.reject(error);
        });
        return await asked.promise;
      } finally {
        cancelLate();
        helper.cancelIdle = clock.after(IDLE_MS, () => {
          if (helper.waiting.size === 0) helper.child.disconnect();
        });
      }
    },
    close() {
      for (const { child, cancelIdle } of helpers.values()) {
        cancelIdle();
        if (child.connected) child.disconnect();
      }
    },
  };
}
