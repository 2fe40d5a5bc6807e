/** wasi:cli 0.2: arguments and environment of the pod spec, output into the log, no input, no terminals. */
import { InputStream, OutputStream } from "./io.ts";
import type { Sink } from "./io.ts";

export interface CliOptions {
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** does not return */
  readonly exit: (code: number) => never;
}

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
    stdin: { InputStream, getStdin: () => InputStream.from(() => undefined) },
    stdout: { OutputStream, getStdout: () => OutputStream.from(options.stdout) },
    stderr: { OutputStream, getStderr: () => OutputStream.from(options.stderr) },
    terminalInput: { TerminalInput },
    terminalOutput: { TerminalOutput },
    terminalStdin: { TerminalInput, getTerminalStdin: () => undefined },
    terminalStdout: { TerminalOutput, getTerminalStdout: () => undefined },
    terminalStderr: { TerminalOutput, getTerminalStderr: () => undefined },
  };
}
