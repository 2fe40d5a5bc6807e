/**
 * The audit log: one JSON line per event, appended, put aside when it is full. Lines that wait for a slow disk are bounded;
 * what does not fit is counted and said, the server goes on.
 */
import { createWriteStream, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import type { WriteStream } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { Clock } from "../../api/clock.ts";
import type { Log } from "../../api/log.ts";

export interface LogFileOptions {
  readonly path: string;
  /** bytes after which the file is put aside */
  readonly maxBytes: number;
  /** files put aside that are kept; 0: all */
  readonly maxBackups: number;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
}

export interface LogFile {
  write(line: string): void;
  close(): Promise<void>;
}

/** Waiting for the disk at most; some thousand events. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;

/** @throws Error when the file cannot be opened */
export function openLogFile({ path, maxBytes, maxBackups, clock, log }: LogFileOptions): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let size = sizeOf(path);
  let lost = 0;
  let stream = open();

  function open(): WriteStream {
    const opened = createWriteStream(path, { fd: openSync(path, "a", 0o600) });
    opened.on("error", (error) => log.error({ error: error.message, path }, "the audit log cannot be written"));
    return opened;
  }

  function putAside(): void {
    stream.end();
    const type = extname(path);
    const stem = basename(path, type);
    const stamp = new Date(clock.now()).toISOString().replaceAll(":", "-");
    renameSync(path, join(dirname(path), `${stem}-${stamp}${type}`));
    stream = open();
    size = 0;
    if (maxBackups === 0) return;
    // their names sort by time
    const aside = readdirSync(dirname(path)).filter((name) => name.startsWith(`${stem}-2`) && name.endsWith(type)).toSorted();
    for (const name of aside.slice(0, Math.max(0, aside.length - maxBackups))) rmSync(join(dirname(path), name), { force: true });
  }

  return {
    write(line) {
      if (stream.writableLength > PENDING_BYTES_MAX) {
        if (lost++ === 0) log.error({ path }, "the disk does not keep up: audit events are lost");
        return;
      }
      if (lost > 0) log.error({ path, lost: lost }, "audit events were lost");
      lost = 0;
      const bytes = Buffer.from(`${line}\n`);
      if (size > 0 && size + bytes.length > maxBytes) putAside();
      size += bytes.length;
      stream.write(bytes);
    },
    close: () => new Promise((resolve) => void stream.end(() => resolve())),
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
