/**
 * A device under fire: two hundred pods of every kind, and at random containers, sandboxes, shims, containerd and the agent
 * are killed and pods deleted. In the end every pod is as its class specifies (soak/pod-classes.ts), and when they are
 * deleted nothing of them is left (../support/device-traces.ts). Run it by hand, as root, with containerd installed:
 *
 *   npm run soak -- [--pods 200] [--minutes 5] [--seed 1] [--rounds 1]
 *
 * The seed decides what is hit in which order; round N has seed + N. It works in a directory of its own on free ports,
 * kills only what it started, and ends with 0 when all was as specified.
 */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Job, Pod } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { seededEntropy } from "../support/control-plane.ts";
import { counts, left, traces } from "../support/device-traces.ts";
import { eventually } from "../support/eventually.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { freePort } from "../support/lichen.ts";
import { type Program, startProgram } from "../support/program.ts";
import { blowAt, blows, type Target } from "./soak/blows.ts";
import { counted, farewellOf, podClasses } from "./soak/pod-classes.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const NODE = "soak";
const CLASS = "soak/class";
/** Of the pods, how many a Deployment keeps and a Job runs. */
const REPLICAS_SHARE = 0.1;
const COMPLETIONS_SHARE = 0.05;
/** Between two blows, on average: long enough for some repair, too short for all of it. */
const PAUSE_MS = 1_500;
/** What is looked at between blows. */
const LOOK_MS = 5_000;
/** Two hundred pods on two cores, and the longest back-off of a container (5 min) on top. */
const RECOVERY_MS = 1_200_000;

const { values } = parseArgs({ options: { pods: { type: "string", default: "200" }, minutes: { type: "string", default: "5" }, seed: { type: "string", default: String(Date.now() % 100_000) }, rounds: { type: "string", default: "1" }, keep: { type: "boolean", default: false } } });
const wanted = Number(values.pods);
const bin = resolve(import.meta.dirname, "../../core/lichen.js");
const directory = mkdtempSync(join(tmpdir(), "lichen-soak-"));
const [port, mqttPort] = [await freePort(), await freePort()];
const serverDir = join(directory, "server");
const deviceDir = join(directory, "device");
const out = join(directory, "out");
const device = { directory: deviceDir, name: NODE, network: "10.83." };
const programs: Program[] = [];
const problems: string[] = [];
const lichen = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const program = startProgram({ command: process.execPath, args: [bin, ...args], env: { ...process.env, LICHEN_LOG: "info", ...env } });
  programs.push(program);
  return program;
};

say(`directory ${directory}`);
mkdirSync(out);
const atFirst = await traces(device);
const server = lichen(["server", "--data-dir", serverDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--cluster-cidr", "10.83.0.0/16"]);
await server.says(/^ready /);
const archive = join(directory, "busybox.tar");
writeFileSync(archive, busyboxImage(IMAGE));
await lichen(["push", archive, "busybox:1", "--data-dir", serverDir]).ended;
const [token = ""] = await lichen(["token", "create", "--data-dir", serverDir]).says(/^[0-9a-f]{64}\..*$/);
// room for all of them, and no eviction by a disk that others fill
mkdirSync(deviceDir, { recursive: true });
writeFileSync(join(deviceDir, "kubelet.json"), JSON.stringify({ maxPods: wanted * 2, evictionHard: { "memory.available": "1%" } }));
const startAgent = () => lichen(["agent", "--server", `https://127.0.0.1:${port}`, "--name", NODE, "--data-dir", deviceDir, "--runtimes", "containerd", "--drain-on-exit"], { LICHEN_TOKEN: token });
let agent = startAgent();
let stopping = false;
/** An agent that ended by itself is a defect: nobody had killed it. */
const shot = new Set<number>();
void supervise();
// given up: what was started ends all the same
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stopping = true;
    void Promise.allSettled(programs.toReversed().map((program) => program.stop())).then(() => process.exit(1));
  });
}
await agent.says(/^ready/);
const kubectl = await kubectlFor(join(serverDir, "kubeconfig"));
for (const kind of ["configmap", "secret generic"]) await kubectl("create", ...kind.split(" "), "soak", "--from-literal=key=value");
// the image is on the device before anything is counted
await kubectl("run", "first", `--image=${IMAGE}`, "--restart=Never", "--command", "--", "true");
await eventually("the image is there", async () => (await kubectl.json<Pod>("get", "pod", "first")).status?.phase === "Succeeded");
await kubectl("delete", "pod", "first", "--now");

