import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

const BLOCK_BYTES = 512;

/** Bytes that the disk gave for a directory and everything below it, links not followed; 0: it is not there. */
export async function treeBytes(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 0;
  let bytes = found.blocks * BLOCK_BYTES;
  if (!found.isDirectory()) return bytes;
  for (const child of await readdir(path).catch((): string[] => [])) bytes += await treeBytes(join(path, child));
  return bytes;
}
