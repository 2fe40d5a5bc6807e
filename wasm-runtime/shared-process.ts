/**
 * Processes that components share: one per group (a namespace, see wasi/groups.ts), started when its first component is and
 * gone after its last. What one component does to itself (a trap, an exit, too much memory) ends it alone. What holds the
 * thread ends the process: who did it is told as the reason, and the others are without blame, so that they start again at once.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { basename, join } from "node:path";
import { createCgroup } from "./cgroup.ts";
import { confinementFor } from "./confine.ts";
import { sharedFlags } from "./flags.ts";
import type { SharedFlags } from "./flags.ts";
import { BUSY_TITLE, CONTROL_SOCKET, EXIT_FILE, PROCESS_FILE, RUNNING_FILE, SPEC_FD } from "./host/spec.ts";
import type { HostSpec, RunningRecord, SharedOrder } from "./host/spec.ts";
import { sharedHost } from "./host-image.ts";
import type { HostImage } from "./host-image.ts";
import { componentState, ERROR_FILE, isAlive, KILLED_CODE, lastWords, readRecord, record, send, settle, STARTING_FILE, titleOf, unexplained } from "./process-state.ts";
import { START_TIMEOUT_MS, StartError } from "./start-options.ts";
import type { StartOptions } from "./start-options.ts";
import { readVerified } from "./verified-module.ts";

/** An uninterrupted stretch in one guest; its neighbours answer nobody meanwhile. Long work belongs in a process of its own. */
export const MAX_TURN_MS = 5_000;
/** How far the title's clock and ours may be apart on a busy board. */
const TURN_MARGIN_MS = 1_000;
/** sun_path of unix(7), without its end */
const MAX_SOCKET_PATH = 107;
const POLL_MS = 20;
/** Compiled code, and the bytes that it was made from, in the size of a module. */
const CODE_FACTOR = 4;
/** A process that does not answer is stuck or gone. */
const ANSWER_MS = MAX_TURN_MS + TURN_MARGIN_MS;

export interface Group extends Omit<SharedFlags, "maxMemoryBytes"> {
  /** of any one component */
  readonly maxMemoryBytes: number;
}

/** where a component's process keeps what there is to know about it */
export const sharedStateDir = (directory: string, id: string) => join(directory, "components", id);

/** Resolves when a command runs or a service listens. @param again whether a process that is gone is followed by another. @throws StartError */
export async function startShared(group: Group, options: StartOptions, again = true): Promise<RunningRecord> {
  const { host, module, publicKeys, startTimeoutMs = START_TIMEOUT_MS, onExit, linked = [], ...rest } = options;
  const { stateDir } = rest;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const refuse = (code: number, message: string): never => {
    throw new StartError(settle(stateDir, { code, reason: "StartError", startedAt, message }));
  };
  if (linked.length > 0) refuse(128, "in a shared process a component is not linked with others: run it in a process of its own");
  if (rest.memoryLimitBytes > group.maxMemoryBytes) refuse(128, `in a shared process a component may have ${group.maxMemoryBytes} bytes of memory, not ${rest.memoryLimitBytes}: run it in a process of its own`);
  let bytes: Uint8Array = new Uint8Array();
  try {
    bytes = readVerified(module, publicKeys);
  } catch (error) {
    refuse(128, (error as Error).message);
  }
  const spec: HostSpec = { ...rest, moduleBytes: bytes.length };
  const id = basename(stateDir);
  let control: Socket;
  try {
    const found = await opened(group, host);
    record(join(stateDir, STARTING_FILE), { ...found.running, shared: group.directory, startedAt, memoryLimitBytes: spec.memoryLimitBytes + CODE_FACTOR * spec.moduleBytes });
    bound(group);
    control = found.control;
  } catch (error) {
    return refuse(128, `the shared process could not be started: ${(error as Error).message}`);
  }
  control.write(`${JSON.stringify({ op: "start", id, module: module.moduleDigest, spec } satisfies SharedOrder)}\n`);

  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => void stopShared(stateDir, 0), startTimeoutMs);
    let told = false;
    control.on("data", (word: Buffer) => {
      if (word.includes("module")) control.write(bytes);
      if (!word.includes("running")) return;
      told = true;
      clearTimeout(timer);
      // from here on nothing of it keeps the agent alive
      control.unref();
      resolve(readRecord<RunningRecord>(join(stateDir, RUNNING_FILE)) ?? { pid: 0, startTime: "", bootId: "", startedAt, listening: [] });
    });
    control.once("close", () => {
      clearTimeout(timer);
      // the process was on its way out when it was asked
      if (!told && again && !existsSync(join(stateDir, EXIT_FILE))) return resolve(startShared(group, options, false));
      const state = componentState(stateDir);
      const exit = state.state === "exited" ? state.exit : settle(stateDir, unexplained(stateDir, { shared: group.directory, startedAt }));
      bound(group);
      onExit?.();
      const running = readRecord<RunningRecord>(join(stateDir, RUNNING_FILE));
      if (running === undefined) reject(new StartError(exit));
      else resolve(running);
    });
  });
}

interface Opened {
  readonly running: Pick<RunningRecord, "pid" | "startTime" | "bootId">;
  readonly control: Socket;
}

const starting = new Map<string, Promise<void>>();

/** A connection to the group's process, which is started if there is none. */
async function opened(group: Group, host: HostImage): Promise<Opened> {
  // one that is about to end refuses, the next one is ours
  for (let tries = 0; tries < 3; tries++) {
    await starting.get(group.directory)?.catch(() => {});
    const running = readRecord<RunningRecord>(join(group.directory, PROCESS_FILE));
    const control = running !== undefined && isAlive(running) ? await dial(group.directory) : undefined;
    if (running !== undefined && control !== undefined) return { running, control };
    const known = starting.get(group.directory) ?? begin(group, host).finally(() => starting.delete(group.directory));
    starting.set(group.directory, known);
    await known;
  }
  throw new Error("it does not listen");
}

