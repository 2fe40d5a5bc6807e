/**
 * The device's cgroups: one directory for all pods, limited to what the device does not reserve for itself, below it one
 * for each lower class of service, below those one per pod. containerd makes those of containers and removes none of
 * these: without forgetting them a device would collect one per controller and pod.
 *
 * The share of the Burstable class is read back from its pods, so nothing has to be remembered over a restart.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sleep, type Clock } from "../../../core/api/clock.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { GroupFigures } from "../../stats/group-figures.ts";
import { kernelText } from "../../stats/kernel-text.ts";
import { cgroupFigures } from "./cgroup-figures.ts";
import { kill } from "./kill.ts";
import { cgroupWrites, MIN_SHARES, type CgroupLimits, type CgroupVersion } from "./cgroup-values.ts";
import { podCgroup, podCgroupLimits, qosCgroup } from "./pod-cgroup.ts";

export const CGROUP_ROOT = "/sys/fs/cgroup";
/** Those whose files are written here; runc makes the others of version 1 by itself. */
const CONTROLLERS = ["cpu", "memory", "pids", "hugetlb"] as const;

/** A killed process is gone within milliseconds, unless it waits for a disk. */
const END_TRIES = 40;
const END_STEP_MS = 50;

const QOS_CLASSES = ["Guaranteed", "Burstable", "BestEffort"] as const;

export interface CgroupOptions {
  /** below which all pods are: "/lichen/edge-1/kubepods" */
  readonly root: string;
  /** where the hierarchies are mounted; tests give a directory of their own */
  readonly mount?: string;
  /** what all pods together may use */
  readonly allocatable: CgroupLimits;
  /** processes that one pod may have; undefined: as many as all together */
  readonly podPids?: number | undefined;
  readonly clock: Clock;
}

export interface Cgroups {
  readonly root: string;
  readonly version: CgroupVersion;
  /** the directories of the classes; idempotent */
  ensureDevice(): Promise<void>;
  /** the pod's directory with its limits; also brings limits up to date. Lowering below what is used fails as the kernel says. */
  ensurePod(pod: Pod): Promise<void>;
  /** what the kernel counts for a pod, or for one of its containers; undefined: it has no cgroup */
  figures(uid: string, containerId?: string): Promise<GroupFigures | undefined>;
  /**
   * Removes the pod's directories from every hierarchy, after the end of whatever is still in them: what a shim that was
   * killed had begun and nobody else knows (`runc init`). Directories of a process that the kernel cannot end stay.
   */
  removePod(uid: string): Promise<void>;
  /** after the last pod */
  removeDevice(): Promise<void>;
}

export async function cgroups({ root, mount = CGROUP_ROOT, allocatable, podPids, clock }: CgroupOptions): Promise<Cgroups> {
  const version = await cgroupVersion(mount);
  const hierarchies = version === "v2" ? [mount] : [mount, ...directories(mount).map((name) => join(mount, name))];
  const present = version === "v2" ? kernelText(join(mount, "cgroup.controllers")).trim().split(" ") : directories(mount);
  const usable = CONTROLLERS.filter((controller) => present.includes(controller));
  const place = (controller: string, cgroup: string) => (version === "v2" ? join(mount, cgroup) : join(mount, controller, cgroup));
  const sharesFile = version === "v2" ? "cpu.weight" : "cpu.shares";

  const ensure = async (cgroup: string) => {
    if (version === "v1") {
      await Promise.all(usable.map((controller) => mkdir(place(controller, cgroup), { recursive: true })));
      return;
    }
    // a child has only the controllers that each of its ancestors hands on
    const enable = present.filter((name) => name !== "").map((name) => `+${name}`).join(" ");
    let at = mount;
    for (const part of cgroup.split("/").filter((each) => each !== "")) {
      await writeFile(join(at, "cgroup.subtree_control"), enable).catch(() => {});
      at = join(at, part);
      await mkdir(at, { recursive: true });
    }
    await writeFile(join(at, "cgroup.subtree_control"), enable).catch(() => {});
  };
  const limit = async (cgroup: string, limits: CgroupLimits) => {
    const writes = cgroupWrites(version, limits);
    await Promise.all(usable.map(async (own) => {
      for (const { controller, file, value } of writes) if (controller === own) await writeFile(join(place(controller, cgroup), file), value);
    }));
  };
  /** Burstable as a whole weighs what its pods ask for; BestEffort gets what nobody else wants. */
  const balance = async () => {
    if (!usable.includes("cpu")) return;
    const burstable = place("cpu", qosCgroup(root, "Burstable"));
    let sum = 0;
    for (const name of directories(burstable)) if (name.startsWith("pod")) sum += Number(kernelText(join(burstable, name, sharesFile))) || 0;
    const most = version === "v2" ? 10_000 : 262_144;
    await writeFile(join(burstable, sharesFile), String(Math.min(most, Math.max(version === "v2" ? 1 : MIN_SHARES, sum)))).catch(() => {});
  };

  return {
    root,
    version,
    async ensureDevice() {
      await ensure(root);
      await limit(root, allocatable);
      for (const qos of ["Burstable", "BestEffort"] as const) await ensure(qosCgroup(root, qos));
      await limit(qosCgroup(root, "BestEffort"), { cpuShares: MIN_SHARES });
      await balance();
    },
    async ensurePod(pod) {
      const cgroup = podCgroup(root, pod);
      await ensure(cgroup);
      await limit(cgroup, podCgroupLimits(pod, podPids));
      if (cgroup.startsWith(`${qosCgroup(root, "Burstable")}/`)) await balance();
    },
    async figures(uid, containerId = "") {
      for (const qos of QOS_CLASSES) {
        const cgroup = join(qosCgroup(root, qos), `pod${uid}`, containerId);
        if (existsSync(place("memory", cgroup))) return cgroupFigures(version, (controller) => place(controller, cgroup));
      }
      return undefined;
    },
    async removePod(uid) {
      const trees = hierarchies.flatMap((hierarchy) => QOS_CLASSES.map((qos) => join(hierarchy, qosCgroup(root, qos), `pod${uid}`))).filter(existsSync);
      for (let tries = 0; tries < END_TRIES; tries++) {
        const left = trees.flatMap(processesIn);
        for (const pid of new Set(left)) kill(pid);
        if (left.length === 0) break;
        await sleep(clock, END_STEP_MS);
      }
      for (const tree of trees) await removeTree(tree);
      await balance();
    },
    async removeDevice() {
      for (const hierarchy of hierarchies) {
        await removeTree(join(hierarchy, root));
        // other devices of this machine may still be below the upper ones
        for (let parent = dirname(root); parent !== "/" && parent !== "."; parent = dirname(parent)) await rmdir(join(hierarchy, parent)).catch(() => {});
      }
    },
  };
}

/** Version 2 alone; with both mounted (hybrid) the controllers are in version 1. */
export async function cgroupVersion(mount = CGROUP_ROOT): Promise<CgroupVersion> {
  return kernelText(join(mount, "cgroup.controllers")).trim() === "" ? "v1" : "v2";
}

function processesIn(directory: string): number[] {
  const below = directories(directory).flatMap((child) => processesIn(join(directory, child)));
  return [...kernelText(join(directory, "cgroup.procs")).split("\n").map(Number).filter((pid) => pid > 0), ...below];
}

async function removeTree(directory: string): Promise<void> {
  for (const child of directories(directory)) await removeTree(join(directory, child));
  await rmdir(directory).catch(() => {});
}

/** At once, as in stats/kernel-text.ts: there is no disk below. */
function directories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  } catch {
    return [];
  }
}
