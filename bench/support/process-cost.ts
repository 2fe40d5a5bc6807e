/** What a process costs the machine, read from /proc: memory, processor time, bytes to disk. */
import { readdirSync, readFileSync } from "node:fs";

export interface Memory {
  /** Mb: pages that several processes share (the program file of Node) count in parts */
  readonly pss: number;
  /** Mb of it that no file backs: what the process itself has filled */
  readonly anonymous: number;
}

export function memoryOf(pids: readonly number[]): Memory {
  const sum = (field: string) => pids.reduce((all, pid) => all + kibibytes(read(`/proc/${pid}/smaps_rollup`), field), 0) / 1024;
  return { pss: sum("Pss"), anonymous: sum("Pss_Anon") };
}

/** Seconds of processor time, of all threads. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((all, pid) => all + ticks(`/proc/${pid}/stat`), 0) / TICKS;
}

/** The same of the main thread alone: what runs there limits a server, other threads have other processors. */
export function mainThreadSeconds(pid: number): number {
  return ticks(`/proc/${pid}/task/${pid}/stat`) / TICKS;
}

/** Per second, on every Linux that Node runs on. */
const TICKS = 100;

function ticks(path: string): number {
  // the name in parentheses may hold spaces; utime and stime are the 14th and 15th field
  const fields = read(path).split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

export function bytesWritten(pids: readonly number[]): number {
  return pids.reduce((all, pid) => all + Number(/^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`))?.[1] ?? 0), 0);
}

/** The process and all that it started, as far as they live. */
export function family(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(" ").filter((child) => child !== "").map(Number),
  );
  return [pid, ...children.flatMap(family)];
}

function kibibytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
