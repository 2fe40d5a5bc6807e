/** What the machine says of itself: /proc, /sys and the device tree below a root that tests replace by a made-up tree. */
import { readFile, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { BoardFacts } from "../firmware-profiles/profile.ts";

export interface MachineFacts extends BoardFacts {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly hugepages: readonly { readonly size: string; readonly bytes: number }[];
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** unified: v2 alone; hybrid and legacy: controllers in v1 */
  readonly cgroups: "v1" | "v2" | "none";
  readonly memoryCgroup: boolean;
  /** the kernel confines programs by AppArmor profiles */
  readonly appArmor: boolean;
}

const ARCHITECTURES: { readonly [node: string]: string } = { x64: "amd64", arm64: "arm64", arm: "arm" };

export async function readFacts(root = "/", arch: string = process.arch): Promise<MachineFacts> {
  const text = async (path: string) => (await readFile(join(root, path), "utf8").catch(() => "")).replaceAll("\0", "\n").trim();
  const first = async (...paths: string[]) => {
    for (const path of paths) {
      const found = await text(path);
      if (found !== "") return found;
    }
    return "";
  };
  const cpuinfo = await text("proc/cpuinfo");
  const meminfo = await text("proc/meminfo");
  const osRelease = await first("etc/os-release", "usr/lib/os-release");
  const controllers = await text("sys/fs/cgroup/cgroup.controllers");
  const v1 = await readdir(join(root, "sys/fs/cgroup/memory")).then(() => true, () => false);
  const revision = await readFile(join(root, "proc/device-tree/system/linux,revision")).then((bytes) => (bytes.length === 4 ? bytes.readUInt32BE() : undefined), () => undefined);
  const compatible = await text("proc/device-tree/compatible");
  return {
    arch: ARCHITECTURES[arch] ?? arch,
    compatible: compatible === "" ? [] : compatible.split("\n"),
    model: (await text("proc/device-tree/model")) || undefined,
    piRevision: revision ?? hexField(cpuinfo, "Revision"),
    dmi: {
      vendor: (await text("sys/class/dmi/id/sys_vendor")) || undefined,
      product: (await text("sys/class/dmi/id/product_name")) || undefined,
      board: (await text("sys/class/dmi/id/board_name")) || undefined,
    },
    cores: Math.max(1, (cpuinfo.match(/^processor\s*:/gm) ?? []).length),
    memoryBytes: kilobytes(meminfo, "MemTotal") * 1024,
    hugepages: await hugepages(root),
    machineId: await first("etc/machine-id", "var/lib/dbus/machine-id"),
    systemUuid: await first("sys/class/dmi/id/product_uuid", "proc/device-tree/chosen/rpi-machine-id", "etc/machine-id"),
    bootId: await text("proc/sys/kernel/random/boot_id"),
    kernelVersion: await text("proc/sys/kernel/osrelease"),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "Linux",
    cgroups: controllers !== "" ? "v2" : v1 ? "v1" : "none",
    appArmor: (await text("sys/module/apparmor/parameters/enabled")) === "Y",
    memoryCgroup: controllers.split(" ").includes("memory") || v1,
  };
}

/** Bytes of memory that programs can still get without swapping. */
export async function availableMemory(root = "/"): Promise<number> {
  return kilobytes(await readFile(join(root, "proc/meminfo"), "utf8").catch(() => ""), "MemAvailable") * 1024;
}

export async function diskSpace(directory: string): Promise<{ readonly sizeBytes: number; readonly freeBytes: number; readonly freeInodes: number; readonly inodes: number }> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(directory);
  return { sizeBytes: bsize * blocks, freeBytes: bsize * bavail, freeInodes: ffree, inodes: files };
}

/** Process ids in use and the most there can be. */
export async function processIds(root = "/"): Promise<{ readonly used: number; readonly max: number }> {
  const loadavg = await readFile(join(root, "proc/loadavg"), "utf8").catch(() => "");
  const max = await readFile(join(root, "proc/sys/kernel/pid_max"), "utf8").catch(() => "");
  return { used: Number(/\/(\d+) /.exec(loadavg)?.[1] ?? 0), max: Number(max.trim() || 32768) };
}

async function hugepages(root: string): Promise<{ size: string; bytes: number }[]> {
  const directory = join(root, "sys/kernel/mm/hugepages");
  const names = await readdir(directory).catch((): string[] => []);
  return Promise.all(
    names.toSorted().map(async (name) => {
      const kb = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0);
      const pages = Number(await readFile(join(directory, name, "nr_hugepages"), "utf8").catch(() => "0"));
      return { size: kb >= 2 ** 20 ? `${kb / 2 ** 20}Gi` : kb >= 1024 ? `${kb / 1024}Mi` : `${kb}Ki`, bytes: kb * 1024 * pages };
    }),
  );
}

function kilobytes(meminfo: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0);
}

function hexField(cpuinfo: string, field: string): number | undefined {
  const text = new RegExp(`^${field}\\s*:\\s*([0-9a-fA-F]+)$`, "m").exec(cpuinfo)?.[1];
  return text === undefined ? undefined : Number.parseInt(text, 16);
}
