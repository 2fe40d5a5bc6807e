/** `lichen up`: server and local devices in one go, each device a process of its own (decisions/0010). */
import { hostname } from "node:os";
import { join } from "node:path";
import type { Node } from "../api/types.gen.ts";
import { serverConfig, type ServerFlags } from "../config.ts";
import type { RunningServer } from "../main.ts";
import { parseRuntimes } from "./agent.ts";
import { callApi } from "./api-request.ts";
import { type Access, readAccess } from "./kubeconfig.ts";
import { type LocalDevice, startLocalDevice } from "./local-device.ts";
import { giveBackIdleMemory } from "./idle-memory.ts";
import { makePassable } from "./make-passable.ts";
import { programLog } from "./program-log.ts";
import { readAhead } from "./read-ahead.ts";
import { untilStopped } from "./until-stopped.ts";

export interface UpFlags extends ServerFlags {
  readonly devices: readonly string[];
}

export interface Up {
  readonly server: RunningServer;
  readonly access: Access;
  readonly nodes: readonly string[];
  close(): Promise<void>;
}

/**
 * A device that is not Ready by then has a problem that waiting does not solve: pulling nothing it needs seconds, and two
 * minutes the first time on a board that compiles all code from a slow card.
 */
const READY_TIMEOUT_MS = 180_000;
const POLL_MS = 200;
const DEVICES = "devices";

export async function up(flags: UpFlags): Promise<void> {
  const stopped = untilStopped();
  const running = await bringUp(flags);
  process.stdout.write(`ready ${running.server.url}\n`);
  giveBackIdleMemory();
  await stopped;
  await running.close();
}

/** Server and devices; resolves when the devices are Ready. What was started is stopped again if something fails. */
export async function bringUp(flags: UpFlags): Promise<Up> {
  const config = serverConfig(flags);
  const runtimes = parseRuntimes(flags.devices);
  const log = programLog("lichen", "warn");
  const driver = readAhead(config);
  const { startServer } = await import("../main.ts");
  const server = await startServer(config, { log, driver });
  const devices: LocalDevice[] = [];
  const close = async () => {
    await Promise.all(devices.map((device) => device.stop()));
    await server.close();
  };
  try {
    const access = readAccess({ dataDir: config.dataDir });
    makePassable(config.dataDir, DEVICES);
    for (const runtime of runtimes) {
      const name = deviceName(hostname(), runtime);
      devices.push(await startLocalDevice({ name, runtime, access, server: server.url, dataDir: join(config.dataDir, DEVICES, runtime), log }));
    }
    const nodes = devices.map((device) => device.name);
    await Promise.race([untilReady(access, nodes), ...devices.map((device) => device.failed)]);
    return { server, access, nodes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A DNS label from a host name, which may have dots and capitals. */
function deviceName(host: string, runtime: string): string {
  const label = host.split(".")[0]?.toLowerCase().replaceAll(/[^a-z0-9-]/g, "-").replaceAll(/^-+|-+$/g, "") ?? "";
  return `${label === "" ? "device" : label.slice(0, 40)}-${runtime}`;
}

async function untilReady(access: Access, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const { items } = await callApi<{ items: readonly Node[] }>(access, { method: "GET", path: "/api/v1/nodes" });
    const waiting = names.filter((name) => !items.some((node) => node.metadata.name === name && isReady(node)));
    if (waiting.length === 0) return;
    if (performance.now() > deadline) throw new Error(`not Ready after ${READY_TIMEOUT_MS / 1000} s: ${waiting.join(", ")}. Run again with LICHEN_LOG=info to see why.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const isReady = (node: Node) => node.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
