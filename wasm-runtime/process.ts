/**
 * Host processes: one per component, detached, so that workloads live through a restart of the agent. What there is to know
 * about one is in its state directory (`running.json`, `exit.json`) and in /proc, never only in the agent's memory; a
 * process is named by pid, start time and boot, so that a reused pid is not taken for it.
 */
import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { BUSY_TITLE, EXIT_FILE, RUNNING_FILE, SPEC_FD } from "./host/spec.ts";
import type { ExitRecord, HostSpec, RunningRecord, SignedModule } from "./host/spec.ts";
import { cgroupFor, createCgroup } from "./cgroup.ts";
import type { Cgroup } from "./cgroup.ts";
import { confinementFor } from "./confine.ts";
import type { HostImage } from "./host-image.ts";
import { PAGE_BYTES } from "./limits.ts";
import { readVerified } from "./verified-module.ts";

export type { ExitRecord, Grants, HostSpec, Preopen, RunningRecord, SignedModule } from "./host/spec.ts";
export { DEFAULT_REQUEST_TIMEOUT_MS, statementOf } from "./host/spec.ts";
export { isSigned } from "./signature.ts";

/** Written by the agent right after the fork: covers the moment until the host writes `running.json`. */
const STARTING_FILE = "starting.json";
/** What node itself prints when it cannot start. */
const ERROR_FILE = "host.err";
const MAX_ERROR_BYTES = 8192;
/** A busy small board takes a second; a component that loops in its start function never gets there. */
export const START_TIMEOUT_MS = 20_000;
/** The host's own JavaScript heap: bodies and modules are outside of it. */
const HEAP_MB = 32;
/** x86-64, and ARM64 with 48-bit page tables: all of it is the process's but one bit */
const FULL_ADDRESS_BITS = 47;
/** 128 + SIGKILL: what is reported for a process that vanished without a word */
const KILLED_CODE = 137;
const POLL_MS = 20;
/** The host's own bound comes first where it is armed. */
const STUCK_MARGIN_MS = 1000;

export interface StartOptions extends Omit<HostSpec, "moduleBytes" | "logPath" | "call" | "stdin"> {
  readonly logPath: string;
  readonly host: HostImage;
  readonly module: SignedModule;
  /** PEM (SPKI) of the keys whose signature is accepted: Ed25519 or P-256 */
  readonly publicKeys: readonly string[];
  readonly startTimeoutMs?: number;
  /** hint that the process ended; the record is in the state directory then */
  readonly onExit?: () => void;
}

