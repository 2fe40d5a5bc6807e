/**
 * Host processes: one per component (`shared-process.ts`: one for many), detached, so that workloads live through a restart of
 * the agent, which finds out about them as `process-state.ts` says.
 */
import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { BUSY_TITLE, RUNNING_FILE, SPEC_FD } from "./host/spec.ts";
import type { ExitRecord, HostSpec, RunningRecord, SignedModule } from "./host/spec.ts";
import { createCgroup } from "./cgroup.ts";
import type { Cgroup } from "./cgroup.ts";
import { confinementFor } from "./confine.ts";
import { flagsFor } from "./flags.ts";
import type { HostImage } from "./host-image.ts";
import { componentState, ERROR_FILE, identify, isAlive, KILLED_CODE, lastWords, outOfMemory, readRecord, record, send, settle, STARTING_FILE, titleOf } from "./process-state.ts";
import { stopShared } from "./shared-process.ts";
import { START_TIMEOUT_MS, StartError } from "./start-options.ts";
import type { LinkedModule, StartOptions } from "./start-options.ts";
import { readVerified } from "./verified-module.ts";

export type { ExitRecord, Grants, HostSpec, Preopen, RunningRecord, SignedModule } from "./host/spec.ts";
export { DEFAULT_REQUEST_TIMEOUT_MS, statementOf } from "./host/spec.ts";
export { componentState } from "./process-state.ts";
export type { ComponentState } from "./process-state.ts";
export { START_TIMEOUT_MS, StartError } from "./start-options.ts";
export type { LinkedModule, StartOptions } from "./start-options.ts";
export { isSigned } from "./signature.ts";

const POLL_MS = 20;
/** The host's own bound comes first where it is armed. */
const STUCK_MARGIN_MS = 1000;

/** Resolves when a command runs or a service listens. @throws StartError */
export function startComponent(options: StartOptions): Promise<RunningRecord> {
  const { host, module, linked = [], publicKeys, startTimeoutMs = START_TIMEOUT_MS, onExit, onChild, ...rest } = options;
  mkdirSync(rest.stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const bytes = verified([module, ...linked.map((one) => one.module)], publicKeys);
  if (bytes instanceof Error) {
    const exit = settle(rest.stateDir, { code: 128, reason: "StartError", startedAt, message: bytes.message });
    return Promise.reject(new StartError(exit));
  }
  const spec = withModules(rest, bytes, linked);
  const errors = openSync(join(spec.stateDir, ERROR_FILE), "w", 0o600);
  const cgroup = createCgroup(spec.stateDir, boundsOf(spec));
  const child = launch(host, spec, { stdio: ["ignore", "ignore", errors, "pipe", ...(spec.handed === true ? ["ipc" as const] : [])], detached: true }, cgroup);
  closeSync(errors);
  if (child.pid !== undefined) record(join(spec.stateDir, STARTING_FILE), { ...identify(child.pid), pid: child.pid, startedAt });
  onChild?.(child);
  const pipe = give(child, spec, bytes);

  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), startTimeoutMs);
    pipe.once("data", () => {
      clearTimeout(timer);
      resolve(readRecord<RunningRecord>(join(spec.stateDir, RUNNING_FILE)) ?? { pid: child.pid ?? 0, startTime: "", bootId: "", startedAt, listening: [] });
      // from here on nothing of the child keeps the agent alive
      child.unref();
      pipe.unref();
    });
    const finish = (code: number | null, signal: NodeJS.Signals | null, failed?: string) => {
      const timedOut = performance.now() - began >= startTimeoutMs && signal === "SIGKILL";
      clearTimeout(timer);
      pipe.destroy();
      const exit = settle(spec.stateDir, {
        ...endOf(spec.stateDir, code, signal),
        startedAt,
        message: failed ?? (timedOut && !existsSync(join(spec.stateDir, RUNNING_FILE)) ? `the component did not start within ${startTimeoutMs} ms` : lastWords(spec.stateDir)),
      });
      onExit?.();
      // a short command may end before its word about the start is read
      const running = readRecord<RunningRecord>(join(spec.stateDir, RUNNING_FILE));
      if (running === undefined) reject(new StartError(exit));
      else resolve(running);
    };
    const began = performance.now();
    child.once("error", (error) => finish(128, null, `the host process could not be started: ${error.message}`));
    child.once("exit", (code, signal) => finish(code, signal));
  });
}

/** How a process ended that did not say it itself. */
function endOf(stateDir: string, code: number | null, signal: NodeJS.Signals | null): Pick<ExitRecord, "code" | "reason"> {
  if (outOfMemory(stateDir)) return { code: KILLED_CODE, reason: "OOMKilled" };
  return { code: code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? constants.signals.SIGKILL), reason: code === 0 ? "Completed" : "Error" };
}

