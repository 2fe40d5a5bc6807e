/** containerd leaves a pod's cgroup directories behind; without this a device collects one per controller and pod. */
import { readdir, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";

const ROOT = "/sys/fs/cgroup";

/** Removes the pod's directories from every hierarchy (v1) or the one (v2). Those still in use stay. */
export async function removePodCgroups(root: string, uid: string): Promise<void> {
  const hierarchies = [ROOT, ...(await names(ROOT)).map((name) => join(ROOT, name))];
  for (const hierarchy of hierarchies) {
    for (const parent of [root, `${root}/burstable`, `${root}/besteffort`]) await removeTree(join(hierarchy, parent, `pod${uid}`));
  }
}

/** After the last pod: the device's own directories. */
export async function removeDeviceCgroups(root: string): Promise<void> {
  for (const hierarchy of [ROOT, ...(await names(ROOT)).map((name) => join(ROOT, name))]) {
    await removeTree(join(hierarchy, root));
    // other devices of this machine may still be below it
    await rmdir(join(hierarchy, dirname(root))).catch(() => {});
  }
}

async function removeTree(directory: string): Promise<void> {
  for (const child of await names(directory)) await removeTree(join(directory, child));
  await rmdir(directory).catch(() => {});
}

async function names(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
