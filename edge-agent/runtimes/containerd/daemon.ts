/**
 * A containerd of the agent's own. It is started detached and left running when the agent ends, so that an agent update
 * touches no pod; the next agent finds it by pid and start time (a pid alone may have been reused) and adopts it. A
 * changed configuration restarts the daemon, which pods survive as well: their shims are independent processes.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { access, mkdir, readFile, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { sleep, type Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import { podRange } from "../../network/pod-range.ts";
import { bootId, isAlive, startTime } from "../../process-identity.ts";
import { criClient } from "./cri.ts";
import { cniConflist, daemonToml, hostsToml, type RegistrySource } from "./daemon-config.ts";
import { daemonsOf, processorTicks, readRecord, terminate, type Record } from "./daemon-process.ts";
import { masquerade, unmasquerade } from "./masquerade.ts";
import { PAUSE_IMAGE, pauseImage } from "./pause-image.ts";
import { daemonPaths, type DaemonPaths } from "./paths.ts";
import { endStrayShims, removeForgotten } from "./stray-shims.ts";

export interface ContainerdOptions {
  /** absolute */
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly registries?: readonly RegistrySource[];
  /** that the daemon had to be started again, and why */
  readonly tell?: (message: string) => void;
  /** how many pods this device takes when it runs containers only: they may have all of its addresses; absent: it has components, too */
  readonly containersOnly?: number | undefined;
}

export interface Containerd {
  readonly socket: string;
  readonly snapshotter: string;
  /** (re)writes the pod network and lets it out; the daemon picks it up by itself */
  setPodCidr(cidr: string): Promise<void>;
  setRegistries(registries: readonly RegistrySource[]): Promise<void>;
  /** loads an image archive; returns its references */
  importImage(file: string): Promise<readonly string[]>;
  /** for a daemon that does not answer: starts it again if it died, or when it hangs; whoever asks meanwhile gets the same answer */
  ensureRunning(): Promise<void>;
  /** takes away what the daemon forgot of a sandbox or container that it has removed */
  removeForgotten(id: string): Promise<void>;
  /** ends the daemon; pods that still run keep running */
  stop(): Promise<void>;
}

const execute = promisify(execFile);

const READY_LIMIT_MS = 60_000;
/** Less work than this (hundredths of a second) in READY_LIMIT_MS is none. */
const BUSY_TICKS = 10;
const READY_STEP_MS = 100;
const STARTS = 3;
const RESTART_MS = 1_000;
const CNI_DIRS = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];
/** Debian keeps runc and iptables in sbin, which a service's PATH may lack. */
const SYSTEM_PATHS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** statfs type of overlayfs (linux/magic.h): it cannot be its own upper layer. */
const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
/** ctr of 1.7 and later refuses relative addresses; importing unpacks, which is slow on SD cards. */
const IMPORT_LIMIT_MS = 600_000;

/** What is missing before containerd can be used here; undefined: nothing. */
export async function containerdMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "containerd needs root";
  const lacking: string[] = [];
  for (const program of ["containerd", "ctr", "runc", "iptables"]) if ((await programPath(program)) === undefined) lacking.push(program);
  if ((await cniBinDir()) === undefined) lacking.push("CNI plugins (ptp, host-local, portmap)");
  return lacking.length === 0 ? undefined : `not installed: ${lacking.join(", ")} (Debian: apt-get install containerd runc iptables containernetworking-plugins)`;
}

