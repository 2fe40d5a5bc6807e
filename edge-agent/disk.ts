/**
 * Writing so that a power cut leaves either the old file or the new one: write aside, fsync, rename, fsync the directory.
 * Writers of one file take turns, so that the last one to ask is the last one on disk.
 */
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** the last write of each file that is still going on */
const writing = new Map<string, Promise<void>>();

export function replaceFile(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const before = writing.get(file) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(() => replace(file, data, mode));
  writing.set(file, mine);
  return mine.finally(() => {
    if (writing.get(file) === mine) writing.delete(file);
  });
}

async function replace(file: string, data: string | Uint8Array, mode: number): Promise<void> {
  const aside = `${file}.new`;
  const handle = await open(aside, "w", mode);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
  await syncDirectory(dirname(file));
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