/** The component did not start; the exit record says the same. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exit: ExitRecord;

  constructor(exit: ExitRecord) {
    super(exit.message ?? exit.reason);
    this.exit = exit;
  }
}

/** Resolves when a command runs or a service listens. @throws StartError */
export function startComponent(options: StartOptions): Promise<RunningRecord> {
  const { host, module, publicKeys, startTimeoutMs = START_TIMEOUT_MS, onExit, ...rest } = options;
  mkdirSync(rest.stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const bytes = verified(module, publicKeys);
  if (bytes instanceof Error) {
    const exit = settle(rest.stateDir, { code: 128, reason: "StartError", startedAt, message: bytes.message });
    return Promise.reject(new StartError(exit));
  }
  const spec: HostSpec = { ...rest, moduleBytes: bytes.length };
  const errors = openSync(join(spec.stateDir, ERROR_FILE), "w", 0o600);
  const cgroup = createCgroup(spec.stateDir, spec);
  const child = launch(host, spec, { stdio: ["ignore", "ignore", errors, "pipe"], detached: true }, cgroup);
  closeSync(errors);
  if (child.pid !== undefined) record(join(spec.stateDir, STARTING_FILE), { ...identify(child.pid), pid: child.pid, startedAt });
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
        ...(outOfHeap(spec.stateDir) || cgroup?.outOfMemory() === true ? { code: KILLED_CODE, reason: "OOMKilled" } : { code: code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9), reason: failed === undefined && code === 0 ? "Completed" : "Error" }),
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

/** A process that becomes the host; what it may do is in its flags, and in its orders on the pipe. */
function launch(host: HostImage, spec: HostSpec, options: Pick<SpawnOptions, "stdio" | "detached">, cgroup: Cgroup | undefined): ChildProcess {
  const [program = process.execPath, ...args] = [...confinementFor(spec).command, process.execPath, ...flagsFor(host, spec), host.entry];
  const child = spawn(program, args, { cwd: "/", env: {}, ...options });
  if (child.pid !== undefined) cgroup?.enter(child.pid);
  return child;
}

function give(child: ChildProcess, spec: HostSpec, bytes: Uint8Array): Socket {
  const pipe = child.stdio[SPEC_FD] as Socket;
  // the child may end before it has read its orders
  pipe.on("error", () => {});
  pipe.write(`${JSON.stringify(spec)}\n`);
  pipe.write(bytes);
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
  const { host, module, publicKeys, stdio, bytes = readVerified(module, publicKeys), ...rest } = options;
  mkdirSync(rest.stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const spec: HostSpec = { ...rest, moduleBytes: bytes.length };
  const cgroup = createCgroup(spec.stateDir, spec);
  const child = launch(host, spec, { stdio: [spec.stdin === true ? stdio : "ignore", stdio, stdio, "pipe"], detached: false }, cgroup);
  give(child, spec, bytes).resume();
  const stop = () => void child.kill("SIGKILL");
  process.once("exit", stop);
  const exit = new Promise<ExitRecord>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.removeListener("exit", stop);
      const killed = cgroup?.outOfMemory() === true;
      resolve(settle(spec.stateDir, { code: code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9), reason: killed ? "OOMKilled" : code === 0 ? "Completed" : "Error", startedAt, message: undefined }));
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit, kill: (signal) => void child.kill(signal) };
}

function verified(module: SignedModule, publicKeys: readonly string[]): Uint8Array | Error {
  try {
    return readVerified(module, publicKeys);
  } catch (error) {
    return error as Error;
  }
}

/** How a host process is doing, from disk and /proc. "created": it was never started. */
export type ComponentState =
  | { readonly state: "created" }
  | { readonly state: "running"; readonly running: RunningRecord }
  | { readonly state: "exited"; readonly exit: ExitRecord };