/** @throws Error when a program is missing or the daemon does not answer in time */
export async function startContainerd({ dataDir, log, clock, registries = [], containersOnly, tell = () => {} }: ContainerdOptions): Promise<Containerd> {
  const paths = daemonPaths(dataDir);
  const bin = await cniBinDir();
  if (bin === undefined) throw new Error(`no CNI plugins in ${CNI_DIRS.join(", ")}: install containernetworking-plugins`);
  const program = await programPath("containerd");
  if (program === undefined) throw new Error("containerd is not in PATH: install it or give the agent a --containerd-socket");
  for (const directory of [paths.base, paths.root, paths.cniConfig, paths.ipam, paths.certificates]) await mkdir(directory, { recursive: true, mode: 0o711 });
  const snapshotter = (await statfs(paths.base)).type === OVERLAYFS_SUPER_MAGIC ? "native" : "overlayfs";
  const config = daemonToml({ paths, sandboxImage: PAUSE_IMAGE, cniBinDir: bin, snapshotter });
  const digest = createHash("sha256").update(program).update(config).digest("hex");

  const closing = new AbortController();
  let current: Record | undefined;
  const start = async () => {
    const boot = await bootId();
    const record = await readRecord(paths);
    const alive = record !== undefined && (await isAlive(record)) ? record : undefined;
    if (alive?.digest === digest) {
      current = alive;
      log.info({ pid: alive.pid }, "containerd is running already");
    } else {
      // an agent that was killed between starting a daemon and noting it: two on one directory lock each other out
      for (const stray of await daemonsOf(paths)) await terminate(stray.pid, stray.started, clock);
      // sockets and mounts recorded before a reboot lead nowhere
      if (record !== undefined && record.boot !== boot) await rm(paths.state, { recursive: true, force: true });
      await replaceFile(paths.config, config);
      await rm(paths.socket, { force: true });
      const output = openSync(paths.log, "a");
      const child = spawn(program, ["--config", paths.config, "--log-level", "warn"], {
        detached: true,
        stdio: ["ignore", output, output],
        cwd: "/",
        env: { ...process.env, PATH: [process.env["PATH"] ?? "", ...SYSTEM_PATHS].join(delimiter) },
      });
      closeSync(output);
      child.on("error", (error) => log.error({ error: error.message }, "containerd could not be started"));
      child.unref();
      if (child.pid === undefined) throw new Error(`${program} could not be started`);
      const started = await startTime(child.pid);
      if (started === undefined) throw new Error(`containerd ended at once; its log is ${paths.log}`);
      current = { pid: child.pid, started, boot, digest };
      await replaceFile(paths.record, JSON.stringify(current));
      log.info({ pid: child.pid }, "containerd started");
    }
    await untilReady(paths, current, clock, closing.signal);
    if (current !== alive) await dropLeases(paths).catch((error: unknown) => log.warn({ error: String(error) }, "what an earlier containerd held cannot be let go"));
    await endStrayShims(paths);
  };

  /** What ends while it starts, or right after, may have been ended by somebody: it is tried again. */
  const startFirst = async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        await start();
        return await importPause(self, paths);
      } catch (error) {
        if (attempt === STARTS) throw error;
        log.warn({ error: String(error) }, "containerd did not start; trying again");
        await sleep(clock, RESTART_MS, closing.signal);
      }
    }
  };
  let reviving: Promise<void> | undefined;
  let network: string | undefined;
  const self: Containerd = {
    socket: paths.socket,
    snapshotter,
    async setPodCidr(podCidr) {
      const file = join(paths.cniConfig, "10-lichen.conflist");
      const before = await readFile(file, "utf8").catch(() => "");
      const text = cniConflist({ podCidr, lastAddress: podRange(podCidr, containersOnly).lastOfContainers, ipamDir: paths.ipam });
      if (before !== text) await replaceFile(file, text);
      const cidrBefore = /"subnet":"([^"]+)"/.exec(before)?.[1];
      if (cidrBefore !== undefined && cidrBefore !== podCidr) await unmasquerade(cidrBefore);
      await masquerade(podCidr);
      network = podCidr;
    },
    async setRegistries(mirrors) {
      for (const mirror of mirrors) {
        const directory = join(paths.certificates, mirror.host);
        await mkdir(directory, { recursive: true });
        await replaceFile(join(directory, "hosts.toml"), hostsToml(mirror));
      }
    },
    async importImage(file) {
      const { stdout } = await execute("ctr", ["-a", paths.socket, "-n", "k8s.io", "images", "import", "--all-platforms", file], { timeout: IMPORT_LIMIT_MS });
      return [...stdout.matchAll(/unpacking (\S+)/g)].map((match) => match[1] ?? "");
    },
    ensureRunning() {
      reviving ??= (async () => {
        closing.signal.throwIfAborted();
        // slow disks and full tables make it pause: it is given the time that it has to start
        if (current !== undefined && (await runs(current)) && (await untilReady(paths, current, clock, closing.signal).then(() => true, () => false))) return;
        closing.signal.throwIfAborted();
        // asked again: its connections break a moment before a process has ended
        if (current !== undefined && (await runs(current))) {
          log.warn({ pid: current.pid }, "containerd hangs; ending it");
          tell("containerd does not answer; it is ended and started again, pods run on");
          await terminate(current.pid, current.started, clock);
        } else {
          log.warn({}, "containerd is gone; starting it again");
          tell("containerd has ended; it is started again, pods run on");
        }
        await start();
      })().finally(() => {
        reviving = undefined;
      });
      return reviving;
    },
    removeForgotten: (id) => removeForgotten(id, paths),
    async stop() {
      closing.abort();
      await reviving?.catch(() => {});
      if (current !== undefined) await terminate(current.pid, current.started, clock);
      current = undefined;
      if (network !== undefined) await unmasquerade(network);
      await rm(paths.record, { force: true });
    },
  };

  await self.setRegistries(registries);
  await startFirst();
  return self;
}

