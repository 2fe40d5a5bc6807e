/** wasi:cli 0.3: like 0.2, with output and input as streams that the guest hands over or gets. */
import { chunksOf, done, told } from "./async-streams.ts";
import type { GuestStream, Outcome } from "./async-streams.ts";
import { cli } from "./cli.ts";
import type { CliOptions } from "./cli.ts";
import type { Sink } from "./io.ts";

type CliError = "io" | "illegal-byte-sequence" | "pipe";

async function* standardInput(): AsyncGenerator<Uint8Array> {
  for await (const chunk of process.stdin) yield chunk as Buffer;
}

async function written(data: GuestStream, sink: Sink): Promise<Outcome<CliError>> {
  try {
    for await (const chunk of chunksOf(data)) sink.write(chunk);
    return done;
  } catch {
    // the reader of the output is gone
    return { tag: "err", val: "pipe" };
  }
}

/** A guest that returns without having waited for its output has not lost it, unless it keeps the stream open. */
const DRAIN_MS = 1000;

export function asyncCli(options: CliOptions) {
  const { environment, exit, terminalInput, terminalOutput, terminalStdin, terminalStdout, terminalStderr } = cli(options);
  const outputs = new Set<Promise<unknown>>();
  const into = (sink: Sink) => (data: GuestStream) => {
    const output = written(data, sink).finally(() => outputs.delete(output));
    outputs.add(output);
    return output;
  };
  const interfaces = {
    "p3:cli/environment": { getEnvironment: environment.getEnvironment, getArguments: environment.getArguments, getInitialCwd: environment.initialCwd },
    "p3:cli/exit": exit,
    "p3:cli/stdin": { readViaStream: () => told(options.stdin === true ? standardInput() : [], (): CliError => "io") },
    "p3:cli/stdout": { writeViaStream: into(options.stdout) },
    "p3:cli/stderr": { writeViaStream: into(options.stderr) },
    "p3:cli/terminal-input": terminalInput,
    "p3:cli/terminal-output": terminalOutput,
    "p3:cli/terminal-stdin": terminalStdin,
    "p3:cli/terminal-stdout": terminalStdout,
    "p3:cli/terminal-stderr": terminalStderr,
  };
  return {
    interfaces,
    drained: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, DRAIN_MS);
      await Promise.race([Promise.allSettled(outputs), promise]);
    },
  };
}
