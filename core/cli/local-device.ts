/** A device on this machine as a child process, started the way any device is: join token, enrollment, MQTT. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../api/log.ts";
import type { Access } from "./kubeconfig.ts";
import { issueToken } from "./token.ts";

export interface LocalDeviceOptions {
  readonly name: string;
  readonly runtime: string;
  readonly access: Access;
  readonly server: string;
  readonly dataDir: string;
  readonly log: Log;
}

export interface LocalDevice {
  readonly name: string;
  /** rejects when the agent ends before it was told to */
  readonly failed: Promise<never>;
  /** ends the agent and with it the workloads of the device */
  stop(): Promise<void>;
}

/** Enrollment takes seconds; the token is of no use after it. */
const TOKEN_TTL_MS = 600_000;
/** Workloads get their grace period (30 s by default), then the agent is killed. */
const STOP_TIMEOUT_MS = 45_000;

export async function startLocalDevice({ name, runtime, access, server, dataDir, log }: LocalDeviceOptions): Promise<LocalDevice> {
  const enrolled = existsSync(join(dataDir, "identity"));
  const token = enrolled ? undefined : await issueToken(access, { ttlMs: TOKEN_TTL_MS, site: undefined });
  const program = join(import.meta.dirname, "..", "lichen.js");
  const child = spawn(
    process.execPath,
    [program, "agent", "--server", server, "--name", name, "--data-dir", dataDir, "--runtimes", runtime, "--drain-on-exit"],
    {
      stdio: ["ignore", "ignore", "inherit"],
      // a signal to the terminal's process group is for `up`, which then stops the devices in order
      detached: true,
      env: { ...process.env, ...(token === undefined ? {} : { LICHEN_TOKEN: token }), LICHEN_LOG: process.env["LICHEN_LOG"] ?? "warn" },
    },
  );
  let stopping = false;
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const failed = ended.then((how) => {
    if (stopping) return new Promise<never>(() => {});
    log.error({ device: name, how }, "the agent of a local device ended");
    throw new Error(`the agent of ${name} ended (${how})`);
  });
  failed.catch(() => {});
  return {
    name,
    failed,
    async stop() {
      stopping = true;
      await end(child, ended);
    },
  };
}

async function end(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
