/**
 * Devices (budgets P8 to P12, P16): memory, idle processor time, bytes up and bytes to disk of an idle device and its
 * server, and how long a pod takes from its creation until a watch sees it run, as component and as container.
 * Needs root and containerd for the containers, and ss (iproute2) for the bytes.
 *
 *   node bench/agent.ts [idle=60] [pods=30] [containers=0]
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pushFile } from "../core/cli/push.ts";
import { busyboxImage } from "../test/support/busybox-image.ts";
import { type Connection, openConnection } from "./support/connection.ts";
import { line, median, numberArgument, printLoad, quantile } from "./support/print.ts";
import { bytesWritten, cpuSeconds, family, memoryOf } from "./support/process-cost.ts";
import { type ServerProcess, startServerProcess, temporaryDirectory } from "./support/server-process.ts";

/** Seconds that the idle system is watched. */
const IDLE = numberArgument("idle", 60);
const PODS = numberArgument("pods", 30);
const AT_ONCE = 10;
/** Seconds until starts are over and idle memory is given back. */
const SETTLE = 15;

const hello = join(import.meta.dirname, "..", "examples", "components", "hello", "hello.wasm");
const withContainers = numberArgument("containers", 1) === 1 && process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");

/** The agent of a runtime: it and what it starts for itself, without containerd and workloads. */
function agentOf(server: ServerProcess, runtime: string): readonly number[] {
  const agent = family(server.pid).find((pid) => commandOf(pid).includes(`--runtimes ${runtime}`));
  if (agent === undefined) throw new Error(`no agent with --runtimes ${runtime} runs`);
  return family(agent).filter((pid) => pid === agent || !/containerd|runc|host-main|host-image/.test(commandOf(pid)));
}

/** Bytes that a process has sent to the broker, from the kernel's counters of its sockets. */
function bytesUp(pids: readonly number[], port: number): number {
  const sockets = execFileSync("ss", ["-tinpOH", "state", "established", "dport", "=", `:${port}`]).toString().split("\n");
  return sockets
    .filter((socket) => pids.some((pid) => socket.includes(`pid=${pid},`)))
    .reduce((sum, socket) => sum + Number(/ bytes_sent:(\d+)/.exec(socket)?.[1] ?? 0), 0);
}

async function idle(server: ServerProcess, runtimes: readonly string[]): Promise<void> {
  await pause(SETTLE);
  const parts = [{ name: "server", pids: [server.pid] }, ...runtimes.map((runtime) => ({ name: `agent-${runtime}`, pids: agentOf(server, runtime) }))];
  for (const { name, pids } of parts) {
    const { pss, anonymous } = memoryOf(pids);
    line(`agent/memory-${name}`, pss, "MB PSS", name === "server" ? "with the devices in one `up`" : "kubelet here 81-89, K3s agent 268; budget 50");
    line(`agent/memory-${name}/anonymous`, anonymous, "MB", "without the shared pages of the program");
  }
  const read = () => parts.map(({ pids }) => ({ cpu: cpuSeconds(pids), disk: bytesWritten(pids), up: bytesUp(pids, server.mqttPort) }));
  const before = read();
  await pause(IDLE);
  const after = read();
  for (const [at, { name }] of parts.entries()) {
    const of = (value: "cpu" | "disk" | "up") => (after[at]?.[value] ?? 0) - (before[at]?.[value] ?? 0);
    line(`agent/idle-cpu-${name}`, (of("cpu") / IDLE) * 100, "% of a core", name === "server" ? "K3s 6; budget 0.3" : "K3s 3, kubelet here 0.7; budget 0.1");
    line(`agent/idle-disk-${name}`, (of("disk") / IDLE) * 3_600, "B/h", name === "server" ? "budget 1,000,000 at 1,000 devices" : "budget 0");
    if (name !== "server") line(`agent/idle-bytes-up-${name}`, (of("up") / IDLE) * 60, "B/min", "kubelet lease 8,100, KubeEdge 1,600; budget 210");
  }
}

interface Workload {
  readonly name: string;
  readonly runtimeClass: string;
  readonly image: string;
  readonly command?: readonly string[];
  /** seen in the event of a pod that is where it should be */
  readonly reached: (event: string) => boolean;
}

const isReady = (event: string) => /"type":"Ready","status":"True"|"status":"True","type":"Ready"/.test(event.replaceAll(/"(?:lastTransitionTime|lastProbeTime|observedGeneration)":[^,}]*,/g, ""));
const isRunning = (event: string) => event.includes('"phase":"Running"');

