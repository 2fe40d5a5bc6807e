/**
 * Programs of a newer Debian as if they were installed: its packages, C library included, are laid over /usr in a mount
 * namespace that only the program under test and its children see.
 */
import { join } from "node:path";
import { unpackDebian } from "../../scripts/debian.ts";

/** A command line that runs `command` somewhere else. */
export type Within = (command: string, args: readonly string[]) => { readonly command: string; readonly args: readonly string[] };

/** containerd and what it needs, by its minor version; 1.6 is that of Debian 12 */
const containerdSuite = { "1.7": "trixie", "2.1": "sid" } as const;
export type ContainerdVersion = keyof typeof containerdSuite;
export const containerdVersions = Object.keys(containerdSuite) as readonly ContainerdVersion[];

export function withContainerd(version: ContainerdVersion): Promise<Within> {
  return debianLayer(containerdSuite[version], "containerd", ["containerd", "runc", "libc6", "libseccomp2"]);
}

/** `packages` with every library that the machine has in an older version only */
export async function debianLayer(suite: string, name: string, packages: readonly string[]): Promise<Within> {
  const { folder } = await unpackDebian(suite, name, packages);
  const script = `mount -t overlay overlay -o lowerdir="$0":/usr /usr && exec "$@"`;
  return (command, args) => ({ command: "unshare", args: ["--mount", "sh", "-c", script, join(folder, "usr"), command, ...args] });
}
