/** A whole lichen as a user starts it: `lichen up` (or parts of it) in a directory of its own, on free ports. */
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Within } from "./debian-layer.ts";
import { type Program, startProgram } from "./program.ts";

const bin = resolve(import.meta.dirname, "../../core/lichen.js");

export interface Teardown {
  teardown(end: () => Promise<void> | void): void;
}

/** A directory that is gone after the test. */
export function temporaryDirectory(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), "lichen-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** `lichen ARGS…`, stopped with the test. */
export function lichen(t: Teardown, args: readonly string[], env: NodeJS.ProcessEnv = {}, within: Within = (command, rest) => ({ command, args: rest })): Program {
  const program = startProgram({ ...within(process.execPath, [bin, ...args]), env: { ...process.env, LICHEN_LOG: "info", ...env } });
  t.teardown(() => program.stop());
  return program;
}

export interface Up {
  readonly program: Program;
  readonly url: string;
  readonly dataDir: string;
  readonly kubeconfig: string;
}

export interface UpOptions {
  readonly devices: readonly string[];
  readonly dataDir: string;
  readonly args?: readonly string[];
  readonly within?: Within | undefined;
}

export async function lichenUp(t: Teardown, { devices, dataDir, args = [], within }: UpOptions): Promise<Up> {
  const program = lichen(t, ["up", "--data-dir", dataDir, "--port", "0", "--mqtt-port", "0", "--devices", devices.join(","), ...args], {}, within);
  const [, url = ""] = await program.says(/^ready (https:\S+)$/);
  return { program, url, dataDir, kubeconfig: join(dataDir, "kubeconfig") };
}

/** A port that nobody listens on at this moment, for a program that has to come back on the same one. */
export function freePort(): Promise<number> {
  return new Promise((found, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => found(port));
    });
  });
}