/** Creates pods and resolves, by name, when a watch sees them there. */
class PodWatch {
  readonly #waiting = new Map<string, (at: number) => void>();
  readonly #workload: Workload;

  constructor(watching: Connection, workload: Workload) {
    this.#workload = workload;
    watching.watch("/api/v1/namespaces/default/pods?watch=true", (event) => {
      const name = /"name":"(bench-[^"]+)"/.exec(event)?.[1] ?? "";
      const tell = this.#waiting.get(name);
      if (tell === undefined || !workload.reached(event)) return;
      this.#waiting.delete(name);
      tell(performance.now());
    });
  }

  /** ms from sending the request until the watch has told */
  async start(connection: Connection, name: string): Promise<number> {
    const { runtimeClass, image, command } = this.#workload;
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { runtimeClassName: runtimeClass, terminationGracePeriodSeconds: 0, containers: [{ name: "main", image, ...(command === undefined ? {} : { command }) }] },
    };
    const there = new Promise<number>((resolve) => this.#waiting.set(name, resolve));
    const started = performance.now();
    const { status, body: answer } = await connection.send("POST", "/api/v1/namespaces/default/pods", JSON.stringify(body));
    if (status !== 201) throw new Error(`POST pod: ${status} ${answer.toString()}`);
    return (await there) - started;
  }
}

async function remove(connection: Connection, name: string): Promise<void> {
  await connection.send("DELETE", `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`);
}

async function starts(server: ServerProcess, workload: Workload, anchors: { readonly one: string; readonly many: string }): Promise<void> {
  const [watching, connection] = await Promise.all([openConnection(server.access), openConnection(server.access)]);
  const pods = new PodWatch(watching, workload);
  const { name } = workload;
  // the first one of an image fetches it, and a component is made ready on the server
  await pods.start(connection, `bench-${name}-first`);
  await remove(connection, `bench-${name}-first`);
  const took: number[] = [];
  for (let index = 0; index < PODS; index++) {
    took.push(await pods.start(connection, `bench-${name}-${index}`));
    await remove(connection, `bench-${name}-${index}`);
  }
  line(`agent/${name}-start-p50`, median(took), "ms", anchors.one);
  line(`agent/${name}-start-p99`, quantile(took, 0.99), "ms", anchors.one);
  await pause(5);
  // opened now: a server closes connections that were idle for long
  const connections = await Promise.all(Array.from({ length: AT_ONCE }, () => openConnection(server.access)));
  const began = performance.now();
  const many = await Promise.all(connections.map((each, at) => pods.start(each, `bench-${name}-many-${at}`)));
  line(`agent/${name}-ten-at-once`, (AT_ONCE / (performance.now() - began)) * 1_000, "pods/s", anchors.many);
  line(`agent/${name}-ten-at-once-p50`, median(many), "ms", anchors.many);
  await Promise.all(connections.map((each, at) => remove(each, `bench-${name}-many-${at}`)));
  for (const each of [watching, connection, ...connections]) each.close();
}

printLoad("at start");
using directory = temporaryDirectory();
const runtimes = withContainers ? ["wasi", "containerd"] : ["wasi"];
// the first start compiles; what is measured is every other one
const server = await startServerProcess(directory.path, ["up", "--devices", runtimes.join(",")]);
try {
  await pushFile(server.access, hello, "hello:1", false);
  if (withContainers) {
    const archive = join(directory.path, "busybox.tar");
    writeFileSync(archive, busyboxImage("registry.lichen.internal/busybox:1"));
    await pushFile(server.access, archive, "busybox:1", false);
  }
  await idle(server, runtimes);
  const component: Workload = { name: "component", runtimeClass: "wasi", image: "registry.lichen.internal/hello:1", reached: isReady };
  await starts(server, component, { one: "a container takes >= 183; budget p99 100", many: "none" });
  const container: Workload = { name: "container", runtimeClass: "containerd", image: "registry.lichen.internal/busybox:1", command: ["sleep", "3600"], reached: isRunning };
  if (withContainers) await starts(server, container, { one: "kubelet here p50 301, p99 732; budget 250, 400", many: "kubelet here 4.2 pods/s, p50 2,300; budget 6 pods/s" });
} finally {
  await server.stop();
}
printLoad("at end");
