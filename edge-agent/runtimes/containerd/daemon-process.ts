/**
 * Which process is the agent's containerd: found by pid, start time and boot (a pid alone may have been reused), or by its
 * command line when nobody noted it; and how it is ended.
 */
import { readdir, readFile } from "node:fs/promises";
import { sleep, type Clock } from "../../../core/api/clock.ts";
import { startTime, type ProcessIdentity } from "../../process-identity.ts";
import { kill } from "./kill.ts";
import type { DaemonPaths } from "./paths.ts";

const STOP_LIMIT_MS = 10_000;
const STOP_STEP_MS = 100;

export interface Record extends ProcessIdentity {
  /** of the configuration */
  readonly digest: string;
}

export async function readRecord(paths: DaemonPaths): Promise<Record | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(paths.record, "utf8"));
    const record = value as Partial<Record>;
    if (typeof record.pid !== "number" || typeof record.started !== "string" || typeof record.boot !== "string" || typeof record.digest !== "string") return undefined;
    return { pid: record.pid, started: record.started, boot: record.boot, digest: record.digest };
  } catch {
    return undefined;
  }
}

/** Every daemon that runs with this directory's configuration, whoever started it. */
export async function daemonsOf({ config }: DaemonPaths): Promise<readonly { readonly pid: number; readonly started: string }[]> {
  const found: { pid: number; started: string }[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [program = "", ...args] = (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).split("\0");
    const started = program.endsWith("containerd") && args[0] === "--config" && args[1] === config ? await startTime(Number(entry)) : undefined;
    if (started !== undefined) found.push({ pid: Number(entry), started });
  }
  return found;
}

export async function terminate(pid: number, started: string, clock: Clock): Promise<void> {
  for (const [signal, limit] of [["SIGTERM", STOP_LIMIT_MS], ["SIGKILL", STOP_LIMIT_MS]] as const) {
    const end = clock.monotonic() + limit;
    if ((await startTime(pid)) !== started) return;
    kill(pid, signal);
    while (clock.monotonic() < end) {
      if ((await startTime(pid)) !== started) return;
      await sleep(clock, STOP_STEP_MS);
    }
  }
  throw new Error(`containerd (pid ${pid}) did not end`);
}

/** Fields 14 and 15 of /proc/PID/stat (proc(5)): what it has used of the processor; 0 when it is gone. */
export async function processorTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}
