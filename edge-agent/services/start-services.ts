/** Services on this device, with the kernel's tools: what the service proxy needs of the machine. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import type { Desired } from "../desired.ts";
import { machineNames } from "../machine-names.ts";
import { systemProgram } from "../network/system-program.ts";
import { answers } from "./answers.ts";
import { keepDirectory } from "./keep-directory.ts";
import type { PodHere } from "./pod-policies.ts";
import { serviceProxy } from "./service-proxy.ts";

export interface DeviceServices {
  /** false: this device's kernel does not carry them */
  readonly works: boolean;
  isolate(pod: Pod): Promise<string | undefined>;
  setPodCidr(cidr: string): Promise<void>;
  /** `remove`: with the rules, because no pod is left */
  close(remove: boolean): Promise<void>;
}

export interface ServicesParts {
  readonly node: string;
  readonly dataDir: string;
  readonly desired: Pick<Desired, "list" | "onChange">;
  /** where the cluster's pods have their addresses */
  readonly podRanges: () => readonly string[];
  readonly domain: () => string;
  /** that run on this device */
  readonly pods: () => readonly PodHere[];
  readonly clock: Clock;
  readonly log: Log;
}

/** ip(7): whether packets that are not for this machine are passed on */
const FORWARDING = "/proc/sys/net/ipv4/ip_forward";

/** From where components learn of Services. */
export const directoryFile = (dataDir: string) => join(dataDir, "wasi", "services.json");

export async function startServices({ node, dataDir, desired, podRanges, domain, pods, clock, log }: ServicesParts): Promise<DeviceServices> {
  const table = machineNames(node, dataDir).network;
  let podCidr: string | undefined;
  let switchedOn = false;

  const proxy = await serviceProxy({
    node,
    table,
    desired,
    async nft(text) {
      if (process.getuid?.() !== 0) throw new Error("the agent is not root");
      await systemProgram("nft", ["-f", "-"], text);
    },
    pods,
    ownPods: () => podCidr,
    clusterPods: podRanges,
    async forward() {
      if ((await readFile(FORWARDING, "utf8")).trim() === "1") return;
      await writeFile(FORWARDING, "1");
      switchedOn = true;
      log.info({}, "switched IP forwarding on, for Services that clients outside of the cluster use");
    },
    answers,
    clock,
    log,
  });

  await keepDirectory({ file: directoryFile(dataDir), node, desired, domain, carried: proxy.works, log });

  return {
    works: proxy.works,
    isolate: proxy.isolate,
    async setPodCidr(cidr) {
      podCidr = cidr;
      await proxy.refresh();
    },
    async close(remove) {
      await proxy.close();
      if (!remove) return;
      await proxy.remove();
      if (switchedOn) await writeFile(FORWARDING, "0");
    },
  };
}
