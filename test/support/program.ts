/** A program under test: started, watched until it says a line, stopped, and never left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Program {
  readonly pid: number;
  /** everything it printed so far, both streams */
  output(): string;
  /** resolves with the first match in standard output, past lines included; rejects when the program ends before */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGTERM, or another signal; resolves when it is gone */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export function startProgram({ command, args, env = process.env, cwd }: ProgramOptions): Program {
  const child: ChildProcess = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const all: string[] = [];
  const waiting = new Set<(line: string) => void>();
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      all.push(line);
      for (const listener of waiting) listener(line);
    });
  }
  if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", (line) => all.push(line));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on("error", (error) => {
      all.push(error.message);
      resolve({ code: null, signal: null });
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  const output = () => all.join("\n");
  return {
    pid: child.pid ?? 0,
    output,
    ended,
    says(pattern) {
      return new Promise((resolve, reject) => {
        const look = (line: string) => {
          const match = pattern.exec(line);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        for (const line of lines) look(line);
        void ended.then(({ code, signal }) => reject(new Error(`${command} ended (${signal ?? code}) before it said ${pattern}:\n${output()}`)));
      });
    },
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
