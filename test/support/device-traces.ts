/**
 * What a device can leave on a machine, one list per kind. Taken before and after: what is new, is left. Each line names the
 * thing itself, so that a leak can be looked at.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Device {
  /** its data directory */
  readonly directory: string;
  /** its node name, which its cgroups have */
  readonly name: string;
  /** first bytes of its pods' addresses: "10.83." */
  readonly network: string;
}

export type Traces = { readonly [kind: string]: readonly string[] };

export async function traces(device: Device): Promise<Traces> {
  const { directory, name, network } = device;
  const containerd = join(directory, "containerd");
  const state = join(containerd, "state");
  const socket = join(containerd, "containerd.sock");
  const ctr = async (...args: readonly string[]) => (existsSync(socket) ? lines("ctr", "-a", socket, "-n", "k8s.io", ...args) : []);
  const below = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  return {
    processes: processes(directory, name),
    // all pods share one file system in memory; what is in it is listed with their directories
    mounts: readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => line.split(" ")[4] ?? "").filter((point) => point.startsWith(`${directory}/`) && point !== join(directory, "memory")),
    "network namespaces": below(join(state, "io.containerd.grpc.v1.cri", "netns")).concat(below(join(state, "netns"))),
    links: (await lines("ip", "-o", "route")).filter((line) => line.startsWith(network)),
    "packet filter": (await lines("iptables-save")).filter((line) => line.includes(network)),
    cgroups: await lines("find", "/sys/fs/cgroup", "-path", `*/lichen/${name}/*`, "-type", "d", "-name", "pod*"),
    "address leases": below(join(containerd, "ipam", "lichen")).filter((each) => each.startsWith(network)),
    containers: await ctr("containers", "ls", "-q"),
    tasks: (await ctr("tasks", "ls", "-q")),
    snapshots: (await ctr("snapshots", "ls")).map((line) => line.split(/\s+/)[0] ?? "").filter((key) => !key.startsWith("sha256:") && key !== "KEY"),
    leases: (await ctr("leases", "ls", "-q")),
    "containerd's directories": ["root", "state"].flatMap((root) => [
      ...["sandboxes", "containers"].flatMap((kind) => below(join(containerd, root, "io.containerd.grpc.v1.cri", kind)).map((id) => `${root}/cri/${kind}/${id}`)),
      ...below(join(containerd, root, "io.containerd.runtime.v2.task", "k8s.io")).map((id) => `${root}/task/${id}`),
    ]),
    "pod directories": [...below(join(directory, "pods")), ...below(join(directory, "memory"))],
    logs: below(join(directory, "logs")),
    "exec pipes": below(join("/run/lichen", name)).flatMap((tag) => below(join("/run/lichen", name, tag))),
    "sockets of shims": deadSockets(),
  };
}

/** By kind, what is in `after` and was not in `before`. */
export function left(before: Traces, after: Traces): readonly string[] {
  return Object.entries(after).flatMap(([kind, now]) => {
    const known = new Set(before[kind]);
    return now.filter((each) => each !== "" && !known.has(each)).map((each) => `${kind}: ${each}`);
  });
}

export function counts(all: Traces): string {
  return Object.entries(all).map(([kind, now]) => `${kind} ${now.length}`).join(", ");
}

export interface Process {
  readonly pid: number;
  readonly command: string;
  readonly cgroup: string;
}

/** Processes of containers, shims, and what the agent forked and forgot; not the daemons themselves. */
export function processesOf(directory: string, name: string): readonly Process[] {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).flatMap((entry) => {
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const cgroup = readFileSync(`/proc/${entry}/cgroup`, "utf8");
      const mine = cgroup.includes(`/lichen/${name}/`) || (/^\S*(containerd-shim|runc)/.test(command) && command.includes(directory));
      return mine ? [{ pid: Number(entry), command, cgroup }] : [];
    } catch {
      return [];
    }
  });
}

function processes(directory: string, name: string): readonly string[] {
  return processesOf(directory, name).map(({ pid, command }) => `${pid} ${command}`);
}

/** Files of sockets that nobody listens on any more: a shim that was killed leaves its own. */
function deadSockets(): readonly string[] {
  const directory = "/run/containerd/s";
  if (!existsSync(directory)) return [];
  const alive = readFileSync("/proc/net/unix", "utf8");
  return readdirSync(directory).filter((name) => !alive.includes(`${directory}/${name}`));
}

async function lines(command: string, ...args: readonly string[]): Promise<readonly string[]> {
  // what others take away meanwhile is no failure of find
  const stdout = await run(command, args, { maxBuffer: 1 << 26 }).then((done) => done.stdout, (error: { readonly stdout?: string }) => error.stdout ?? "");
  return stdout.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}
