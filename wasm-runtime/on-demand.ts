/**
 * A service that has a process only while somebody asks it something. Its sockets are ours: who connects while it sleeps waits
 * here, unread, until its process runs and is handed the connection; so nothing is lost, and the data takes no way round. Its
 * container runs all the time, as far as anybody else can see.
 *
 *   asleep → (a connection) starting → awake → (idle, and nobody on the way) asleep
 *
 * When we end, the process answers who is connected and ends, too; who serves the container next begins asleep.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { DEMAND_FILE, EXIT_FILE } from "./host/spec.ts";
import type { DemandRecord, Idle, RunningRecord } from "./host/spec.ts";
import { componentState, readRecord, record, settle } from "./process-state.ts";
import { startComponent, stopComponent } from "./process.ts";
import { StartError } from "./start-options.ts";
import type { StartOptions } from "./start-options.ts";

/** Connections that wait for the process, which takes less than a second: the others are told to come again. */
export const MAX_WAITING_CONNECTIONS = 512;
const BACKLOG = 511;
const BUSY = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

export interface OnDemandOptions extends StartOptions {
  readonly idleMs: number;
  /** it went to sleep or woke up */
  readonly onChange?: () => void;
}

export interface OnDemand {
  /** the container ends. Resolves when its process is dead */
  stop(graceMs: number): Promise<void>;
  /** somebody else goes on with it */
  release(): void;
}

/** Listens; for a container that was never started, starts its process as well, so that a component that cannot run is told. @throws StartError */
export async function serveOnDemand(options: OnDemandOptions): Promise<OnDemand> {
  const { stateDir, idleMs, onExit, onChange, listen, ...rest } = options;
  const earlier = readRecord<DemandRecord>(join(stateDir, DEMAND_FILE));
  const startedAt = earlier?.startedAt ?? Date.now();
  const waiting: Socket[] = [];
  let count = earlier?.count ?? 0;
  let awake: { readonly child: ChildProcess; sent: number; leaving: boolean } | undefined;
  let starting: Promise<void> | undefined;
  let over = false;

  const servers = await Promise.all(listen.map((at) => listening(at, connected))).catch((error: Error) => {
    throw new StartError(settle(stateDir, { code: 128, reason: "StartError", startedAt, message: `the component could not be started: ${error.message}` }));
  });
  const addresses = servers.flatMap((server) => {
    const address = server.address();
    return address === null || typeof address === "string" ? [] : [{ host: address.address, port: address.port }];
  });
  const processDir = (number: number) => join(stateDir, `process-${number}`);
  const note = () => record(join(stateDir, DEMAND_FILE), { startedAt, count, listening: addresses } satisfies DemandRecord);

  function connected(socket: Socket): void {
    socket.on("error", () => {});
    if (over) return void socket.destroy();
    if (awake !== undefined && !awake.leaving) return hand(socket, awake);
    if (waiting.length >= MAX_WAITING_CONNECTIONS) return void socket.end(BUSY);
    waiting.push(socket);
    void wake();
  }

  function hand(socket: Socket, to: NonNullable<typeof awake>): void {
    to.sent++;
    to.child.send("connection", socket, (error) => {
      // it ended meanwhile: the next one gets it
      if (error !== null && !socket.destroyed) connected(socket);
    });
  }

  function wake(): Promise<void> {
    starting ??= start().finally(() => {
      starting = undefined;
      // who came at the last moment
      if (awake === undefined && waiting.length > 0 && !over) void wake();
    });
    return starting;
  }

  async function start(): Promise<void> {
    const number = ++count;
    rmSync(processDir(number - 2), { recursive: true, force: true });
    let child: ChildProcess | undefined;
    const given: StartOptions = {
      ...rest, idleMs, listen: [], handed: true,
      stateDir: processDir(number),
      onChild: (made) => void (child = made),
      onExit: () => left(number),
    };
    try {
      await startComponent(given);
    } catch (error) {
      if (error instanceof StartError) end(error.exit);
      throw error;
    }
    if (child === undefined || over || componentState(processDir(number)).state !== "running") return;
    const it = { child, sent: 0, leaving: false };
    awake = it;
    child.on("message", (word: Idle) => {
      // one that is on its way is a reason to stay
      if (word.idle !== it.sent || it.leaving) return;
      it.leaving = true;
      it.child.disconnect();
    });
    child.channel?.unref();
    note();
    onChange?.();
    for (const socket of waiting.splice(0)) hand(socket, it);
  }

  /** A process has ended: in order, and the container sleeps; or not, and it is the container's end. */
  function left(number: number): void {
    if (number !== count) return;
    awake = undefined;
    const state = componentState(processDir(number));
    if (state.state === "exited" && state.exit.code !== 0) return end(state.exit);
    if (over) return;
    onChange?.();
    if (waiting.length > 0) void wake();
  }

  function end(exit: Parameters<typeof settle>[1]): void {
    over = true;
    settle(stateDir, { ...exit, startedAt });
    for (const server of servers) server.close();
    for (const socket of waiting.splice(0)) socket.end(BUSY);
    onExit?.();
  }

  if (earlier === undefined) {
    try {
      await wake();
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
  } else {
    const last = componentState(processDir(count));
    if (last.state === "exited" && last.exit.code !== 0) end(last.exit);
  }
  return {
    async stop(graceMs) {
      if (over) return;
      over = true;
      for (const server of servers) server.close();
      for (const socket of waiting.splice(0)) socket.end(BUSY);
      await starting?.catch(() => {});
      await Promise.all([count - 1, count].map((number) => stopComponent(processDir(number), graceMs)));
      const last = componentState(processDir(count));
      settle(stateDir, last.state === "exited" ? { ...last.exit, startedAt, message: last.exit.message } : { code: 0, reason: "Completed", startedAt, message: undefined });
      onExit?.();
    },
    release() {
      over = true;
      for (const server of servers) server.close();
      for (const socket of waiting.splice(0)) socket.destroy();
      if (awake?.child.connected === true) awake.child.disconnect();
    },
  };
}

/** Whether the container is one that sleeps and wakes, and has begun to. */
export const isOnDemand = (stateDir: string) => existsSync(join(stateDir, DEMAND_FILE)) && !existsSync(join(stateDir, EXIT_FILE));

function listening({ host, port }: RunningRecord["listening"][number], connected: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    // unread: the first byte is for the process that gets it
    const server = createServer({ pauseOnConnect: true, noDelay: true }, connected);
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => resolve(server.unref()));
  });
}
