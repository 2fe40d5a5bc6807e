/**
 * Devices that need an ioctl, which Node does not have, are reached by the small program that every Linux distribution ships
 * for them (decisions/0014). One run is one transaction; the agent has found the program before the component was started.
 */
import { deviceFailure } from "./device-error.ts";

/** Program → where it is. */
export type Programs = Readonly<Record<string, string>>;

export interface ProgramRun {
  readonly status: number | null;
  readonly stdout: Uint8Array;
  /** one line, in English */
  readonly stderr: string;
}

/** A transaction of the largest size at the slowest clock in use (4 KiB at 10 kbit/s) takes 4 s. */
const TIMEOUT_MS = 5000;
/** hexadecimal text of the largest answer, with room */
const MAX_OUTPUT_BYTES = 64 << 10;

export interface RunInput {
  readonly input?: Uint8Array;
  /** becomes standard input */
  readonly fd?: number;
}

/** @throws Failure "io" when it does not run or does not end */
export function runDeviceProgram(programs: Programs, name: string, args: readonly string[], { input, fd }: RunInput = {}): ProgramRun {
  const path = programs[name];
  if (path === undefined) throw deviceFailure("io");
  // loaded here because most processes never need it
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { status, stdout, stderr, error } = spawnSync(path, [...args], {
    env: { LC_ALL: "C" },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(input === undefined ? {} : { input }),
    ...(fd === undefined ? {} : { stdio: [fd, "pipe", "pipe"] }),
  });
  if (error !== undefined) throw deviceFailure("io");
  return { status, stdout, stderr: stderr.toString("latin1").trim() };
}
