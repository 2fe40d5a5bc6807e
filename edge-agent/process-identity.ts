/** Which process is meant, also after its pid was given to another one or the machine was started anew. */
import { readFile } from "node:fs/promises";

export interface ProcessIdentity {
  readonly pid: number;
  /** clock ticks after boot */
  readonly started: string;
  readonly boot: string;
}

/** Field 22 of /proc/PID/stat (proc(5)), clock ticks after boot; undefined when the process is gone or a zombie. */
export async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "unknown")).trim();
}

export async function identityOf(pid: number): Promise<ProcessIdentity> {
  return { pid, started: (await startTime(pid)) ?? "", boot: await bootId() };
}

export async function isAlive({ pid, started, boot }: ProcessIdentity): Promise<boolean> {
  return boot === (await bootId()) && (await startTime(pid)) === started;
}
