/**
 * Shims that nobody knows. A containerd that is killed after it started a shim and before that began its task finds an
 * unfinished bundle when it starts again: it takes the bundle away and leaves the shim running, with nothing in it.
 */
import { access, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { DaemonPaths } from "./paths.ts";
import { shimSocket } from "./shim-socket.ts";

/** What containerd runs a shim's program for beside the shim itself. */
const COMMANDS = new Set(["start", "delete"]);

export interface StrayShim {
  readonly pid: number;
  /** of the sandbox that it was started for */
  readonly id: string;
}

export async function endStrayShims(paths: Pick<DaemonPaths, "socket" | "state">): Promise<void> {
  for (const { pid, id } of await strayShims(paths)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // one that ended by itself meanwhile is as good
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    await rm(shimSocket(paths.socket, id), { force: true });
  }
}

/** This containerd's shims that have neither a bundle nor a process below them. */
export async function strayShims({ socket, state }: Pick<DaemonPaths, "socket" | "state">, proc = "/proc"): Promise<readonly StrayShim[]> {
  const shims: (StrayShim & { readonly bundle: string })[] = [];
  const parents = new Set<number>();
  for (const entry of (await readdir(proc)).filter((name) => /^\d+$/.test(name))) {
    const [program = "", ...args] = (await text(join(proc, entry, "cmdline"))).split("\0");
    parents.add(parentOf(await text(join(proc, entry, "stat"))));
    const value = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
    const id = value("-id");
    const own = basename(program).startsWith("containerd-shim") && value("-address") === socket && !args.some((each) => COMMANDS.has(each));
    if (own && id !== undefined) shims.push({ pid: Number(entry), id, bundle: join(state, "io.containerd.runtime.v2.task", value("-namespace") ?? "", id) });
  }
  const strays: StrayShim[] = [];
  for (const { pid, id, bundle } of shims) if (!parents.has(pid) && !(await exists(bundle))) strays.push({ pid, id });
  return strays;
}

/** Field 4 of /proc/PID/stat (proc(5)). */
function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

/** Empty for a process that is gone. */
async function text(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
