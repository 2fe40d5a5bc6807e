/**
 * A container's log as it lies on disk: rotated files beside the current one, oldest first. Reading backwards finds the
 * beginning of a tail without reading gigabytes; following survives rotation by looking at the inode.
 */
import { open, readdir, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const NEWLINE = 0x0a;
const CHUNK = 64 * 1024;

/** The rotated files of a log and itself, oldest first: "0.log.20300101-000000", "0.log". */
export async function logFiles(path: string): Promise<string[]> {
  const name = basename(path);
  const names = await readdir(dirname(path)).catch((): string[] => []);
  const rotated = names.filter((each) => each.startsWith(`${name}.`) && !/\.(gz|tmp)$/.test(each)).toSorted();
  return [...rotated, ...(names.includes(name) ? [name] : [])].map((each) => join(dirname(path), each));
}

/** Lines of a file from a position, without their newlines; a last line without newline is left for later. */
export async function* linesFrom(handle: FileHandle, position: number): AsyncGenerator<{ readonly line: Buffer; readonly next: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let at = position;
  const buffer = Buffer.alloc(CHUNK);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, at + rest.length);
    if (bytesRead === 0) return;
    let data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE)) {
      at += end + 1;
      yield { line: data.subarray(0, end), next: at };
      data = data.subarray(end + 1);
    }
    rest = data;
  }
}

/** Where the last `count` lines of the file begin. A long line that was written in pieces counts as its pieces, as with kubelet. */
export async function tailStart(path: string, count: number): Promise<number> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    let position = size;
    let data: Buffer = Buffer.alloc(0);
    let lines = 0;
    let lineEnd = -1;
    while (position > 0) {
      const length = Math.min(CHUNK, position);
      position -= length;
      const chunk = Buffer.alloc(length);
      await handle.read(chunk, 0, length, position);
      data = Buffer.concat([chunk, data]);
      if (lineEnd >= 0) lineEnd += length;
      else if (data.length > 0) lineEnd = data.length;
      // walk back over newlines; each delimits the line that begins after it
      for (let at = data.lastIndexOf(NEWLINE, lineEnd - 1); at >= 0; at = at === 0 ? -1 : data.lastIndexOf(NEWLINE, at - 1)) {
        if (lineEnd > at + 1 && ++lines > count) return position + lineEnd;
        lineEnd = at + 1;
      }
      data = data.subarray(0, lineEnd);
    }
    if (lineEnd > 0 && ++lines > count) return lineEnd;
    return 0;
  } finally {
    await handle.close();
  }
}

/** Another file took the name: the log was rotated. */
export async function replaced(handle: FileHandle, path: string): Promise<boolean> {
  const [open_, named] = await Promise.all([handle.stat(), stat(path).catch(() => undefined)]);
  return named !== undefined && named.ino !== open_.ino;
}
