/** `lichen server`: the control plane alone. */
import { serverConfig, type ServerFlags } from "../config.ts";
import { startServer } from "../main.ts";
import { giveBackIdleMemory } from "./idle-memory.ts";
import { programLog } from "./program-log.ts";
import { untilStopped } from "./until-stopped.ts";

export async function server(flags: ServerFlags): Promise<void> {
  const stopped = untilStopped();
  const running = await startServer(serverConfig(flags), { log: programLog("server") });
  process.stdout.write(`ready ${running.url}\n`);
  giveBackIdleMemory();
  await stopped;
  await running.close();
}
