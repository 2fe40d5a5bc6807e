/**
 * One component in a shared process: what `main.ts` is for a component that has its own. It has its own log, files, sockets,
 * grants and memory; with its neighbours it shares the thread, and the compiled code of an equal component.
 *
 *   imports → guest → run (command) | listen (service) → exit record
 */
import type { Server } from "node:http";
import { turnsOf } from "./busy.ts";
import { finished, notStarted, trapped } from "./end.ts";
import type { End } from "./end.ts";
import { importsFor } from "./imports.ts";
import { openLog } from "./log.ts";
import { exportOf, InstantiateError } from "./module.ts";
import type { Program } from "./module.ts";
import { network } from "./net-thread.ts";
import { writeExit, writeRunning } from "./records.ts";
import { one } from "./requests.ts";
import { serverFor } from "./serve.ts";
import { DEFAULT_REQUEST_TIMEOUT_MS } from "./spec.ts";
import type { HostSpec } from "./spec.ts";
import { guestOf } from "./suspending.ts";
import type { Guest } from "./suspending.ts";

export interface Hosted {
  /** a command ends at once, a service when its requests are answered or the time is over */
  stop(graceMs: number): void;
  readonly usage: () => { readonly cpuNs: number; readonly memoryBytes: number };
}

export interface HostOptions {
  /** names it in the process's title */
  readonly id: string;
  readonly spec: HostSpec;
  /** compiled, maybe for others as well. @throws LimitError, or what is wrong with the module */
  readonly program: () => Program;
  /** of the process */
  readonly directory: string;
  readonly running: () => void;
  /** its record is written */
  readonly ended: () => void;
}

/** 128 + signal, as for a process that a signal ends */
const TERMINATED: End = { code: 143, reason: "Error" };
const KILLED: End = { code: 137, reason: "Error" };

const RUN = "wasi:cli/run";
const HANDLER = "wasi:http/incoming-handler";

export function hosted({ id, spec, program, directory, running, ended }: HostOptions): Hosted {
  const startedAt = Date.now();
  const turns = turnsOf(id, spec.cpuMillis);
  const log = openLog(spec.logPath ?? "/dev/null");
  const servers: Server[] = [];
  let over = false;
  let guest: Guest | undefined;
  let idle: NodeJS.Timeout | undefined;

  const imports = importsFor({
    args: spec.args,
    env: spec.env,
    stdout: log.sink("stdout"),
    stderr: log.sink("stderr"),
    grants: spec.grants,
    network: (hear) =>
      network((word) => {
        hear(word);
        guest?.ring();
      }, spec.place),
    addresses: spec.addresses,
    ...(spec.agentLine === true ? { agentDir: spec.stateDir } : {}),
    exit(code) {
      end(finished(code));
      throw new Error("the component has ended");
    },
  });

  function end(how: End): void {
    if (over) return;
    over = true;
    clearTimeout(idle);
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    drop();
    imports.close();
    try {
      if (how.reason !== "Completed" && how.message !== undefined) log.sink("stderr").write(Buffer.from(`${how.message}\n`));
      log.close();
      writeExit(spec.stateDir, how, startedAt);
    } catch {
      // a full disk: the agent sees that it is gone
    }
    ended();
  }

  function drop(): void {
    guest?.abandon();
    guest = undefined;
    imports.reset();
  }

  const trap = (error: unknown) => trapped(error, guest?.memoryBytes() ?? (error instanceof InstantiateError ? error.memoryBytes : 0), spec.memoryLimitBytes);

  async function start(): Promise<void> {
    let made: Program;
    try {
      made = program().apart();
      if (!spec.stateDir.startsWith(directory)) throw new Error("the state directory is another process's");
    } catch (error) {
      return end(notStarted(error));
    }
    const create = () => (guest = guestOf(made, imports, turns));
    try {
      create();
    } catch (error) {
      return end(trap(error));
    }
    if (spec.world === "command") return command();
    try {
      await service(create);
    } catch (error) {
      end(notStarted(error));
    }
  }

  function announce(listening: readonly { readonly host: string; readonly port: number }[]): void {
    if (over) return;
    writeRunning(spec.stateDir, { startedAt, listening, shared: directory });
    running();
  }

  async function command(): Promise<void> {
    const it = guest;
    if (it === undefined) return;
    const run = exportOf(it.exports, RUN)["run"];
    announce([]);
    try {
      // the core function's value: 0 is `ok`
      end(finished((await it.enter(() => run?.())) === 0 ? 0 : 1));
    } catch (error) {
      end(trap(error));
    }
  }

  async function service(create: () => Guest): Promise<void> {
    const take = one({
      timeoutMs: spec.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      async handle(request, out) {
        clearTimeout(idle);
        const it = guest ?? create();
        await it.enter(() => exportOf(it.exports, HANDLER)["handle"]?.(request, out));
        if (spec.instance === "fresh") drop();
        else if (spec.idleMs !== undefined) idle = setTimeout(drop, spec.idleMs);
      },
      failed(error) {
        if (over) return;
        const how = trap(error);
        log.sink("stderr").write(Buffer.from(`${how.message ?? "the component failed"}\n`));
        if (how.reason === "OOMKilled") end(how);
        else drop();
      },
    });
    const listening = await Promise.all(
      spec.listen.map(async ({ host, port }) => {
        const server = serverFor(take);
        servers.push(server);
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject);
          server.listen({ host, port, backlog: 511 }, resolve);
        });
        const address = server.address();
        if (address === null || typeof address === "string") throw new Error("the server has no address");
        return { host: address.address, port: address.port };
      }),
    );
    announce(listening);
  }

  // whoever made it has to know of it before it ends
  setImmediate(() => void start());
  return {
    stop(graceMs) {
      if (over) return;
      if (graceMs <= 0) return end(KILLED);
      if (spec.world === "command") return end(TERMINATED);
      let open = servers.length;
      for (const server of servers) {
        server.close(() => {
          if (--open === 0) end(finished(0));
        });
        server.closeIdleConnections();
      }
      setTimeout(() => end(KILLED), graceMs);
    },
    usage: () => ({ cpuNs: Number(turns.usedNs()), memoryBytes: guest?.memoryBytes() ?? 0 }),
  };
}
