/** Runs a real kubectl against a kubeconfig. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { kubectlProgram, type KubectlVersion } from "./components.ts";

export interface Kubectl {
  /** standard output; rejects with both streams in the message when kubectl fails */
  (...args: readonly string[]): Promise<string>;
  json<T>(...args: readonly string[]): Promise<T>;
}

const run = promisify(execFile);
const TIMEOUT_MS = 120_000;

export async function kubectlFor(kubeconfig: string, version: KubectlVersion = "1.36"): Promise<Kubectl> {
  const program = await kubectlProgram(version);
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: "/nonexistent" };
  const kubectl = async (...args: readonly string[]) => {
    const { stdout } = await run(program, args, { env, timeout: TIMEOUT_MS, maxBuffer: 1 << 26 });
    return stdout;
  };
  return Object.assign(kubectl, {
    json: async <T>(...args: readonly string[]) => JSON.parse(await kubectl(...args, "-o", "json")) as T,
  });
}