async function importPause(daemon: Containerd, paths: DaemonPaths): Promise<void> {
  const cri = criClient(paths.socket);
  try {
    const known = await cri.call("ImageStatus", { image: { image: PAUSE_IMAGE } });
    if (known.image !== undefined) return;
    const file = join(paths.base, "pause.tar");
    await writeFile(file, pauseImage());
    await daemon.importImage(file);
    await rm(file, { force: true });
  } finally {
    cri.close();
  }
}

/** What a daemon that was killed was working on: it would keep content for a day that nobody waits for any more. */
async function dropLeases(paths: DaemonPaths): Promise<void> {
  const cri = criClient(paths.socket);
  try {
    const { leases = [] } = await cri.call("List", {});
    for (const { id = "", labels = {} } of leases) if ("containerd.io/gc.expire" in labels) await cri.call("Delete", { id });
  } finally {
    cri.close();
  }
}

const runs = async ({ pid, started }: Record) => (await startTime(pid)) === started;

/** @throws Error when it ends meanwhile, or does not answer in time */
async function untilReady(paths: DaemonPaths, { pid, started }: Record, clock: Clock, signal: AbortSignal): Promise<void> {
  let end = clock.monotonic() + READY_LIMIT_MS;
  let worked = await processorTicks(pid);
  for (;;) {
    const cri = criClient(paths.socket);
    try {
      await cri.call("Version", {}, { signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if ((await startTime(pid)) !== started) throw new Error(`containerd ended; its log is ${paths.log}`, { cause: error });
      if (clock.monotonic() > end && (await processorTicks(pid)) - worked >= BUSY_TICKS) {
        // two hundred pods to look after on a slow board: as long as it works, it does not hang
        end = clock.monotonic() + READY_LIMIT_MS;
        worked = await processorTicks(pid);
      }
      if (clock.monotonic() > end) throw new Error(`containerd does not answer on ${paths.socket}; its log is ${paths.log}`, { cause: error });
    } finally {
      cri.close();
    }
    await sleep(clock, READY_STEP_MS);
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

async function programPath(name: string): Promise<string | undefined> {
  for (const directory of [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_PATHS]) {
    const file = join(directory, name);
    if (directory !== "" && (await exists(file))) return file;
  }
  return undefined;
}

async function cniBinDir(): Promise<string | undefined> {
  for (const directory of CNI_DIRS) {
    const names = await readdir(directory).catch((): string[] => []);
    if (["ptp", "host-local", "portmap", "loopback"].every((plugin) => names.includes(plugin))) return directory;
  }
  return undefined;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}
