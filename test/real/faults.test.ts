/**
 * What happens when parts die: a component's host process, the server, an agent while the server is away, a whole device.
 * Server and devices are separate programs here, as in the field.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, type Teardown, temporaryDirectory } from "../support/lichen.ts";
import type { Program } from "../support/program.ts";

const examples = resolve(import.meta.dirname, "../../examples");

interface Site {
  readonly directory: string;
  readonly kubectl: Kubectl;
  readonly server: () => Program;
  restartServer(): Promise<void>;
  /** enrolls a device and runs it; with `drain` its workloads end with it */
  device(name: string, options?: Drain): Promise<Program>;
  /** runs the agent of a device that is enrolled already */
  agent(name: string, options?: Drain): Program;
}

interface Drain {
  readonly drain: boolean;
}

/** A server on fixed ports, so that it can come back, and devices that find it again. */
async function site(t: Teardown): Promise<Site> {
  const dataDir = temporaryDirectory(t);
  const [port, mqttPort] = [await freePort(), await freePort()];
  const start = async () => {
    const program = lichen(t, ["server", "--data-dir", join(dataDir, "server"), "--port", String(port), "--mqtt-port", String(mqttPort)]);
    await program.says(/^ready /);
    return program;
  };
  let server = await start();
  const serverDir = join(dataDir, "server");
  const kubectl = await kubectlFor(join(serverDir, "kubeconfig"));
  for (const name of ["hello", "ticker"]) {
    const { code } = await lichen(t, ["push", join(examples, "components", name, `${name}.wasm`), `${name}:1`, "--data-dir", serverDir]).ended;
    if (code !== 0) throw new Error("push failed");
  }
  const agent = (name: string, { drain }: Drain = { drain: true }, env: NodeJS.ProcessEnv = {}) =>
    lichen(t, ["agent", "--server", `https://127.0.0.1:${port}`, "--name", name, "--data-dir", join(dataDir, name), "--runtimes", "wasi", ...(drain ? ["--drain-on-exit"] : [])], env);
  return {
    directory: dataDir,
    kubectl,
    server: () => server,
    async restartServer() {
      server = await start();
    },
    agent,
    async device(name, options) {
      const create = lichen(t, ["token", "create", "--data-dir", serverDir]);
      const [token = ""] = await create.says(/^[0-9a-f]{64}\..*$/);
      const program = agent(name, options, { LICHEN_TOKEN: token });
      await program.says(/^ready/);
      return program;
    },
  };
}

const podsOf = async (kubectl: Kubectl, app: string) => (await kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", `app=${app}`)).items;
const restartsOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
const startOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.running?.startedAt;
const nodeCondition = async (kubectl: Kubectl, name: string) =>
  (await kubectl.json<Node>("get", "node", name)).status?.conditions?.find((condition) => condition.type === "Ready")?.status;

/** Pids of the host processes of components below a directory: each holds its log there open. */
function hostProcesses(directory: string): readonly number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      if (readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("lichen.js")) return [];
      const open = readdirSync(`/proc/${entry}/fd`).some((fd) => readlinkSync(`/proc/${entry}/fd/${fd}`).startsWith(`${directory}/`));
      return open ? [Number(entry)] : [];
    } catch {
      return []; // it ended meanwhile, or is not ours to look at
    }
  });
}

test("a component whose host process is killed runs again, and the device counts the restart", async (t) => {
  const { kubectl, device, directory } = await site(t);
  await device("one");
  await kubectl("apply", "-f", join(examples, "ticker.yaml"));
  await kubectl("rollout", "status", "deployment/ticker", "--timeout=60s");
  const [pid] = hostProcesses(directory);
  t.truthy(pid);
  process.kill(pid ?? 0, "SIGKILL");
  const pod = await eventually("the component runs again", async () => {
    const [found] = await podsOf(kubectl, "ticker");
    return found !== undefined && restartsOf(found) === 1 && startOf(found) !== undefined ? found : undefined;
  });
  const last = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
  t.is(last?.exitCode, 137);
  const seconds = (Date.parse(startOf(pod) ?? "") - Date.parse(last?.finishedAt ?? "")) / 1000;
  t.log(`running again after ${seconds} s`);
});

