/** `lichen agent`: this machine as a device. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { loadRuntime, runAgent } from "../../edge-agent/main.ts";
import { giveBackIdleMemory } from "./idle-memory.ts";
import { programLog } from "./program-log.ts";
import { startOverIfCompiled } from "./start-over.ts";
import { untilStopped } from "./until-stopped.ts";

interface Flags {
  readonly server?: string;
  readonly token?: string;
  readonly name?: string;
  readonly dataDir: string;
  readonly runtimes?: readonly string[];
  readonly profile?: string;
  readonly site?: string;
  readonly containerdSocket?: string;
  readonly drainOnExit: boolean;
}

const RUNTIMES = ["wasi", "containerd"] as const;
type RuntimeName = (typeof RUNTIMES)[number];

export function parseRuntimes(names: readonly string[]): readonly RuntimeName[] {
  const unknown = names.find((name) => !RUNTIMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`unknown runtime "${unknown}": expected ${RUNTIMES.join(", ")}`);
  return names as readonly RuntimeName[];
}

export async function agent(flags: Flags): Promise<void> {
  const runtimes = parseRuntimes(flags.runtimes ?? ["wasi"]);
  await Promise.all(runtimes.map((runtime) => loadRuntime[runtime]()));
  startOverIfCompiled();
  const stopped = untilStopped();
  const stopping = new AbortController();
  const running = runAgent(
    {
      server: flags.server,
      token: flags.token,
      name: flags.name ?? hostname().toLowerCase(),
      dataDir: resolve(flags.dataDir),
      runtimes,
      profile: flags.profile,
      site: flags.site,
      containerdSocket: flags.containerdSocket,
      drainOnExit: flags.drainOnExit,
    },
    { signal: stopping.signal, log: programLog("agent") },
  );
  await Promise.race([running.ready.then(() => process.stdout.write("ready\n")), stopped]);
  giveBackIdleMemory();
  await stopped;
  await running.close();
  stopping.abort();
}
