/**
 * Mounts of volumes. Node has no mount(2); the commands are util-linux's. The kernel's own table is the journal: every
 * mount of a pod lies below the pod's directory, so what a crash left behind is found and undone by looking there.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { MountSource } from "../runtimes/runtime.ts";

const execute = promisify(execFile);

export interface Mounter {
  /** false: something was mounted there already */
  mount(directory: string, source: MountSource): Promise<boolean>;
  mounted(directory: string): Promise<boolean>;
  /** shows `source` (a path that is taken literally) at `target` as well; false: this device cannot */
  bind(source: string, target: string): Promise<boolean>;
  /** makes mounts below `directory` visible to containers and theirs to others (mountPropagation) */
  share(directory: string): Promise<void>;
  /** unmounts everything at or below `directory`, deepest first. @throws Error when something stays: nothing there may be removed then */
  unmountBelow(directory: string): Promise<void>;
}

/** A server that does not answer must not hold up the pod's other steps for ever. */
const MOUNT_LIMIT_MS = 120_000;

export const linuxMounter: Mounter = {
  mounted: async (directory) => (await mountPoints()).includes(directory),
  async mount(directory, { type, source, options }) {
    if ((await mountPoints()).includes(directory)) return false;
    await run("mount", ["-t", type, ...(options.length === 0 ? [] : ["-o", options.join(",")]), source, directory]);
    return true;
  },
  async bind(source, target) {
    await run("mount", ["--no-canonicalize", "--bind", source, target]);
    return true;
  },
  async share(directory) {
    // a mount of its own: the file system it lies on stays as the system wants it
    if (!(await mountPoints()).includes(directory)) await run("mount", ["--bind", directory, directory]);
    await run("mount", ["--make-rshared", directory]);
  },
  async unmountBelow(directory) {
    const points = await pointsBelow(directory);
    if (points.length === 0) return;
    for (const point of points.toReversed()) await run("umount", [point]).catch(() => run("umount", ["-l", point]));
    const left = await pointsBelow(directory);
    if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
  },
};

/** Without root nothing can be mounted; plain directories have to do. */
export const plainMounter: Mounter = {
  mounted: async () => false,
  mount: async (_directory, { type }) => {
    if (type !== "tmpfs") throw new Error(`mounting ${type} needs root`);
    return true;
  },
  bind: async () => false,
  share: async () => {},
  unmountBelow: async () => {},
};

/** A memory volume of a pod's own. */
export function tmpfs(sizeBytes: number): MountSource {
  return { type: "tmpfs", source: "tmpfs", options: ["rw", "mode=0777", ...(Number.isFinite(sizeBytes) ? [`size=${sizeBytes}`] : [])] };
}

/** For all that must not reach flash: only the agent writes there. */
export const MEMORY: MountSource = { type: "tmpfs", source: "tmpfs", options: ["rw", "mode=0711"] };

async function run(command: string, args: readonly string[]): Promise<void> {
  try {
    await execute(command, args, { timeout: MOUNT_LIMIT_MS });
  } catch (error) {
    const { stderr = "" } = error as { readonly stderr?: string };
    throw new Error(`mount failed: ${stderr.trim() || String(error)}\nMounting command: ${command}\nMounting arguments: ${args.join(" ")}`, { cause: error });
  }
}

async function pointsBelow(directory: string): Promise<string[]> {
  return (await mountPoints()).filter((point) => point === directory || point.startsWith(`${directory}/`));
}

/** proc(5), mountinfo: field 5, with octal escapes. */
async function mountPoints(): Promise<string[]> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}
