/** A real etcd for tests: on free ports, in a directory of its own; killed and started again at will. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { freePort } from "./lichen.ts";

export const etcdInstalled = spawnSync("etcd", ["--version"]).status === 0;

export interface Etcd {
  /** the same each time it starts */
  readonly endpoint: string;
  /** resolves when it serves. @throws Error */
  start(): Promise<void>;
  /** resolves when it is dead; what it acknowledged is on disk */
  kill(): Promise<void>;
}

export async function etcd(directory: string): Promise<Etcd> {
  // etcd cannot listen on port 0
  const [endpoint, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const client = ["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint];
  const peers = ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`];
  let child: ChildProcess | undefined;

  return {
    endpoint,
    async start() {
      const started = spawn("etcd", ["--data-dir", directory, ...client, ...peers, "--logger", "zap"], { stdio: ["ignore", "ignore", "pipe"] });
      child = started;
      const serves = new Promise<void>((resolve) => {
        started.stderr.setEncoding("utf8").on("data", (text: string) => text.includes("serving client traffic") && resolve());
      });
      const ended = once(started, "exit").then(() => {
        throw new Error("etcd ended before it served");
      });
      await Promise.race([serves, ended]);
      // from now on its end is what the test wants
      ended.catch(() => {});
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