/** A process that becomes the host; what it may do is in its flags, and in its orders on the pipe. */
function launch(host: HostImage, spec: HostSpec, options: Pick<SpawnOptions, "stdio" | "detached">, cgroup: Cgroup | undefined): ChildProcess {
  const [program = process.execPath, ...args] = [...confinementFor(spec).command, process.execPath, ...flagsFor(host, spec), host.entry];
  const child = spawn(program, args, { cwd: "/", env: {}, ...options });
  if (child.pid !== undefined) cgroup?.enter(child.pid);
  return child;
}

/** Orders with the lengths of the modules that follow them. */
function withModules(rest: Omit<HostSpec, "moduleBytes" | "linked">, [module, ...libraries]: readonly Uint8Array[], linked: readonly LinkedModule[]): HostSpec {
  const lengths = linked.map(({ memoryLimitBytes }, at) => ({ memoryLimitBytes, moduleBytes: libraries[at]?.length ?? 0 }));
  return { ...rest, moduleBytes: module?.length ?? 0, ...(lengths.length === 0 ? {} : { linked: lengths }) };
}

/** The kernel bounds the process, libraries and all. */
const boundsOf = (spec: HostSpec) => ({ ...spec, memoryLimitBytes: (spec.linked ?? []).reduce((sum, { memoryLimitBytes }) => sum + memoryLimitBytes, spec.memoryLimitBytes) });

function give(child: ChildProcess, spec: HostSpec, modules: readonly Uint8Array[]): Socket {
  const pipe = child.stdio[SPEC_FD] as Socket;
  // the child may end before it has read its orders
  pipe.on("error", () => {});
  pipe.write(`${JSON.stringify(spec)}\n`);
  for (const bytes of modules) pipe.write(bytes);
  return pipe;
}

/** A component that somebody watches: a person at a terminal, a probe, `kubectl exec`. */
export interface Watched {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** resolves when it has ended and, with pipes, everything was handed on */
  readonly exit: Promise<ExitRecord>;
  kill(signal: NodeJS.Signals): void;
}

export interface WatchOptions extends Omit<StartOptions, "logPath" | "onExit" | "startTimeoutMs">, Pick<HostSpec, "call" | "stdin"> {
  /** "inherit": the caller's own terminal */
  readonly stdio: "pipe" | "inherit";
  /** what runs: read and verified unless given */
  readonly bytes?: Uint8Array;
}

/** Like startComponent, with output as it is instead of a log; it ends when its caller does. @throws VerificationError */
export function watchComponent(options: WatchOptions): Watched {
  const { host, module, linked = [], publicKeys, stdio, bytes = readVerified(module, publicKeys), ...rest } = options;
  mkdirSync(rest.stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const modules = [bytes, ...linked.map((one) => readVerified(one.module, publicKeys))];
  const spec = withModules(rest, modules, linked);
  const cgroup = createCgroup(spec.stateDir, boundsOf(spec));
  const child = launch(host, spec, { stdio: [spec.stdin === true ? stdio : "ignore", stdio, stdio, "pipe"], detached: false }, cgroup);
  give(child, spec, modules).resume();
  const stop = () => void child.kill("SIGKILL");
  process.once("exit", stop);
  const exit = new Promise<ExitRecord>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.removeListener("exit", stop);
      resolve(settle(spec.stateDir, { ...endOf(spec.stateDir, code, signal), startedAt }));
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit, kill: (signal) => void child.kill(signal) };
}

function verified(modules: readonly SignedModule[], publicKeys: readonly string[]): readonly Uint8Array[] | Error {
  try {
    return modules.map((module) => readVerified(module, publicKeys));
  } catch (error) {
    return error as Error;
  }
}

/**
 * Ends a service whose guest has been in one request for too long where the host could not end it itself (host/guard.ts).
 * @returns whether it was ended
 */
export function endIfStuck(stateDir: string, timeoutMs: number, now: number): boolean {
  const state = componentState(stateDir);
  if (state.state !== "running") return false;
  const { running } = state;
  const since = BUSY_TITLE.exec(titleOf(running.pid))?.[1];
  if (since === undefined || now - Number(since) < timeoutMs + STUCK_MARGIN_MS) return false;
  settle(stateDir, { code: KILLED_CODE, reason: "Error", startedAt: running.startedAt, message: `a request took longer than ${timeoutMs} ms` });
  send(running, "SIGKILL");
  return true;
}

/** SIGTERM, then SIGKILL after the grace period. Resolves when it is dead; at once when it does not run. */
export async function stopComponent(stateDir: string, graceMs: number): Promise<void> {
  const state = componentState(stateDir);
  if (state.state !== "running") return;
  const { running } = state;
  if (running.shared !== undefined) return stopShared(stateDir, graceMs);
  send(running, graceMs > 0 ? "SIGTERM" : "SIGKILL");
  const end = performance.now() + graceMs;
  let killed = graceMs <= 0;
  while (isAlive(running)) {
    if (!killed && performance.now() >= end) {
      send(running, "SIGKILL");
      killed = true;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  settle(stateDir, { code: 128 + (killed ? 9 : 15), reason: "Error", startedAt: running.startedAt, message: undefined });
}
