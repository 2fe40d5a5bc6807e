/** Looks at the machine now and then and reports the Node when something about it changed. */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { AnyObject } from "../core/api/meta.ts";
import type { NodeCondition, NodeStatus } from "../core/api/types.gen.ts";
import type { FirmwareProfile } from "../firmware-profiles/profile.ts";
import { AGENT_VERSION } from "./config.ts";
import { availableMemory, diskSpace, processIds, type MachineFacts } from "./facts.ts";
import { nodeLabels, nodeStatus, type NodeInput, type Pressure, type RuntimeReport } from "./node.ts";
import type { Report } from "./report.ts";
import type { Runtime } from "./runtimes/runtime.ts";

export interface NodeReporterParts {
  readonly name: string;
  readonly site: string | undefined;
  readonly profile: FirmwareProfile | undefined;
  readonly facts: MachineFacts;
  readonly runtimes: readonly Runtime[];
  readonly dataDir: string;
  readonly addresses: () => readonly string[];
  readonly report: Report;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NodeReporter {
  /** looks at once */
  look(): Promise<void>;
  ready(): boolean;
  status(): NodeStatus | undefined;
  onReady(listener: () => void): void;
  close(): void;
}

const LOOK_MS = 10_000;
/** kubelet's hard eviction thresholds: 100 MiB of memory, 10 % of the disk, 5 % of its inodes. */
const MEMORY_BYTES = 100 * 2 ** 20;
/** Boards with little memory: 5 % of it, if that is less. */
const MEMORY_SHARE = 0.05;
const DISK_SHARE = 0.1;
const INODE_SHARE = 0.05;
const PID_SHARE = 0.9;
/** A condition that came stays this long (kubelet's pressure transition period), so that it does not flap. */
const PRESSURE_STAYS_MS = 300_000;
const MAX_PODS = 110;

export function nodeReporter(parts: NodeReporterParts): NodeReporter {
  const { clock, report, runtimes, facts, log } = parts;
  const since = { memory: Number.NEGATIVE_INFINITY, disk: Number.NEGATIVE_INFINITY, pids: Number.NEGATIVE_INFINITY };
  const listeners: (() => void)[] = [];
  let conditions: readonly NodeCondition[] = [];
  let status: NodeStatus | undefined;
  let cancel: (() => void) | undefined;
  let closed = false;

  const held = (kind: keyof typeof since, now: boolean): boolean => {
    if (now) since[kind] = clock.monotonic();
    return clock.monotonic() - since[kind] < PRESSURE_STAYS_MS;
  };
  const pressureOf = async (disk: Awaited<ReturnType<typeof diskSpace>>): Promise<Pressure> => {
    const pids = await processIds();
    return {
      memory: held("memory", (await availableMemory()) < Math.min(MEMORY_BYTES, facts.memoryBytes * MEMORY_SHARE)),
      disk: held("disk", disk.freeBytes < disk.sizeBytes * DISK_SHARE || (disk.inodes > 0 && disk.freeInodes < disk.inodes * INODE_SHARE)),
      pids: held("pids", pids.used > pids.max * PID_SHARE),
    };
  };
  const look = async (): Promise<void> => {
    const disk = await diskSpace(parts.dataDir);
    const input: NodeInput = {
      name: parts.name,
      facts,
      profile: parts.profile,
      site: parts.site,
      addresses: parts.addresses(),
      diskBytes: disk.sizeBytes,
      pressure: await pressureOf(disk),
      runtimes: await Promise.all(runtimes.map(runtimeReport)),
      agentVersion: AGENT_VERSION,
      devices: {},
      maxPods: MAX_PODS,
      previous: conditions,
      now: clock.now(),
    };
    const next = nodeStatus(input);
    const wasReady = isReady(status);
    conditions = next.conditions ?? [];
    if (!isDeepStrictEqual(next, status)) report.node({ labels: nodeLabels(input), status: next as unknown as AnyObject });
    status = next;
    if (isReady(next) && !wasReady) for (const listener of listeners) listener();
    if (!isReady(next) && wasReady) log.warn({ why: next.conditions?.find(({ type }) => type === "Ready")?.message }, "this device is not ready");
  };
  const loop = () => {
    if (closed) return;
    // eager until it works: a device that starts becomes ready when its runtime does
    cancel = clock.after(isReady(status) ? LOOK_MS : EAGER_MS, () => {
      look()
        .catch((error: unknown) => log.warn({ error: String(error) }, "the machine could not be looked at"))
        .finally(loop);
    });
  };
  loop();

  return {
    look,
    ready: () => isReady(status),
    status: () => status,
    onReady: (listener) => void listeners.push(listener),
    close() {
      closed = true;
      cancel?.();
    },
  };
}

const EAGER_MS = 500;

async function runtimeReport(runtime: Runtime): Promise<RuntimeReport> {
  const problem = await runtime.health().catch((error: unknown) => String(error));
  const version = await runtime.version().catch(() => `${runtime.handler}://unknown`);
  return { handler: runtime.handler, version, problem };
}

function isReady(status: NodeStatus | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}
