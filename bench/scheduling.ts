/**
 * Pods per second through the whole system (budgets P1 to P3): 5,000 nodes, 1,000 pods first, then the measured pods,
 * created over HTTPS with 32 connections on a durable store; from the first create until a watch has seen the last one
 * bound. The workloads are those of Kubernetes' scheduler_perf.
 *
 *   node bench/scheduling.ts [workload …] [nodes=5000] [pods=10000] [rounds=1]
 */
import { openConnection } from "./support/connection.ts";
import { watchBoundPods } from "./support/bound-pods.ts";
import { openLoad } from "./support/load.ts";
import { line, median, numberArgument, printLoad, selected } from "./support/print.ts";
import { cpuSeconds, mainThreadSeconds } from "./support/process-cost.ts";
import { startServerProcess, temporaryDirectory } from "./support/server-process.ts";
import { HOSTNAME, nodeBodies, podBodies, type PodShape, ZONE } from "./support/workloads.ts";

const NODES = numberArgument("nodes", 5_000);
const FIRST = 1_000;
const PODS = numberArgument("pods", 10_000);
const ROUNDS = numberArgument("rounds", 1);

interface Workload {
  readonly name: string;
  readonly anchor: string;
  readonly zones?: readonly string[];
  readonly nodeResources?: Readonly<Record<string, string>>;
  /** measured pods, when the node count allows no more than these */
  readonly pods?: number;
  /** pods of the first 1,000; without it they are like the measured ones */
  readonly first?: PodShape;
  readonly shape: PodShape;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
}

const matchLabels = (color: string) => ({ labelSelector: { matchLabels: { color } } });
const one = ["zone1"];
const moons = ["moon-1", "moon-2", "moon-3"];

const workloads: readonly Workload[] = [
  { name: "basic", anchor: "Kubernetes 1.36 on this machine 480-490; budget 2,400", shape: {} },
  {
    name: "affinity",
    anchor: "CI gate of Kubernetes 35; budget 2,000",
    shape: { labels: { color: "blue" }, spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: ZONE, ...matchLabels("blue") }] } } } },
  },
  {
    name: "anti-affinity",
    anchor: "CI gate of Kubernetes 60; budget 2,000",
    // one green pod per node
    pods: Math.min(PODS, NODES - FIRST),
    shape: { labels: { color: "green" }, spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOSTNAME, ...matchLabels("green") }] } } } },
  },
  {
    name: "spreading",
    anchor: "CI gate of Kubernetes 160; budget 2,000",
    zones: moons,
    first: {},
    shape: { labels: { color: "blue" }, spec: { topologySpreadConstraints: [{ maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", ...matchLabels("blue") }] } },
  },
  {
    name: "extended-resources",
    anchor: "CI gate of Kubernetes 180; budget 2,000",
    nodeResources: { "example.com/device": "110" },
    shape: { resources: { cpu: "100m", memory: "500Mi", "example.com/device": "1" } },
  },
  {
    name: "namespace-selector-anti-affinity",
    anchor: "CI gate of Kubernetes 24; budget 2,000",
    pods: Math.min(PODS, NODES - FIRST),
    namespaceLabels: { team: "devops" },
    shape: {
      labels: { color: "green" },
      spec: {
        affinity: {
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOSTNAME, ...matchLabels("green"), namespaceSelector: { matchLabels: { team: "devops" } } }] },
        },
      },
    },
  },
];

const NAMESPACE = "bench";
const POLL_MS = 500;
/** 4 × 900m of 4 CPUs; 3000m fit when three of them are gone. */
const LOW_PER_NODE = 4;
const VICTIMS_PER_NODE = 3;

