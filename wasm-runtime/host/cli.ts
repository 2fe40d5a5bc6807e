/** wasi:cli 0.2: arguments and environment of the pod spec, output into the log, no input, no terminals. */
import { readSync } from "node:fs";
import { InputStream, IoError, OutputStream, streamFailed } from "./io.ts";
import type { Sink } from "./io.ts";
import { sleepUntil } from "./waiting.ts";

export interface CliOptions {
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** whether the guest reads the process's standard input */
  readonly stdin?: boolean;
  /** does not return */
  readonly exit: (code: number) => never;
}

/** Waits, whether or not the guest wanted to: it has one thread, and so has the host. */
function standardInput(limit: number): Uint8Array | undefined {
  const bytes = Buffer.allocUnsafe(limit);
  for (;;) {
    try {
      const count = readSync(0, bytes, 0, limit, null);
      return count === 0 && limit > 0 ? undefined : bytes.subarray(0, count);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return undefined;
      if (code !== "EAGAIN") throw streamFailed(new IoError(`standard input: ${code}`));
      sleepUntil(process.hrtime.bigint() + EMPTY_PIPE_NS);
    }
  }
}

/** A terminal or pipe that does not block is asked again after this. */
const EMPTY_PIPE_NS = 5_000_000n;

class TerminalInput {
  readonly direction = "in";
}
class TerminalOutput {
  readonly direction = "out";
}

export function cli(options: CliOptions) {
  return {
    environment: {
      getEnvironment: () => options.env,
      getArguments: () => options.args,
      initialCwd: () => undefined,
    },
    exit: {
      exit: (status: { readonly tag: "ok" | "err" }) => options.exit(status.tag === "ok" ? 0 : 1),
      exitWithCode: (code: number) => options.exit(code),
    },
    stdin: { InputStream, getStdin: () => InputStream.from(options.stdin ? standardInput : () => undefined) },
    stdout: { OutputStream, getStdout: () => OutputStream.from(options.stdout) },
    stderr: { OutputStream, getStderr: () => OutputStream.from(options.stderr) },
    terminalInput: { TerminalInput },
    terminalOutput: { TerminalOutput },
    terminalStdin: { TerminalInput, getTerminalStdin: () => undefined },
    terminalStdout: { TerminalOutput, getTerminalStdout: () => undefined },
    terminalStderr: { TerminalOutput, getTerminalStderr: () => undefined },
  };
}
