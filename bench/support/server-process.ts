/** A lichen server as a process of its own, as a user starts it, on free ports of the loopback interface. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, readAccess } from "../../core/cli/kubeconfig.ts";

export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  readonly mqttPort: number;
  readonly access: Access;
  /** ms from the start of the process until it said that it serves */
  readonly startMs: number;
  stop(): Promise<void>;
}

const program = join(import.meta.dirname, "..", "..", "core", "lichen.js");

/** Removed by `using`. BENCH_DIR: on which disk. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "lichen-bench-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export async function startServerProcess(dataDir: string, command: readonly string[] = ["server"]): Promise<ServerProcess> {
  const [port, mqttPort] = await Promise.all([freePort(), freePort()]);
  // NODE_ARGS: for a profile (--cpu-prof --cpu-prof-dir=…) or a flag of V8
  const nodeArguments = process.env["NODE_ARGS"]?.split(" ") ?? [];
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [...nodeArguments, program, ...command, "--data-dir", dataDir, "--host", "127.0.0.1", "--port", `${port}`, "--mqtt-port", `${mqttPort}`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await ready(child);
  const startMs = performance.now() - started;
  return { pid: child.pid ?? 0, port, mqttPort, access: readAccess({ dataDir }), startMs, stop: () => stop(child) };
}

async function ready(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit").then(() => {
    throw new Error("the server ended before it was ready");
  });
  ended.catch(() => {});
  let text = "";
  const told = new Promise<void>((resolve) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (/^ready /m.test(text)) resolve();
    });
  });
  await Promise.race([told, ended]);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