async function run({ zones = one, nodeResources, pods = PODS, first, shape, namespaceLabels = {} }: Workload): Promise<{ rate: number; cpu: number; main: number }> {
  using directory = temporaryDirectory();
  const server = await startServerProcess(directory.path);
  try {
    const load = await openLoad(server.access);
    await load.create("/api/v1/namespaces", [JSON.stringify({ metadata: { name: NAMESPACE, labels: namespaceLabels } })]);
    await load.create("/api/v1/nodes", nodeBodies(NODES, zones, nodeResources));
    await untilSettled(server.access);
    const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
    const seen = await watchBoundPods(server.access, "0", NAMESPACE);
    await load.create(path, podBodies(FIRST, first ?? shape));
    await seen.reached(FIRST);
    const bodies = podBodies(pods, shape);
    const before = { cpu: cpuSeconds([server.pid]), main: mainThreadSeconds(server.pid) };
    const started = performance.now();
    const [ended] = await Promise.all([seen.reached(FIRST + pods), load.create(path, bodies)]);
    const rate = (pods / (ended - started)) * 1_000;
    const cpu = (cpuSeconds([server.pid]) - before.cpu) / pods;
    const main = (mainThreadSeconds(server.pid) - before.main) / pods;
    seen.close();
    load.close();
    return { rate, cpu: cpu * 1e6, main: main * 1e6 };
  } finally {
    await server.stop();
  }
}

/** The namespace takes pods, and controllers have taken the taint of a newborn off every node. */
async function untilSettled(access: Parameters<typeof openConnection>[0]): Promise<void> {
  const connection = await openConnection(access);
  for (;;) {
    const { status } = await connection.send("GET", `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`);
    const nodes = await connection.send("GET", "/api/v1/nodes");
    if (status === 200 && !nodes.body.includes('"NoSchedule"')) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  connection.close();
}

/** P3: nodes full of pods of low priority, then pods of high priority, each of which needs the room of three. */
async function preemption(): Promise<void> {
  using directory = temporaryDirectory();
  const server = await startServerProcess(directory.path);
  try {
    const load = await openLoad(server.access);
    await load.create("/api/v1/namespaces", [JSON.stringify({ metadata: { name: NAMESPACE } })]);
    await load.create("/apis/scheduling.k8s.io/v1/priorityclasses", [JSON.stringify({ metadata: { name: "high" }, value: 10 })]);
    await load.create("/api/v1/nodes", nodeBodies(NODES, one));
    await untilSettled(server.access);
    const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
    const seen = await watchBoundPods(server.access, "0", NAMESPACE);
    const low = podBodies(NODES * LOW_PER_NODE, { generateName: "low-", resources: { cpu: "900m", memory: "500Mi" }, spec: { terminationGracePeriodSeconds: 0 } });
    await load.create(path, low);
    await seen.reached(low.length);
    const high = podBodies(NODES, { generateName: "high-", resources: { cpu: "3000m", memory: "500Mi" }, spec: { priorityClassName: "high" } });
    const left = low.length - NODES * VICTIMS_PER_NODE;
    const cpu = cpuSeconds([server.pid]);
    const started = performance.now();
    const ended = seen.only("high-").reached(high.length);
    await load.create(path, high);
    const rate = (high.length / ((await ended) - started)) * 1_000;
    line("scheduling/preemption", rate, "pods/s", "upstream variant does not finish; budget 500");
    line("scheduling/preemption/server-cpu", ((cpuSeconds([server.pid]) - cpu) / high.length) * 1e6, "us/pod", "all threads of the server, three victims per pod");
    line("scheduling/preemption/victims-too-many", left - seen.only("low-").count, "pods", "budget 0");
    seen.close();
    load.close();
  } finally {
    await server.stop();
  }
}

printLoad("at start");
for (const workload of workloads.filter(({ name }) => selected(name))) {
  const rates: number[] = [];
  const costs: number[] = [];
  const mains: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { rate, cpu, main } = await run(workload);
    rates.push(rate);
    costs.push(cpu);
    mains.push(main);
  }
  line(`scheduling/${workload.name}`, median(rates), "pods/s", workload.anchor);
  line(`scheduling/${workload.name}/server-cpu`, median(costs), "us/pod", "all threads of the server");
  line(`scheduling/${workload.name}/main-thread-cpu`, median(mains), "us/pod", "one million divided by it bounds the rate");
}
if (selected("preemption")) await preemption();
printLoad("at end");
