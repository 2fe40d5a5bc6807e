/**
 * The container log as the CRI defines it, written by the host process itself so that it outlives the agent:
 *   <RFC3339Nano> stdout|stderr F|P <text>
 * A guest must not fill the device's disk: it is slowed to a rate, and past a size the lines are dropped until the file is
 * rotated (renamed away), which is noticed by looking at the path now and then.
 * Format: kubernetes/kubernetes, pkg/kubelet/kuberuntime/logs ("P" marks a partial line).
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { restUntil, sleepUntil } from "./waiting.ts";
import { streamClosed } from "./io.ts";
import type { Sink } from "./io.ts";

/** containerd splits at the same size. */
const MAX_LINE_BYTES = 16 << 10;
/** A device's flash writes some 10 MB/s; one pod gets a part of it, after a burst. */
const BYTES_PER_SECOND = 4 << 20;
const BURST_BYTES = 8 << 20;
/** The agent rotates at 10 MiB (containerLogMaxSize); a file this large means that nobody does. */
export const MAX_LOG_BYTES = 64 << 20;
const ROTATION_CHECK_NS = 500_000_000n;
const NEWLINE = 10;

type Stream = "stdout" | "stderr";

export interface Log {
  sink(stream: Stream): Sink;
  /** ends lines that have no newline */
  close(): void;
}

export function openLog(path: string, maxBytes = MAX_LOG_BYTES): Log {
  let fd = openSync(path, "a", 0o640);
  let file = fstatSync(fd);
  let size = file.size;
  let dropping = false;
  let checked = process.hrtime.bigint();
  let credit = BURST_BYTES;
  let refilled = checked;
  const pending: Record<Stream, Uint8Array[]> = { stdout: [], stderr: [] };
  const pendingBytes: Record<Stream, number> = { stdout: 0, stderr: 0 };

  function reopenIfRotated(now: bigint): void {
    if (now - checked < ROTATION_CHECK_NS) return;
    checked = now;
    const at = statSync(path, { throwIfNoEntry: false });
    if (at !== undefined && at.ino === file.ino && at.dev === file.dev) return;
    closeSync(fd);
    fd = openSync(path, "a", 0o640);
    file = fstatSync(fd);
    size = file.size;
    dropping = false;
  }

  function throttle(bytes: number, now: bigint): void {
    credit = Math.min(BURST_BYTES, credit + (Number(now - refilled) / 1e9) * BYTES_PER_SECOND) - bytes;
    refilled = now;
    if (credit < 0) restUntil(now + BigInt(Math.ceil((-credit / BYTES_PER_SECOND) * 1e9)));
  }

  function put(parts: Uint8Array[]): void {
    const now = process.hrtime.bigint();
    reopenIfRotated(now);
    if (dropping) return;
    const all = Buffer.concat(parts);
    throttle(all.length, now);
    if (size + all.length > maxBytes) {
      dropping = true;
      writeSync(fd, `${time()} stderr F the log of ${size} bytes is not rotated: the lines that follow are dropped\n`);
      return;
    }
    size += all.length;
    try {
      for (let at = 0; at < all.length; ) at += writeSync(fd, all, at);
    } catch {
      // a full disk must not stop the workload; lines are lost, as they are with any container runtime
    }
  }

  function line(stream: Stream, end: "F" | "P", parts: readonly Uint8Array[], into: Uint8Array[]): void {
    into.push(Buffer.from(`${time()} ${stream} ${end} `), ...parts, newline);
  }

  function write(stream: Stream, bytes: Uint8Array): void {
    const out: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      const room = MAX_LINE_BYTES - pendingBytes[stream];
      const found = bytes.indexOf(NEWLINE, at);
      const end = found < 0 ? bytes.length : found;
      if (end - at > room) {
        line(stream, "P", [...pending[stream], bytes.subarray(at, at + room)], out);
        pending[stream] = [];
        pendingBytes[stream] = 0;
        at += room;
      } else if (found < 0) {
        pending[stream].push(bytes.slice(at));
        pendingBytes[stream] += end - at;
        at = end;
      } else {
        line(stream, "F", [...pending[stream], bytes.subarray(at, end)], out);
        pending[stream] = [];
        pendingBytes[stream] = 0;
        at = end + 1;
      }
    }
    if (out.length > 0) put(out);
  }

  return {
    sink: (stream) => ({ write: (bytes) => write(stream, bytes) }),
    close() {
      for (const stream of ["stdout", "stderr"] as const) {
        if (pendingBytes[stream] > 0) write(stream, Buffer.of(NEWLINE));
      }
      closeSync(fd);
    },
  };
}

/** Output as it is: for a person or a program that reads it now. */
export function rawOutput(): Log {
  return { sink: (stream) => ({ write: (bytes) => writeTo(stream === "stdout" ? 1 : 2, bytes) }), close() {} };
}

function writeTo(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      // a pipe that is full for the moment, or whose reader is gone
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw streamClosed();
      sleepUntil(process.hrtime.bigint() + FULL_PIPE_NS);
    }
  }
}

const FULL_PIPE_NS = 2_000_000n;
const newline = Buffer.of(NEWLINE);

let second = 0;
let prefix = "";

/** RFC 3339 with nanoseconds, UTC. The date is formatted once a second; the clock may jump, so it is asked each time. */
function time(): string {
  const now = Date.now();
  const whole = Math.floor(now / 1000);
  if (whole !== second) {
    second = whole;
    prefix = new Date(whole * 1000).toISOString().slice(0, 19);
  }
  return `${prefix}.${String(now - whole * 1000).padStart(3, "0")}000000Z`;
}
