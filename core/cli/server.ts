/** `lichen server`: the control plane alone. */
import { serverConfig, type ServerFlags } from "../config.ts";
import { giveBackIdleMemory } from "./idle-memory.ts";
import { programLog } from "./program-log.ts";
import { readAhead } from "./read-ahead.ts";
import { untilStopped } from "./until-stopped.ts";

export async function server(flags: ServerFlags): Promise<void> {
  const stopped = untilStopped();
  const config = serverConfig(flags);
  const driver = readAhead(config);
  const { startServer } = await import("../main.ts");
  const running = await startServer(config, { log: programLog("server"), driver });
  process.stdout.write(`ready ${running.url}\n`);
  giveBackIdleMemory();
  await stopped;
  await running.close();
}
