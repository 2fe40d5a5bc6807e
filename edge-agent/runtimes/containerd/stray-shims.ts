/**
 * Shims that nobody needs. A containerd that is killed after it started a shim and before that began its task finds an
 * unfinished bundle when it starts again: it takes the bundle away and leaves the shim running, with nothing in it; or it
 * keeps both, and forgets them when the sandbox is removed, because there is no task to delete.
 */
import { access, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { kill } from "./kill.ts";
import type { DaemonPaths } from "./paths.ts";
import { shimSocket } from "./shim-socket.ts";

/** What containerd runs a shim's program for beside the shim itself. */
const COMMANDS = new Set(["start", "delete"]);
/** where containerd keeps bundles, below its state and its root */
const TASKS = "io.containerd.runtime.v2.task";
/** of what CRI makes */
const NAMESPACE = "k8s.io";

export interface StrayShim {
  readonly pid: number;
  /** of the sandbox that it was started for */
  readonly id: string;
}

export async function endStrayShims(paths: Pick<DaemonPaths, "socket" | "state">): Promise<void> {
  for (const shim of await strayShims(paths)) await end(shim, paths.socket);
}

/** After a sandbox or container was removed: its bundle, and a shim with nothing in it, where they are still there. */
export async function removeForgotten(id: string, { socket, state, root }: Pick<DaemonPaths, "socket" | "state" | "root">): Promise<void> {
  const bundles = [state, root].map((directory) => join(directory, TASKS, NAMESPACE, id));
  if (!(await Promise.all(bundles.map(exists))).includes(true)) return;
  const shims = (await ownShims(socket)).filter((shim) => shim.id === id);
  // whoever still has processes is not forgotten
  if (shims.some(({ empty }) => !empty)) return;
  for (const shim of shims) await end(shim, socket);
  for (const bundle of bundles) await rm(bundle, { recursive: true, force: true });
}

async function end({ pid, id }: StrayShim, socket: string): Promise<void> {
  kill(pid);
  await rm(shimSocket(socket, id), { force: true });
}

/** This containerd's shims that have neither a bundle nor a process below them. */
export async function strayShims({ socket, state }: Pick<DaemonPaths, "socket" | "state">, proc = "/proc"): Promise<readonly StrayShim[]> {
  const strays: StrayShim[] = [];
  for (const { pid, id, namespace, empty } of await ownShims(socket, proc)) if (empty && !(await exists(join(state, TASKS, namespace, id)))) strays.push({ pid, id });
  return strays;
}

interface Shim extends StrayShim {
  readonly namespace: string;
  /** it has no process below it */
  readonly empty: boolean;
}

async function ownShims(socket: string, proc = "/proc"): Promise<readonly Shim[]> {
  const shims: Omit<Shim, "empty">[] = [];
  const parents = new Set<number>();
  for (const entry of (await readdir(proc)).filter((name) => /^\d+$/.test(name))) {
    const [program = "", ...args] = (await text(join(proc, entry, "cmdline"))).split("\0");
    parents.add(parentOf(await text(join(proc, entry, "stat"))));
    const value = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
    const id = value("-id");
    const own = basename(program).startsWith("containerd-shim") && value("-address") === socket && !args.some((each) => COMMANDS.has(each));
    if (own && id !== undefined) shims.push({ pid: Number(entry), id, namespace: value("-namespace") ?? "" });
  }
  return shims.map((shim) => ({ ...shim, empty: !parents.has(shim.pid) }));
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
