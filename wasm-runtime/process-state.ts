/**
 * What there is to know about the process of a component: from its state directory (`running.json`, `exit.json`) and from
 * /proc, never from the agent's memory. A process is named by pid, start time and boot, so that a reused pid is not taken
 * for it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupFor } from "./cgroup.ts";
import { DEMAND_FILE, EXIT_FILE, RUNNING_FILE } from "./host/spec.ts";
import type { DemandRecord, ExitRecord, RunningRecord } from "./host/spec.ts";

/** Written by the agent right after the fork: covers the moment until the host writes `running.json`. */
export const STARTING_FILE = "starting.json";
/** What node itself prints when it cannot start. */
export const ERROR_FILE = "host.err";
const MAX_ERROR_BYTES = 8192;
/** 128 + SIGKILL: what is reported for a process that vanished without a word */
export const KILLED_CODE = 137;

/** How a host process is doing, from disk and /proc. "created": it was never started. */
export type ComponentState =
  | { readonly state: "created" }
  | { readonly state: "running"; readonly running: RunningRecord }
  | { readonly state: "exited"; readonly exit: ExitRecord };

export function componentState(stateDir: string): ComponentState {
  const exit = readRecord<ExitRecord>(join(stateDir, EXIT_FILE));
  if (exit !== undefined) return { state: "exited", exit };
  const demand = readRecord<DemandRecord>(join(stateDir, DEMAND_FILE));
  if (demand !== undefined) return { state: "running", running: onDemand(stateDir, demand) };
  const running = readRecord<RunningRecord>(join(stateDir, RUNNING_FILE)) ?? readRecord<RunningRecord>(join(stateDir, STARTING_FILE));
  if (running === undefined) return { state: "created" };
  if (isAlive(running)) return { state: "running", running: { ...running, listening: running.listening ?? [] } };
  // between the two reads it may have ended in order
  const last = readRecord<ExitRecord>(join(stateDir, EXIT_FILE));
  return { state: "exited", exit: last ?? settle(stateDir, unexplained(stateDir, running)) };
}

/** The container runs, whether or not it has a process at the moment. */
function onDemand(stateDir: string, { startedAt, count, listening }: DemandRecord): RunningRecord {
  const process = componentState(join(stateDir, `process-${count}`));
  return process.state === "running" ? { ...process.running, startedAt, listening } : { pid: 0, startTime: "", bootId: "", startedAt, listening, asleep: true };
}

/** What is told when nobody inside could say why it ended. */
export function unexplained(stateDir: string, { shared, startedAt }: Pick<RunningRecord, "shared" | "startedAt">) {
  if (shared === undefined) return { code: KILLED_CODE, reason: outOfMemory(stateDir) ? "OOMKilled" : "Error", startedAt, message: lastWords(stateDir) };
  const memory = outOfMemory(shared);
  const why = memory ? "ran out of memory; which of its components took it is not known" : (lastWords(shared) ?? "was killed");
  return { code: KILLED_CODE, reason: memory ? "OOMKilled" : "Error", startedAt, message: `the process that the component shares with others of its namespace ended: it ${why}` };
}

/** The end of a process that could not record it itself. What the host wrote wins. */
export function settle(stateDir: string, end: { readonly code: number; readonly reason: string; readonly startedAt: number; readonly message?: string | undefined; readonly fault?: "culprit" | "blameless" }): ExitRecord {
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

/** V8 ended the process, whose heap a guest filled with host objects or table entries, or the kernel did. */
export const outOfMemory = (stateDir: string) => /heap out of memory|heap limit/.test(lastWords(stateDir) ?? "") || cgroupFor(stateDir).outOfMemory();

export function lastWords(stateDir: string): string | undefined {
  try {
    return readFileSync(join(stateDir, ERROR_FILE), "utf8").trim().slice(-MAX_ERROR_BYTES) || undefined;
  } catch {
    return undefined;
  }
}

export function send(running: RunningRecord, name: "SIGTERM" | "SIGKILL"): void {
  if (!isAlive(running)) return;
  try {
    process.kill(running.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

export function isAlive(running: Pick<RunningRecord, "pid" | "startTime" | "bootId">): boolean {
  const found = identify(running.pid);
  return found !== undefined && found.startTime === running.startTime && found.bootId === running.bootId && found.alive;
}

let bootId: string | undefined;

/**
 * proc_pid_stat(5): field 3 is the state, field 4 the parent, field 22 the start time; the name in field 2 may hold anything.
 * A dead child of this process counts as alive until its "exit" event tells how it ended: nobody else knows its code.
 */
export function identify(pid: number): { readonly startTime: string; readonly bootId: string; readonly alive: boolean } | undefined {
  try {
    bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const awaited = fields[0] === "Z" && fields[1] === String(process.pid);
    return { startTime: fields[19] ?? "", bootId, alive: awaited || (fields[0] !== "Z" && fields[0] !== "X") };
  } catch {
    return undefined;
  }
}

export function record(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function readRecord<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
