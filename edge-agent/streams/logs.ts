/** `kubectl logs`: from the files on the device's disk, filtered as asked, followed until the container ends. */
import { watch } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { sleep, type Clock } from "../../core/api/clock.ts";
import { CHANNEL, type DeviceStream, type LogOptions } from "../../core/api/streams.ts";
import { linesFrom, logFiles, replaced, tailStart } from "./log-files.ts";
import { parseLogLine, timeOf } from "./log-lines.ts";

export interface LogSource {
  readonly path: string;
  /** false: nothing more will be written */
  readonly alive: () => boolean;
}

/** File notifications may be missing (network file systems, inotify limits). */
const LOOK_MS = 500;
const NEWLINE = Buffer.from("\n");

export interface LogTarget {
  /** undefined: the container never ran on this device */
  (options: { readonly previous: boolean }): LogSource | undefined;
}

/** Sends the log on the stdout channel and ends. */
export async function serveLogs(source: LogSource, options: LogOptions, stream: Pick<DeviceStream, "send">, clock: Clock, signal: AbortSignal): Promise<void> {
  const since = options.sinceTime !== undefined ? Date.parse(options.sinceTime) : options.sinceSeconds !== undefined ? clock.now() - options.sinceSeconds * 1000 : undefined;
  const limit = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let sent = 0;
  let lineStart = true;

  /** false: enough */
  const emit = async (raw: Buffer): Promise<boolean> => {
    const entry = parseLogLine(raw);
    if (entry === undefined) return true;
    if (options.stream === "Stdout" && entry.stream !== "stdout") return true;
    if (options.stream === "Stderr" && entry.stream !== "stderr") return true;
    if (since !== undefined && timeOf(entry) < since) return true;
    const stamp = options.timestamps === true && lineStart ? Buffer.from(`${entry.time} `) : Buffer.alloc(0);
    lineStart = entry.end;
    const whole = Buffer.concat(entry.end ? [stamp, entry.text, NEWLINE] : [stamp, entry.text]);
    const data = whole.subarray(0, Math.max(0, limit - sent));
    sent += data.length;
    if (data.length > 0) await stream.send({ channel: CHANNEL.stdout, data });
    return sent < limit;
  };

  const files = await logFiles(source.path);
  const start = await startOf(files, options.tailLines);
  for (const file of files.slice(start.file, -1)) {
    const handle = await open(file, "r");
    try {
      for await (const { line } of linesFrom(handle, file === files[start.file] ? start.position : 0)) if (!(await emit(line))) return;
    } finally {
      await handle.close();
    }
  }
  const current = files.at(-1);
  if (current === undefined && options.follow !== true) return;
  await readCurrent(source, start.file === files.length - 1 ? start.position : 0, options.follow === true, emit, clock, signal);
}

async function startOf(files: readonly string[], tailLines: number | undefined): Promise<{ readonly file: number; readonly position: number }> {
  if (tailLines === undefined) return { file: 0, position: 0 };
  for (let file = files.length - 1, left = tailLines; file >= 0; file--) {
    const path = files[file] ?? "";
    const position = await tailStart(path, left);
    if (position > 0 || file === 0 || left === 0) return { file, position };
    left -= await countLines(path);
  }
  return { file: 0, position: 0 };
}

async function countLines(path: string): Promise<number> {
  const handle = await open(path, "r");
  try {
    let count = 0;
    const lines = linesFrom(handle, 0);
    while ((await lines.next()).done !== true) count++;
    return count;
  } finally {
    await handle.close();
  }
}

async function readCurrent(source: LogSource, start: number, follow: boolean, emit: (line: Buffer) => Promise<boolean>, clock: Clock, signal: AbortSignal): Promise<void> {
  let handle: FileHandle | undefined;
  let position = start;
  try {
    for (;;) {
      // asked before reading: what was written before the end is then surely read
      const alive = source.alive();
      handle ??= await open(source.path, "r").catch(() => undefined);
      if (handle !== undefined) {
        for await (const { line, next } of linesFrom(handle, position)) {
          position = next;
          if (signal.aborted || !(await emit(line))) return;
        }
        if (await replaced(handle, source.path)) {
          // what was written between the last look and the rotation
          for await (const { line } of linesFrom(handle, position)) if (signal.aborted || !(await emit(line))) return;
          await handle.close();
          handle = undefined;
          position = 0;
          continue;
        }
      }
      if (!follow || !alive || signal.aborted) return;
      await changed(source.path, clock, signal);
    }
  } finally {
    await handle?.close();
  }
}

function changed(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const stop = () => done.abort();
  signal.addEventListener("abort", stop, { once: true });
  let watcher: ReturnType<typeof watch> | undefined;
  try {
    watcher = watch(path, { persistent: false }, stop).on("error", stop);
  } catch {
    // the file is not there yet: looking will find it
  }
  return sleep(clock, LOOK_MS, done.signal).finally(() => {
    watcher?.close();
    signal.removeEventListener("abort", stop);
  });
}