test("a server that is killed comes back with everything it acknowledged, and no workload restarts", async (t) => {
  const { kubectl, device, server, restartServer, directory } = await site(t);
  await device("one");
  await kubectl("apply", "-f", join(examples, "ticker.yaml"), "-f", join(examples, "hello.yaml"));
  await kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  await kubectl("rollout", "status", "deployment/ticker", "--timeout=60s");
  const before = [...(await podsOf(kubectl, "hello")), ...(await podsOf(kubectl, "ticker"))];
  const processes = hostProcesses(directory);
  t.is(processes.length, 3);
  const acknowledged: string[] = [];
  for (let index = 0; index < 20; index++) acknowledged.push((await kubectl("create", "configmap", `kept-${index}`, "--from-literal=a=b", "-o", "name")).trim());
  await server().stop("SIGKILL");
  t.deepEqual(hostProcesses(directory), processes);
  await restartServer();
  const names = (await kubectl("get", "configmaps", "-o", "name")).split("\n");
  t.deepEqual(acknowledged.filter((name) => !names.includes(name)), []);
  await eventually("the device is Ready again", async () => (await nodeCondition(kubectl, "one")) === "True");
  await kubectl("scale", "deployment/hello", "--replicas=3");
  await kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  const after = [...(await podsOf(kubectl, "hello")), ...(await podsOf(kubectl, "ticker"))];
  for (const pod of before) {
    const same = after.find((one) => one.metadata.uid === pod.metadata.uid);
    t.is(same?.status?.containerStatuses?.[0]?.containerID, pod.status?.containerStatuses?.[0]?.containerID);
    t.is(same === undefined ? undefined : restartsOf(same), 0);
  }
  t.deepEqual(processes.filter((pid) => !hostProcesses(directory).includes(pid)), []);
});

test("an agent that starts without a server runs its last known workloads", async (t) => {
  const { kubectl, device, agent, server, directory } = await site(t);
  const first = await device("one", { drain: false });
  await kubectl("apply", "-f", join(examples, "ticker.yaml"));
  await kubectl("rollout", "status", "deployment/ticker", "--timeout=60s");
  const running = hostProcesses(directory);
  t.is(running.length, 1);
  await server().stop();
  await first.stop("SIGKILL");
  t.deepEqual(hostProcesses(directory), running);

  // a restart of the agent alone adopts what runs
  const second = agent("one");
  await eventually("the agent is up", () => second.output().includes("starting the agent"));
  t.deepEqual(hostProcesses(directory), running);
  await second.stop("SIGKILL");

  // a reboot: nothing runs any more
  for (const pid of running) process.kill(pid, "SIGKILL");
  await eventually("the workload is gone", () => hostProcesses(directory).length === 0);
  agent("one", { drain: true });
  await eventually("the workload runs without a server", () => hostProcesses(directory).length === 1);
  t.pass();
});

test("pods of a device that is gone run on another one, and nothing runs twice when it is back", async (t) => {
  const { kubectl, device, agent, directory } = await site(t);
  const first = await device("one", { drain: false });
  await kubectl("apply", "-f", join(examples, "hello.yaml"));
  await kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  await device("two");
  await first.stop("SIGKILL");
  await eventually("the device counts as gone", async () => (await nodeCondition(kubectl, "one")) === "Unknown");
  const moved = await eventually("both pods run on the other device", async () => {
    const ready = (await podsOf(kubectl, "hello")).filter((pod) => pod.spec?.nodeName === "two" && startOf(pod) !== undefined);
    return ready.length === 2 ? ready : undefined;
  });
  const again = agent("one", { drain: true });
  await again.says(/^ready/);
  await eventually("what ran on the lost device is stopped and forgotten", async () => {
    const pods = await podsOf(kubectl, "hello");
    return pods.length === 2 && hostProcesses(join(directory, "one")).length === 0;
  });
  const after = await podsOf(kubectl, "hello");
  t.deepEqual(after.map((pod) => pod.metadata.uid).toSorted(), moved.map((pod) => pod.metadata.uid).toSorted());
  t.deepEqual(after.map(restartsOf), [0, 0]);
  t.is(hostProcesses(directory).length, 2);
});
