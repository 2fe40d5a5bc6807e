/**
 * A device under fire: many pods, and at random containers, shims, containerd and the agent are killed. In the end every
 * pod runs again, and when they are deleted nothing of them is left. Run it by hand, as root:
 *
 *   node test/campaigns/soak.ts [--pods 200] [--minutes 10] [--seed 1]
 *
 * It works in a directory of its own on free ports, kills only what it started, and ends by itself.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import type { Pod } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { freePort } from "../support/lichen.ts";
import { type Program, startProgram } from "../support/program.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const run = promisify(execFile);
const bin = resolve(import.meta.dirname, "../../core/lichen.js");
/** Between two blows: long enough for some repair, too short for all of it. */
const PAUSE_MS = 3_000;
/** Two hundred pods back off for minutes after a bad series. */
const RECOVERY_MS = 900_000;

const { values } = parseArgs({ options: { pods: { type: "string", default: "200" }, minutes: { type: "string", default: "10" }, seed: { type: "string", default: "1" } } });
const wanted = Number(values.pods);
const end = performance.now() + Number(values.minutes) * 60_000;
const random = seeded(Number(values.seed));
const directory = mkdtempSync(join(tmpdir(), "lichen-soak-"));
const [port, mqttPort] = [await freePort(), await freePort()];
const programs: Program[] = [];
const lichen = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const program = startProgram({ command: process.execPath, args: [bin, ...args], env: { ...process.env, LICHEN_LOG: "warn", ...env } });
  programs.push(program);
  return program;
};

const before = await traces();
const serverDir = join(directory, "server");
const deviceDir = join(directory, "device");
await lichen(["server", "--data-dir", serverDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--cluster-cidr", "10.83.0.0/16"]).says(/^ready /);
const archive = join(directory, "busybox.tar");
writeFileSync(archive, busyboxImage(IMAGE));
await lichen(["push", archive, "busybox:1", "--data-dir", serverDir]).ended;
const [token = ""] = await lichen(["token", "create", "--data-dir", serverDir]).says(/^[0-9a-f]{64}\..*$/);
const startAgent = () => lichen(["agent", "--server", `https://127.0.0.1:${port}`, "--name", "soak", "--data-dir", deviceDir, "--runtimes", "containerd", "--drain-on-exit"], { LICHEN_TOKEN: token });
// room for all of them, and no eviction by a disk that others fill
await run("mkdir", ["-p", deviceDir]);
writeFileSync(join(deviceDir, "kubelet.json"), JSON.stringify({ maxPods: wanted + 10, evictionHard: { "memory.available": "1%" } }));
let agent = startAgent();
let stopping = false;
void supervise();
await agent.says(/^ready/);
const kubectl = await kubectlFor(join(serverDir, "kubeconfig"));

const manifest = join(directory, "soak.json");
writeFileSync(
  manifest,
  JSON.stringify({
    apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "soak" },
    spec: { replicas: wanted, selector: { matchLabels: { app: "soak" } }, template: { metadata: { labels: { app: "soak" } }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: IMAGE, command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] }] } } },
  }),
);
await kubectl("apply", "-f", manifest);
const pods = async () => (await kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", "app=soak")).items;
const allReady = async () => {
  const alive = (await pods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return alive.length === wanted && alive.every(({ status }) => status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true);
};
await eventually("all pods run", allReady, RECOVERY_MS);
say(`${wanted} pods run; shooting for ${values.minutes} minutes`);

const blows: { readonly [what: string]: () => Promise<void> | void } = {
  container: () => killOne("sleep 3600"),
  shim: () => killOne("containerd-shim"),
  containerd: () => void process.kill((JSON.parse(readFileSync(join(deviceDir, "containerd", "daemon.json"), "utf8")) as { readonly pid: number }).pid, "SIGKILL"),
  agent: () => void process.kill(agent.pid, "SIGKILL"),
};
/** Most blows hit pods; the ones above them are rare, as in the field. */
const dice = ["container", "container", "container", "container", "shim", "shim", "containerd", "agent"] as const;
const counts: { [what: string]: number } = {};
while (performance.now() < end) {
  const what = dice[Math.floor(random() * dice.length)] ?? "container";
  try {
    await blows[what]?.();
    counts[what] = (counts[what] ?? 0) + 1;
  } catch {
    // what was to be hit is gone already
  }
  await new Promise((done) => setTimeout(done, PAUSE_MS));
}
say(`done: ${JSON.stringify(counts)}; waiting for all pods to run again`);
await eventually("all pods run again", allReady, RECOVERY_MS);
await kubectl("delete", "deployment", "soak", "--wait=true");
await eventually("all pods are gone", async () => (await pods()).length === 0, RECOVERY_MS);
await eventually("nothing of a pod is left on the device", async () => (await podTraces()).length === 0, 60_000);
stopping = true;
for (const program of programs.toReversed()) await program.stop();
const left = (await traces()).filter((line) => !before.includes(line));
rmSync(directory, { recursive: true, force: true });
say(left.length === 0 ? "nothing is left" : `LEFT BEHIND:\n${left.join("\n")}`);
process.exit(left.length === 0 ? 0 : 1);

/** As a service manager would. */
async function supervise(): Promise<void> {
  for (;;) {
    await agent.ended;
    await new Promise((done) => setTimeout(done, 1_000));
    if (stopping) return;
    agent = startAgent();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One of this campaign's own processes whose command line has the text: only those below this device's cgroups and directory. */
function killOne(text: string): void {
  const mine = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && belongs(pid, text));
  const chosen = mine[Math.floor(random() * mine.length)];
  if (chosen !== undefined) process.kill(Number(chosen), "SIGKILL");
}

function belongs(pid: string, text: string): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    if (!command.includes(text)) return false;
    return command.includes(directory) || readFileSync(`/proc/${pid}/cgroup`, "utf8").includes("/lichen/soak/");
  } catch {
    return false;
  }
}

async function podTraces(): Promise<readonly string[]> {
  return (await traces()).filter((line) => /\/pods\/[0-9a-f-]{36}|shim|kubepods\/.*pod[0-9a-f]/.test(line) && !before.includes(line));
}

/** What a device can leave on a machine. */
async function traces(): Promise<readonly string[]> {
  const outputs = await Promise.all([
    run("ps", ["-eo", "args"]),
    run("cat", ["/proc/mounts"]),
    run("sh", ["-c", "find /sys/fs/cgroup/*/lichen/soak -type d -name 'pod*' 2>/dev/null || true"]),
  ]);
  return outputs.flatMap(({ stdout }) => stdout.split("\n")).filter((line) => line.includes(directory) || line.includes("/lichen/soak/"));
}

/** Mulberry32: the same seed shoots in the same order. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
