/** tmpfs for what must not reach flash (secrets, memory volumes). Node has no mount(2); the commands are util-linux's. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

export interface Mounter {
  /** does nothing when something is mounted there already */
  tmpfs(directory: string, options: { readonly sizeBytes?: number | undefined }): Promise<void>;
  /** makes mounts below `directory` visible to containers and theirs to others (mountPropagation) */
  share(directory: string): Promise<void>;
  /** unmounts everything at or below `directory`, deepest first */
  unmountBelow(directory: string): Promise<void>;
}

export const linuxMounter: Mounter = {
  async tmpfs(directory, { sizeBytes }) {
    if ((await mountPoints()).includes(directory)) return;
    const options = ["rw", "mode=0777", ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])].join(",");
    await execute("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]);
  },
  async share(directory) {
    // a mount of its own: the file system it lies on stays as the system wants it
    if (!(await mountPoints()).includes(directory)) await execute("mount", ["--bind", directory, directory]);
    await execute("mount", ["--make-rshared", directory]);
  },
  async unmountBelow(directory) {
    const below = (await mountPoints()).filter((point) => point === directory || point.startsWith(`${directory}/`));
    for (const point of below.toReversed()) await execute("umount", [point]).catch(() => execute("umount", ["-l", point]));
  },
};

/** Without root there is no tmpfs; a plain directory has to do. */
export const plainMounter: Mounter = {
  tmpfs: async () => {},
  share: async () => {},
  unmountBelow: async () => {},
};

/** proc(5), mountinfo: field 5, with octal escapes. */
async function mountPoints(): Promise<string[]> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}