for (let round = 0; round < Number(values.rounds); round++) {
  const problem = await oneRound(Number(values.seed) + round).then(() => undefined, (error: unknown) => String(error));
  if (problem !== undefined) problems.push(problem);
  if (problem !== undefined) break;
}

stopping = true;
if (values.keep && problems.length > 0) {
  say(`kept: ${directory}, server ${server.pid}, agent ${agent.pid}`);
  for (const problem of problems) say(`WRONG: ${problem}`);
  process.exit(1);
}
for (const program of programs.toReversed()) await program.stop();
problems.push(...left(atFirst, await traces(device)).map((line) => `left on the machine: ${line}`));
if (problems.length === 0) rmSync(directory, { recursive: true, force: true });
else for (const [at, program] of programs.entries()) appendFileSync(join(directory, `program-${at}.log`), program.output());
for (const problem of problems) say(`WRONG: ${problem}`);
say(problems.length === 0 ? `${values.rounds} rounds from seed ${values.seed}: every pod ended as specified, nothing is left` : `seed ${values.seed}: ${problems.length} problems; logs are in ${directory}`);
process.exit(problems.length === 0 ? 0 : 1);

/** @throws Error when the device does not come to what is specified; smaller faults are noted */
async function oneRound(seed: number): Promise<void> {
  const random = seededEntropy(seed).fraction;
  say(`seed ${seed}: ${wanted} pods, ${values.minutes} minutes`);
  const before = await eventually("the device is at rest", async () => (await left(atFirst, await podTraces())).length === 0 && traces(device), RECOVERY_MS);
  const replicas = Math.max(1, Math.floor(wanted * REPLICAS_SHARE));
  const completions = Math.max(1, Math.floor(wanted * COMPLETIONS_SHARE));
  const rows = counted(wanted - replicas - completions);
  await apply(rows.flatMap(({ podClass, count }) => Array.from({ length: count }, (_none, at) => {
    const name = `${podClass.name}-${seed}-${at}`;
    return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { [CLASS]: podClass.name } }, spec: podClass.spec({ image: IMAGE, name, out }) };
  })));
  const template = (kind: string, spec: object) => ({ metadata: { labels: { [CLASS]: kind } }, spec: { terminationGracePeriodSeconds: 1, ...spec } });
  await apply([
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "kept" }, spec: { replicas, selector: { matchLabels: { [CLASS]: "kept" } }, template: template("kept", { containers: [{ name: "main", image: IMAGE, command: ["sleep", "3600"] }] }) } },
    { apiVersion: "batch/v1", kind: "Job", metadata: { name: "batch" }, spec: { completions, parallelism: Math.ceil(completions / 2), backoffLimit: 1_000, template: template("batch", { restartPolicy: "Never", containers: [{ name: "main", image: IMAGE, command: ["sleep", "20"] }] }) } },
  ]);
  const started = performance.now();
  await eventually("every pod has started once", async () => (await pods()).every(({ status }) => status?.phase !== "Pending"), RECOVERY_MS);
  say(`all started after ${seconds(started)} s; shooting`);

  const watching = watch();
  const target: Target = {
    ...device,
    agentPid() {
      shot.add(agent.pid);
      return agent.pid;
    },
    async deleteOne(fraction) {
      const possible = (await pods()).filter(({ metadata }) => metadata.labels?.[CLASS] === "kept" && metadata.deletionTimestamp === undefined);
      const { metadata } = possible[Math.floor(fraction * possible.length)] ?? {};
      if (metadata?.name !== undefined) await kubectl("delete", "pod", metadata.name, "--wait=false");
    },
  };
  const end = performance.now() + Number(values.minutes) * 60_000;
  const struck: { [what: string]: number } = {};
  while (performance.now() < end) {
    const what = blowAt(random());
    const fraction = random();
    try {
      await blows[what]?.strike(target, fraction);
      struck[what] = (struck[what] ?? 0) + 1;
    } catch {
      // what was to be hit is gone already
    }
    await pause(random() * 2 * PAUSE_MS);
  }
  say(`struck ${JSON.stringify(struck)}; waiting until all is as specified`);
  const calm = performance.now();
  let wrong: readonly string[] = ["not looked at yet"];
  await eventually("every pod is as specified", async () => (wrong = await wrongs(replicas, completions)).length === 0, RECOVERY_MS).catch(() => {
    throw new Error(`not as specified:\n  ${wrong.join("\n  ")}`);
  });
  problems.push(...(await watching()));
  say(`all as specified after ${seconds(calm)} s; deleting`);

  const graceful = (await pods()).flatMap(({ metadata }) => (metadata.labels?.[CLASS] === "graceful" ? [metadata.name ?? ""] : []));
  await kubectl("delete", "deployment,job,pod", "--all", "--wait=false");
  await eventually("all pods are gone", async () => (await pods()).length === 0, RECOVERY_MS);
  const farewells = new Set(readdirSync(out));
  problems.push(...graceful.filter((name) => !farewells.has(farewellOf(name))).map((name) => `${name} was not given the time to say goodbye`));
  let rest: readonly string[] = [];
  await eventually("nothing is left on the device", async () => (rest = left(before, await traces(device))).length === 0, 60_000).catch(() => problems.push(...rest.map((line) => `left on the device: ${line}`)));
  say(`leaks: ${rest.length} (${counts(await traces(device))})`);
}

