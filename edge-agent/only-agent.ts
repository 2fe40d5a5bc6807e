/**
 * One agent per data directory: two would fight over its pods, its containerd and its connection to the server. Who runs is
 * noted in the directory; a note of a process that is gone counts for nothing.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { identityOf, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** @returns what gives the directory free again. @throws Error when another agent runs on it */
export async function claimDirectory(dataDir: string, pid: number = process.pid): Promise<() => Promise<void>> {
  const file = join(dataDir, "agent.json");
  const other = await read(file);
  if (other !== undefined && other.pid !== pid && (await isAlive(other))) {
    throw new Error(`another agent (pid ${other.pid}) runs on ${dataDir}; stop it, or give this one a directory of its own (--data-dir)`);
  }
  await rm(file, { force: true });
  // of two that start at the same time one fails here
  await writeFile(file, JSON.stringify(await identityOf(pid)), { flag: "wx", mode: 0o600 });
  return () => rm(file, { force: true });
}

async function read(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const { pid, started, boot } = JSON.parse(await readFile(file, "utf8")) as Partial<ProcessIdentity>;
    return pid === undefined || started === undefined || boot === undefined ? undefined : { pid, started, boot };
  } catch {
    // none, or cut off by a power failure
    return undefined;
  }
}
