/** Writing so that a power cut leaves either the old file or the new one: write aside, fsync, rename, fsync the directory. */
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

export async function replaceFile(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
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