export function componentState(stateDir: string): ComponentState {
  const exit = readRecord<ExitRecord>(join(stateDir, EXIT_FILE));
  if (exit !== undefined) return { state: "exited", exit };
  const running = readRecord<RunningRecord>(join(stateDir, RUNNING_FILE)) ?? readRecord<RunningRecord>(join(stateDir, STARTING_FILE));
  if (running === undefined) return { state: "created" };
  if (isAlive(running)) return { state: "running", running: { ...running, listening: running.listening ?? [] } };
  // between the two reads it may have ended in order
  const last = readRecord<ExitRecord>(join(stateDir, EXIT_FILE));
  return { state: "exited", exit: last ?? settle(stateDir, { code: KILLED_CODE, reason: "Error", startedAt: running.startedAt, message: lastWords(stateDir) }) };
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

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** SIGTERM, then SIGKILL after the grace period. Resolves when it is dead; at once when it does not run. */
export async function stopComponent(stateDir: string, graceMs: number): Promise<void> {
  const state = componentState(stateDir);
  if (state.state !== "running") return;
  const { running } = state;
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

function flagsFor(host: HostImage, spec: HostSpec): string[] {
  return [
    "--no-warnings",
    "--disallow-code-generation-from-strings",
    "--disable-proto=delete",
    "--max-semi-space-size=1",
    `--max-old-space-size=${HEAP_MB}`,
    `--wasm-max-mem-pages=${Math.max(1, Math.floor(spec.memoryLimitBytes / PAGE_BYTES))}`,
    "--v8-pool-size=1",
    // V8 reserves 8 GB of addresses per memory so that the processor checks bounds; 39 bits have room for few of them
    ...(spec.addressBits !== undefined && spec.addressBits < FULL_ADDRESS_BITS ? ["--disable-wasm-trap-handler"] : []),
    ...permissionsFor(host, spec),
  ];
}

/**
 * A second fence behind the host's own: the process can open little. Node's permission model has no fsync and no futimes
 * (v24), which a program that keeps data must have, so a pod with a writable volume runs behind the first fence only.
 */
function permissionsFor(host: HostImage, spec: HostSpec): string[] {
  const preopens = spec.grants.preopens ?? [];
  if (preopens.some(({ readOnly }) => !readOnly)) return [];
  const lines = spec.grants.gpio ?? [];
  const { deviceRoot: root = "/", i2c = [], spi = [], uart = [], onewire = [], outbound = "", listening = "" } = spec.grants;
  const extras = [
    ...(spec.grants.stores ?? []).flatMap(({ directory }) => [directory, inside(directory)]),
    ...(lines.length > 0 ? [join(root, "sys/class/gpio/*"), join(root, "sys/devices/*")] : []),
    ...uart.map((port) => join(root, "dev", port)),
  ];
  const writes = [...extras, ...(spec.logPath === undefined ? [] : [spec.logPath]), inside(spec.stateDir), ...(spec.agentLine === true ? [spec.stateDir] : [])];
  const reads = [
    ...writes, inside(host.directory), "/proc/self/*", "/proc/sys/kernel/random/boot_id",
    ...preopens.map(({ hostPath }) => inside(hostPath)),
    ...spi.map((device) => join(root, "dev", `spidev${device}`)),
    ...(onewire.length > 0 ? [join(root, "sys/bus/w1/devices"), join(root, "sys/bus/w1/devices/*"), join(root, "sys/devices/*")] : []),
  ];
  const threaded = outbound + listening !== "" || uart.length > 0 || spec.agentLine === true;
  const programs = i2c.length + spi.length + uart.length > 0;
  return ["--permission", ...(threaded ? ["--allow-worker"] : []), ...(programs ? ["--allow-child-process"] : []), ...reads.map((path) => `--allow-fs-read=${path}`), ...writes.map((path) => `--allow-fs-write=${path}`)];
}

const inside = (directory: string) => `${directory}/*`;

/** The end of a process that could not record it itself. What the host wrote wins. */
function settle(stateDir: string, end: { readonly code: number; readonly reason: string; readonly startedAt: number; readonly message: string | undefined }): ExitRecord {
  const path = join(stateDir, EXIT_FILE);
  const written = readRecord<ExitRecord>(path);
  if (written !== undefined) {
    cgroupFor(stateDir).remove();
    return written;
  }
  const { message, ...rest } = end;
  const exit: ExitRecord = { ...rest, finishedAt: Date.now(), ...(message === undefined ? {} : { message }) };
  if (existsSync(stateDir)) record(path, exit);
  cgroupFor(stateDir).remove();
  return exit;
}

/** A guest that makes host objects without end fills the host's heap; V8 ends the process then. */
const outOfHeap = (stateDir: string) => /heap out of memory|heap limit/.test(lastWords(stateDir) ?? "");

function lastWords(stateDir: string): string | undefined {
  try {
    return readFileSync(join(stateDir, ERROR_FILE), "utf8").trim().slice(-MAX_ERROR_BYTES) || undefined;
  } catch {
    return undefined;
  }
}

function send(running: RunningRecord, name: "SIGTERM" | "SIGKILL"): void {
  if (!isAlive(running)) return;
  try {
    process.kill(running.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isAlive(running: Pick<RunningRecord, "pid" | "startTime" | "bootId">): boolean {
  const found = identify(running.pid);
  return found !== undefined && found.startTime === running.startTime && found.bootId === running.bootId && found.alive;
}

let bootId: string | undefined;

/** proc_pid_stat(5): field 3 is the state, field 22 the start time; the name in field 2 may hold anything. */
function identify(pid: number): { readonly startTime: string; readonly bootId: string; readonly alive: boolean } | undefined {
  try {
    bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { startTime: fields[19] ?? "", bootId, alive: fields[0] !== "Z" && fields[0] !== "X" };
  } catch {
    return undefined;
  }
}

function record(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readRecord<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