function dial(directory: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path: join(directory, CONTROL_SOCKET), allowHalfOpen: false });
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

async function begin(group: Group, host: HostImage): Promise<void> {
  const { directory, files } = group;
  const socket = join(directory, CONTROL_SOCKET);
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) throw new Error(`the path ${socket} is too long for a socket: give the agent a shorter data directory`);
  mkdirSync(join(directory, "components"), { recursive: true, mode: 0o700 });
  rmSync(socket, { force: true });
  const errors = openSync(join(directory, ERROR_FILE), "w", 0o600);
  const image = sharedHost(host);
  // any port may be asked for later, and any of the namespace's volumes
  const { command } = confinementFor({ listen: [{ host: "", port: 1 }], grants: files ? { preopens: [{ hostPath: "/", guestPath: "/", readOnly: true }] } : {} });
  const [program = process.execPath, ...args] = [...command, process.execPath, ...sharedFlags(host, group), image, directory];
  const cgroup = createCgroup(directory, { memoryLimitBytes: sumOf(directory) });
  const child = spawn(program, args, { cwd: "/", env: {}, stdio: ["ignore", "ignore", errors, "pipe"], detached: true });
  closeSync(errors);
  if (child.pid !== undefined) cgroup?.enter(child.pid);
  await new Promise<void>((resolve, reject) => {
    const pipe = child.stdio[SPEC_FD] as Socket;
    pipe.on("error", () => {});
    pipe.once("data", () => {
      child.unref();
      pipe.unref();
      resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(lastWords(directory) ?? "it ended at once")));
  });
}

function recordsOf(directory: string): readonly string[] {
  const components = join(directory, "components");
  return existsSync(components) ? readdirSync(components).map((id) => sharedStateDir(directory, id)) : [];
}

function sumOf(directory: string): number {
  return recordsOf(directory).reduce((sum, stateDir) => sum + (componentState(stateDir).state === "exited" ? 0 : (readRecord<{ memoryLimitBytes?: number }>(join(stateDir, STARTING_FILE))?.memoryLimitBytes ?? 0)), 0);
}

/** The kernel's bound of all together follows who is there. */
function bound({ directory }: Group): void {
  if (recordsOf(directory).length > 0) createCgroup(directory, { memoryLimitBytes: sumOf(directory) });
}

/** SIGTERM's and SIGKILL's counterparts for one component. Resolves when it has ended. */
export async function stopShared(stateDir: string, graceMs: number): Promise<void> {
  const state = componentState(stateDir);
  if (state.state !== "running" || state.running.shared === undefined) return;
  const { running } = state;
  const directory = running.shared ?? "";
  const control = await dial(directory);
  control?.on("data", () => {});
  control?.write(`${JSON.stringify({ op: "stop", id: basename(stateDir), graceMs } satisfies SharedOrder)}\n`);
  const until = Date.now() + graceMs + ANSWER_MS;
  while (componentState(stateDir).state === "running") {
    if (Date.now() > until) endShared(directory, { id: undefined, why: "did not answer" });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  control?.destroy();
}

/**
 * Ends a shared process whose guest does not give way.
 * @returns ids of the components that ended
 */
export function endIfHeld(directory: string, now: number): readonly string[] {
  const running = readRecord<RunningRecord>(join(directory, PROCESS_FILE));
  if (running === undefined || !isAlive(running)) return [];
  const [, since, id] = BUSY_TITLE.exec(titleOf(running.pid)) ?? [];
  if (since === undefined || now - Number(since) < MAX_TURN_MS + TURN_MARGIN_MS) return [];
  return endShared(directory, { id, why: `ran for longer than ${MAX_TURN_MS} ms without giving way` });
}

function endShared(directory: string, { id, why }: { readonly id: string | undefined; readonly why: string }): readonly string[] {
  const running = readRecord<RunningRecord>(join(directory, PROCESS_FILE));
  const ended = recordsOf(directory).filter((stateDir) => componentState(stateDir).state === "running");
  for (const stateDir of ended) {
    const startedAt = readRecord<RunningRecord>(join(stateDir, STARTING_FILE))?.startedAt ?? 0;
    const culprit = basename(stateDir) === id;
    const message = culprit
      ? `the component ${why}, in a process that it shares: it runs in one of its own from now on`
      : `ended because a component in the same shared process ${why}; it was ${id === undefined ? "not to be found out which" : `container ${id}`}`;
    settle(stateDir, { code: KILLED_CODE, reason: culprit ? "Error" : "SharedProcessEnded", startedAt, message, fault: culprit ? "culprit" : "blameless" });
  }
  // nobody is to ask it while it dies
  rmSync(join(directory, PROCESS_FILE), { force: true });
  if (running !== undefined) send(running, "SIGKILL");
  return ended.map((stateDir) => basename(stateDir));
}

/** What each component of a shared process uses, as the process itself counts; undefined: it does not answer. */
export async function usageOfShared(directory: string): Promise<Readonly<Record<string, { readonly cpuNs: number; readonly memoryBytes: number }>> | undefined> {
  const control = await dial(directory);
  if (control === undefined) return undefined;
  control.write(`${JSON.stringify({ op: "usage" } satisfies SharedOrder)}\n`);
  control.setTimeout(ANSWER_MS, () => control.destroy());
  let text = "";
  try {
    for await (const chunk of control) text += String(chunk);
    return JSON.parse(text) as Record<string, { cpuNs: number; memoryBytes: number }>;
  } catch {
    return undefined;
  }
}
