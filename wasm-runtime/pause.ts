/**
 * The process of a library: it does nothing, and is there as long as its container is. What a library does happens in the
 * processes of those that link it; this one carries its state, its signals and its end like any other.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { RUNNING_FILE } from "./host/spec.ts";
import { identify, record, settle } from "./process-state.ts";

/** coreutils or BusyBox */
const SLEEP = ["/usr/bin/sleep", "/bin/sleep"];

/** @param ended hint that it was stopped. @throws Error */
export function startPause(stateDir: string, ended: () => void): void {
  const program = SLEEP.find((path) => existsSync(path));
  if (program === undefined) throw new Error("this device has no program sleep, which holds the place of a library: install coreutils");
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const startedAt = Date.now();
  const child = spawn(program, ["infinity"], { cwd: "/", env: {}, stdio: "ignore", detached: true });
  child.once("exit", (_code, signal) => {
    settle(stateDir, { code: 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9), reason: "Error", startedAt, message: undefined });
    ended();
  });
  child.once("error", ended);
  if (child.pid !== undefined) record(join(stateDir, RUNNING_FILE), { ...identify(child.pid), pid: child.pid, startedAt, listening: [] });
  child.unref();
}
