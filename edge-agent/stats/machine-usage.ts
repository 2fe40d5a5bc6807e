/** What the whole machine uses, from /proc below a root that tests replace by a made-up tree (proc(5)). */
import { join } from "node:path";
import { diskSpace } from "../facts.ts";
import type { InterfaceUsage, Usage } from "../runtimes/runtime.ts";
import { kernelText } from "./kernel-text.ts";
import { readStalls, type Stalls } from "./pressure-stall.ts";

export interface DiskUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface MachineUsage extends Usage {
  readonly memoryTotal: number;
  readonly swapTotal: number;
  readonly swapFree: number;
  readonly interfaces: readonly InterfaceUsage[];
  readonly processes: number;
  readonly maxProcesses: number;
  readonly bootedAt: number;
  readonly stalls: Stalls;
  /** of the data directory */
  readonly disk: DiskUsage;
}

/** USER_HZ, which is 100 on every Linux that Node runs on (time(7)) */
const TICKS_PER_SECOND = 100;

export async function machineUsage(options: { readonly root?: string; readonly dataDir: string; readonly now: number }): Promise<MachineUsage> {
  const { root = "/", dataDir, now } = options;
  const text = (name: string) => kernelText(join(root, "proc", name));
  const [stat, meminfo, vmstat, net] = [text("stat"), text("meminfo"), text("vmstat"), text("net/dev")];
  const [loadavg, pidMax, uptime] = [text("loadavg"), text("sys/kernel/pid_max"), text("uptime")];
  const stalls = readStalls((resource) => join(root, "proc/pressure", resource));
  const disk = await diskUsage(dataDir);
  const memory = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const counter = (field: string) => Number(new RegExp(`^${field} (\\d+)`, "m").exec(vmstat)?.[1] ?? 0);
  const used = memory("MemTotal") - memory("MemFree");
  return {
    at: now,
    cpu: busyTicks(stat) * (1e9 / TICKS_PER_SECOND),
    memory: used,
    // what is cached and was not touched lately comes back without harm (cAdvisor's definition)
    workingSet: Math.max(0, used - memory("Inactive\\(file\\)")),
    rss: memory("AnonPages"),
    pageFaults: counter("pgfault"),
    majorPageFaults: counter("pgmajfault"),
    memoryTotal: memory("MemTotal"),
    swapTotal: memory("SwapTotal"),
    swapFree: memory("SwapFree"),
    interfaces: interfaces(net),
    processes: Number(/\/(\d+) /.exec(loadavg)?.[1] ?? 0),
    maxProcesses: Number(pidMax.trim() || 32_768),
    bootedAt: now - Number(uptime.split(" ")[0] ?? 0) * 1000,
    stalls,
    disk,
  };
}

export async function diskUsage(directory: string): Promise<DiskUsage> {
  const { sizeBytes, freeBytes, freeInodes, inodes } = await diskSpace(directory);
  return { capacityBytes: sizeBytes, availableBytes: freeBytes, usedBytes: sizeBytes - freeBytes, inodes, inodesFree: freeInodes };
}

/** user, nice, system, irq, softirq and steal of the first line; idle and iowait are nobody's work, guest is in user */
function busyTicks(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  return user + nice + system + irq + softirq + steal;
}

function interfaces(net: string): InterfaceUsage[] {
  return net.split("\n").flatMap((line) => {
    const [, name, rest = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === "lo" || name.startsWith("veth")) return [];
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = rest.split(/\s+/).map(Number);
    return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
  });
}
