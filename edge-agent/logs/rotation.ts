/**
 * Bounds what containers write: a log that is over its size is put aside and the runtime writes to a fresh file; older
 * ones are compressed, the oldest go. The newest of those put aside stays as it is, because followers still read it.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

export interface RotationOptions {
  readonly maxBytes: number;
  /** files per container, the current one included */
  readonly maxFiles: number;
  readonly now: number;
  /** the runtime opens the log anew */
  readonly reopen: () => Promise<void>;
}

/** Looks at one log. @returns whether it was rotated. @throws Error when the runtime does not reopen it: the log stays as it was */
export async function rotateLog(path: string, { maxBytes, maxFiles, now, reopen }: RotationOptions): Promise<boolean> {
  const size = await stat(path).then((found) => found.size, () => 0);
  if (size < maxBytes) return false;
  await prune(path, maxFiles - 2);
  await compressOlder(path);
  const aside = `${path}.${stamp(now)}`;
  await rename(path, aside);
  try {
    await reopen();
  } catch (error) {
    // the container goes on writing to the file that was put aside
    await rename(aside, path);
    throw error;
  }
  return true;
}

/** Keeps the newest `keep` of those put aside, and nothing half compressed. */
async function prune(path: string, keep: number): Promise<void> {
  const files = await rotatedFiles(path);
  const whole = files.filter((file) => !file.endsWith(".tmp"));
  const old = whole.slice(0, Math.max(0, whole.length - Math.max(0, keep)));
  for (const file of [...files.filter((each) => each.endsWith(".tmp")), ...old]) await rm(file, { force: true });
}

async function compressOlder(path: string): Promise<void> {
  for (const file of await rotatedFiles(path)) {
    if (file.endsWith(".gz")) continue;
    await pipeline(createReadStream(file), createGzip(), createWriteStream(`${file}.tmp`));
    await rename(`${file}.tmp`, `${file}.gz`);
    await rm(file);
  }
}

/** Oldest first: the time is in the name. */
async function rotatedFiles(path: string): Promise<string[]> {
  const names = await readdir(dirname(path)).catch((): string[] => []);
  return names.filter((name) => name.startsWith(`${basename(path)}.`)).toSorted().map((name) => join(dirname(path), name));
}

/** kubelet's format, 20060102-150405 */
function stamp(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
}
