/** fsGroup: the group gets what is in a volume, and new files belong to it as well (KEP-695). */
import { chmod, chown, lchown, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const SET_GROUP_ID = 0o2000;
const GROUP_FILE = 0o660;
const GROUP_DIRECTORY = 0o770 | SET_GROUP_ID;

/** A fresh directory: its mode, and its group if there is one. */
export async function ownDirectory(directory: string, fsGroup: number | undefined, mode: number): Promise<void> {
  if (fsGroup !== undefined) await chown(directory, 0, fsGroup);
  // chown(2) clears set-group-ID
  await chmod(directory, fsGroup === undefined ? mode : mode | SET_GROUP_ID);
}

/** Everything in a volume with data; `OnRootMismatch`: only when the top does not belong to the group yet. */
export async function ownTree(directory: string, fsGroup: number, policy: "Always" | "OnRootMismatch"): Promise<void> {
  const top = await stat(directory);
  if (policy === "OnRootMismatch" && top.gid === fsGroup && (top.mode & GROUP_DIRECTORY) === GROUP_DIRECTORY) return;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await ownTree(path, fsGroup, "Always");
    else if (entry.isSymbolicLink()) await lchown(path, (await stat(path).catch(() => top)).uid, fsGroup).catch(() => {});
    else await ownOne(path, fsGroup, GROUP_FILE);
  }
  await ownOne(directory, fsGroup, GROUP_DIRECTORY);
}

async function ownOne(path: string, fsGroup: number, bits: number): Promise<void> {
  const { uid, mode } = await stat(path);
  await chown(path, uid, fsGroup);
  await chmod(path, (mode & 0o7777) | bits);
}
