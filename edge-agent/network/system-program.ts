/** Programs of the operating system that the agent runs: `ip`, `nft`. */
import { execFile } from "node:child_process";
import { delimiter } from "node:path";

/**
 * First, because npm puts the programs of packages before the system's (one of them is called "nft" too), and because a
 * service's PATH may lack sbin.
 */
const SYSTEM_PATHS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];
/** They ask the kernel and end; a small board that swaps takes its time. */
const LIMIT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 << 20;

/** @returns standard output. @throws Error with what the program wrote on standard error; code ENOENT: it is not installed */
export function systemProgram(program: string, args: readonly string[], input?: string): Promise<string> {
  const env = { ...process.env, PATH: [...SYSTEM_PATHS, process.env["PATH"] ?? ""].join(delimiter), LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { env, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(new Error(stderr.trim() === "" ? error.message : stderr.trim(), { cause: error }), { code: error.code }));
    });
    // it may end before it has read everything
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}
