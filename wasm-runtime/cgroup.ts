/**
 * The kernel's bound of one host process, where there is one (as root, with cgroups of version 1 or 2): memory as the last
 * fence behind the rewritten maximum, CPU time as the pod's limit says. Everything is best effort: without cgroups a process
 * runs all the same, bounded by its host alone.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface CgroupLimits {
  readonly memoryLimitBytes: number;
  /** thousandths of a processor; absent: all of them */
  readonly cpuMillis?: number;
}

export interface Cgroup {
  /** @returns whether the kernel bounds it */
  enter(pid: number): boolean;
  /** the kernel ended a process in it for lack of memory */
  outOfMemory(): boolean;
  /** when nobody is in it */
  remove(): void;
}

const ROOT = "/sys/fs/cgroup";
const PARENT = "lichen-wasi";
/** Node itself, its heap, compiled code and file pages: what a process has beside its WebAssembly memory, with room. */
const HOST_BYTES = 160 << 20;
const PERIOD_US = 100_000;
/** The kernel's smallest quota (sched-bwc). */
const MIN_QUOTA_US = 1000;

/** @param key names the process: its state directory */
export function cgroupFor(key: string, root = ROOT): Cgroup {
  const name = createHash("sha256").update(key).digest("hex").slice(0, 24);
  const version2 = existsSync(join(root, "cgroup.controllers"));
  const place = (controller: string) => (version2 ? join(root, PARENT, name) : join(root, controller, PARENT, name));
  const controllers = version2 ? ["unified"] : ["memory", "cpu"].filter((controller) => existsSync(join(root, controller)));

  return {
    enter(pid) {
      let entered = 0;
      for (const controller of controllers) {
        try {
          writeFileSync(join(place(controller), "cgroup.procs"), String(pid));
          entered++;
        } catch {
          // it ended already, or there is no such cgroup
        }
      }
      return entered > 0;
    },
    outOfMemory() {
      const file = version2 ? join(place("unified"), "memory.events") : join(place("memory"), "memory.oom_control");
      return Number(/^oom_kill (\d+)/m.exec(text(file))?.[1] ?? 0) > 0;
    },
    remove() {
      for (const controller of controllers) {
        try {
          rmdirSync(place(controller));
        } catch {
          // never made, or still in use
        }
      }
    },
  };
}

/** Makes the cgroup with its limits. @returns undefined where the kernel or our rights do not allow it */
export function createCgroup(key: string, { memoryLimitBytes, cpuMillis }: CgroupLimits, root = ROOT): Cgroup | undefined {
  if (root === ROOT && process.getuid?.() !== 0) return undefined;
  const cgroup = cgroupFor(key, root);
  const name = createHash("sha256").update(key).digest("hex").slice(0, 24);
  const memory = String(memoryLimitBytes + HOST_BYTES);
  const quota = cpuMillis === undefined ? undefined : Math.max(MIN_QUOTA_US, Math.round((cpuMillis * PERIOD_US) / 1000));
  try {
    if (existsSync(join(root, "cgroup.controllers"))) {
      const directory = join(root, PARENT, name);
      tryWrite(join(root, "cgroup.subtree_control"), "+memory +cpu");
      mkdirSync(join(root, PARENT), { recursive: true });
      tryWrite(join(root, PARENT, "cgroup.subtree_control"), "+memory +cpu");
      mkdirSync(directory, { recursive: true });
      tryWrite(join(directory, "memory.max"), memory);
      tryWrite(join(directory, "memory.swap.max"), "0");
      if (quota !== undefined) tryWrite(join(directory, "cpu.max"), `${quota} ${PERIOD_US}`);
      return cgroup;
    }
    if (!existsSync(join(root, "memory"))) return undefined;
    mkdirSync(join(root, "memory", PARENT, name), { recursive: true });
    tryWrite(join(root, "memory", PARENT, name, "memory.limit_in_bytes"), memory);
    if (quota !== undefined && existsSync(join(root, "cpu"))) {
      mkdirSync(join(root, "cpu", PARENT, name), { recursive: true });
      tryWrite(join(root, "cpu", PARENT, name, "cpu.cfs_period_us"), String(PERIOD_US));
      tryWrite(join(root, "cpu", PARENT, name, "cpu.cfs_quota_us"), String(quota));
    }
    return cgroup;
  } catch {
    return undefined;
  }
}

/** A controller that is not enabled has no file; the others hold. */
function tryWrite(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch {
    // see above
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
