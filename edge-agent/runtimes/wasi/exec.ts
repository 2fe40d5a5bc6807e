/**
 * "Entering" a component: there is no shell in it and no process to join, so what runs is a fresh instance of the same module
 * with the same grants, in a host process of its own. The command's first word names an exported function (`health`), which is
 * what an exec probe needs; a program (`wasi:cli/run`) takes the command as its arguments instead.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { watchComponent } from "../../../wasm-runtime/process.ts";
import type { WatchOptions } from "../../../wasm-runtime/process.ts";
import type { ExecOptions, ExecSession, RunOptions } from "../runtime.ts";
import { runAs } from "./state.ts";
import type { ContainerRecord } from "./state.ts";

export interface Entered extends Pick<WatchOptions, "host" | "module" | "linked" | "publicKeys" | "world"> {
  readonly record: ContainerRecord;
  /** the container's own */
  readonly directory: string;
}

/** @throws VerificationError when the module on disk is not what was signed */
export function execInComponent({ record, directory, ...module }: Entered, { command, stdin }: ExecOptions): ExecSession {
  const stateDir = mkdtempSync(join(directory, "exec-"));
  const forget = () => rmSync(stateDir, { recursive: true, force: true });
  try {
    const watched = watchComponent({ ...module, ...runAs(record), listen: [], stateDir, stdin, call: command, stdio: "pipe" });
    const { stdout, stderr } = watched;
    if (stdout === null || stderr === null) throw new Error("the process has no output");
    const exitCode = watched.exit.then(({ code }) => code).finally(forget);
    // a client that is gone asks for no code
    exitCode.catch(() => {});
    watched.stdin?.on("error", () => {});
    return {
      stdout,
      stderr,
      exitCode,
      write: (data) =>
        new Promise((resolve) => {
          if (watched.stdin === null || watched.stdin.destroyed) resolve();
          else watched.stdin.write(data, () => resolve());
        }),
      closeStdin: () => new Promise((resolve) => (watched.stdin === null ? resolve() : watched.stdin.end(() => resolve()))),
      // a component has no terminal
      resize: () => Promise.resolve(),
      async close() {
        watched.kill("SIGKILL");
        await exitCode.catch(() => {});
      },
    };
  } catch (error) {
    forget();
    throw error;
  }
}

/** What a probe's command may say; events show a part of it. */
const MAX_OUTPUT = 64 << 10;

/** To its end, with what it wrote; without an exit code when it was out of time. */
export async function runInComponent(entered: Entered, { command, timeoutMs, signal }: RunOptions): Promise<{ readonly exitCode: number | undefined; readonly output: Uint8Array }> {
  const session = execInComponent(entered, { command, tty: false, stdin: false });
  let late = false;
  const stop = () => {
    late = true;
    void session.close();
  };
  const timer = setTimeout(stop, timeoutMs);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [stdout, stderr] = await Promise.all([beginning(session.stdout), beginning(session.stderr)]);
    const exitCode = await session.exitCode;
    return { exitCode: late ? undefined : exitCode, output: Buffer.concat([stdout, stderr]) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Reads all of it, keeps the first part. */
async function beginning(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    if (size < MAX_OUTPUT) parts.push(part.subarray(0, MAX_OUTPUT - size));
    size += part.length;
  }
  return Buffer.concat(parts);
}
