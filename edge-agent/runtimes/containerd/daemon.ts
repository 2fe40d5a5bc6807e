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
import { criClient } from "./cri.ts";
import { cniConflist, daemonToml, hostsToml, type RegistrySource } from "./daemon-config.ts";
import { PAUSE_IMAGE, pauseImage } from "./pause-image.ts";
import { daemonPaths, type DaemonPaths } from "./paths.ts";

export interface ContainerdOptions {
  /** absolute */
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly registries?: readonly RegistrySource[];
}

export interface Containerd {
  readonly socket: string;
  /** (re)writes the pod network; the daemon picks it up by itself */
  setPodCidr(cidr: string): Promise<void>;
  setRegistries(registries: readonly RegistrySource[]): Promise<void>;
  /** loads an image archive; returns its references */
  importImage(file: string): Promise<readonly string[]>;
  /** starts the daemon again if it died */
  ensureRunning(): Promise<void>;
  /** ends the daemon; pods that still run keep running */
  stop(): Promise<void>;
}

const execute = promisify(execFile);

const READY_LIMIT_MS = 60_000;
const READY_STEP_MS = 100;
const STOP_LIMIT_MS = 10_000;
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
export async function startContainerd({ dataDir, log, clock, registries = [] }: ContainerdOptions): Promise<Containerd> {
  const paths = daemonPaths(dataDir);
  const bin = await cniBinDir();
  if (bin === undefined) throw new Error(`no CNI plugins in ${CNI_DIRS.join(", ")}: install containernetworking-plugins`);
  const program = await programPath("containerd");
  if (program === undefined) throw new Error("containerd is not in PATH: install it or give the agent a --containerd-socket");
  for (const directory of [paths.base, paths.root, paths.cniConfig, paths.ipam, paths.certificates]) await mkdir(directory, { recursive: true, mode: 0o711 });
  const overlay = (await statfs(paths.base)).type === OVERLAYFS_SUPER_MAGIC;
  const config = daemonToml({ paths, sandboxImage: PAUSE_IMAGE, cniBinDir: bin, snapshotter: overlay ? "native" : "overlayfs" });
  const digest = createHash("sha256").update(program).update(config).digest("hex");

  let current: Record | undefined;
  const start = async () => {
    const boot = await bootId();
    const record = await readRecord(paths);
    const alive = record !== undefined && record.boot === boot && (await startTime(record.pid)) === record.started ? record : undefined;
    if (alive?.digest === digest) {
      current = alive;
      log.info({ pid: alive.pid }, "containerd is running already");
    } else {
      if (alive !== undefined) await terminate(alive.pid, alive.started, clock);
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
    await untilReady(paths, clock);
  };

  const self: Containerd = {
    socket: paths.socket,
    async setPodCidr(podCidr) {
      const file = join(paths.cniConfig, "10-lichen.conflist");
      const text = cniConflist({ podCidr, lastAddress: podRange(podCidr).lastOfContainers, ipamDir: paths.ipam });
      if ((await readFile(file, "utf8").catch(() => "")) !== text) await replaceFile(file, text);
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
    async ensureRunning() {
      if (current !== undefined && (await startTime(current.pid)) === current.started) return;
      log.warn({}, "containerd is gone; starting it again");
      await start();
    },
    async stop() {
      if (current !== undefined) await terminate(current.pid, current.started, clock);
      current = undefined;
      await rm(paths.record, { force: true });
    },
  };

  await self.setRegistries(registries);
  await start();
  await importPause(self, paths);
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

async function untilReady(paths: DaemonPaths, clock: Clock): Promise<void> {
  const end = clock.monotonic() + READY_LIMIT_MS;
  for (;;) {
    const cri = criClient(paths.socket);
    try {
      await cri.call("Version", {});
      return;
    } catch (error) {
      if (clock.monotonic() > end) throw new Error(`containerd does not answer on ${paths.socket}; its log is ${paths.log}`, { cause: error });
    } finally {
      cri.close();
    }
    await sleep(clock, READY_STEP_MS);
  }
}

interface Record {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
  readonly digest: string;
}

async function readRecord(paths: DaemonPaths): Promise<Record | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(paths.record, "utf8"));
    const record = value as Partial<Record>;
    if (typeof record.pid !== "number" || typeof record.started !== "string" || typeof record.boot !== "string" || typeof record.digest !== "string") return undefined;
    return { pid: record.pid, started: record.started, boot: record.boot, digest: record.digest };
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)), clock ticks after boot; undefined when the process is gone or a zombie. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function terminate(pid: number, started: string, clock: Clock): Promise<void> {
  for (const [signal, limit] of [["SIGTERM", STOP_LIMIT_MS], ["SIGKILL", STOP_LIMIT_MS]] as const) {
    const end = clock.monotonic() + limit;
    if ((await startTime(pid)) !== started) return;
    process.kill(pid, signal);
    while (clock.monotonic() < end) {
      if ((await startTime(pid)) !== started) return;
      await sleep(clock, READY_STEP_MS);
    }
  }
  throw new Error(`containerd (pid ${pid}) did not end`);
}

async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "unknown")).trim();
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