async function podTraces() {
  const { processes = [], cgroups = [] } = await traces(device);
  return { processes, cgroups };
}

/** Everything that is not as specified. */
async function wrongs(replicas: number, completions: number): Promise<readonly string[]> {
  const all = await pods();
  const of = (name: string) => all.filter(({ metadata }) => metadata.labels?.[CLASS] === name && metadata.deletionTimestamp === undefined);
  const single = podClasses.flatMap(({ name, wrong }) => of(name).flatMap((pod) => {
    const problem = wrong(pod);
    return problem === undefined ? [] : [`${pod.metadata.name} ${problem}`];
  }));
  const ready = of("kept").filter(({ status }) => status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True")).length;
  const { status: job } = await kubectl.json<Job>("get", "job", "batch");
  const ending = all.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ metadata }) => `${metadata.name} has not gone`);
  const inUse = new Map<string, string>();
  const shared = all.flatMap(({ metadata, spec, status }) => {
    if (status?.phase !== "Running" || spec?.hostNetwork === true || status.podIP === undefined) return [];
    const other = inUse.get(status.podIP);
    inUse.set(status.podIP, metadata.name ?? "");
    return other === undefined ? [] : [`${metadata.name} has the address of ${other}`];
  });
  return [...single, ...ending, ...shared, ...(ready === replicas ? [] : [`the Deployment has ${ready} of ${replicas} pods ready`]), ...(job?.succeeded === completions ? [] : [`the Job has ${job?.succeeded ?? 0} of ${completions} completions`])];
}

/** Rules that hold at any time. Returns how to end it and get what was broken. */
function watch(): () => Promise<readonly string[]> {
  const found = new Set<string>();
  const over = new Map<string, string>();
  const restarts = new Map<string, number>();
  const ended = new AbortController();
  const looking = (async () => {
    while (!ended.signal.aborted) {
      for (const { metadata, status } of await pods().catch((): Pod[] => [])) {
        const { uid = "", name } = metadata;
        const phase = status?.phase ?? "";
        const before = over.get(uid);
        if (before !== undefined && before !== phase) found.add(`${name} was ${before} and became ${phase}`);
        if (phase === "Succeeded" || phase === "Failed") over.set(uid, phase);
        for (const { name: container, restartCount } of status?.containerStatuses ?? []) {
          const key = `${uid}/${container}`;
          if (restartCount < (restarts.get(key) ?? 0)) found.add(`the restart count of ${name} fell from ${restarts.get(key)} to ${restartCount}`);
          restarts.set(key, restartCount);
        }
      }
      await pause(LOOK_MS);
    }
  })();
  return async () => {
    ended.abort();
    await looking;
    return [...found];
  };
}

async function pods(): Promise<readonly Pod[]> {
  return (await kubectl.json<{ items: readonly Pod[] }>("get", "pods")).items;
}

async function apply(objects: readonly object[]): Promise<void> {
  const file = join(directory, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  await kubectl("create", "-f", file);
}

/** As a service manager would. */
async function supervise(): Promise<void> {
  for (;;) {
    const { code, signal } = await agent.ended;
    if (!stopping && !shot.has(agent.pid)) problems.push(`the agent ended by itself (${signal ?? code}):\n${agent.output().split("\n").slice(-20).join("\n")}`);
    await pause(1_000);
    if (stopping) return;
    agent = startAgent();
  }
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1_000);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
