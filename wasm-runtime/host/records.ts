/** What a host process leaves on disk about a component: who runs it, and how it ended. Right whether or not an agent is alive. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { End } from "./end.ts";
import { EXIT_FILE, RUNNING_FILE } from "./spec.ts";
import type { ExitRecord, RunningRecord } from "./spec.ts";

export function writeRunning(stateDir: string, of: Pick<RunningRecord, "startedAt" | "listening" | "shared">): void {
  writeAtomically(join(stateDir, RUNNING_FILE), { ...identity(), ...of } satisfies RunningRecord);
}

export function writeExit(stateDir: string, end: End, startedAt: number): void {
  writeAtomically(join(stateDir, EXIT_FILE), { ...end, startedAt, finishedAt: Date.now() } satisfies ExitRecord);
}

export function identity(): Pick<RunningRecord, "pid" | "startTime" | "bootId"> {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return {
    pid: process.pid,
    startTime: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "",
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(),
  };
}

export function writeAtomically(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
