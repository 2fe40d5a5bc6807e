/**
 * Three devices that only run components, a Service over them under the load of wrk(1), and one device loses its power.
 * Says what clients notice: until its endpoint is gone, and that nothing fails from then on. "Gone" is the moment at which
 * no EndpointSlice lists it as ready and no device that is left leads to it. Needs root; takes about two minutes.
 *
 *   npm run device-loss [-- --connections 30]
 *
 * Prints one line per figure and ends with 1 when a request failed after the endpoint was gone.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { EndpointSlice, Pod, Service } from "../../core/api/types.gen.ts";
import { installComponents } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type FleetDevice, startFleet } from "../support/fleet.ts";
import { lichen, temporaryDirectory } from "../support/lichen.ts";
import { failed, type Load, wrk } from "../support/wrk.ts";

const BEFORE_SECONDS = 8;
/** A device is noticed within 15 s (decisions/0011); the rest shows how the same connections go on. */
const ACROSS_SECONDS = 40;
const AFTER_SECONDS = 12;
const NODE_PORT = 30_081;
const LOST_MS = 60_000;
/** Between the start of the load and the loss. */
const UNDER_LOAD_MS = 8_000;

const { values } = parseArgs({ options: { connections: { type: "string", default: "30" } } });
const connections = Number(values.connections);
if (!Number.isInteger(connections) || connections < 1) throw new Error(`--connections ${values.connections}: a number of connections is needed`);
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
const say = (name: string, value: number | string, unit: string) => void process.stdout.write(`${`${name} ${value} ${unit}`.trimEnd()}\n`);

async function close(): Promise<void> {
  for (const end of closing.splice(0).toReversed()) await end();
}
process.once("SIGINT", () => void close().then(() => process.exit(130)));

const service = { apiVersion: "v1", kind: "Service", metadata: { name: "hello" }, spec: { type: "NodePort", selector: { app: "hello" }, ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] } };

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "hello" },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "hello" } },
    template: {
      metadata: { labels: { app: "hello" } },
      spec: {
        runtimeClassName: "wasi",
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "hello" } } }],
        containers: [{ name: "hello", image: "registry.lichen.internal/hello:1", ports: [{ containerPort: 8080 }], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 } }],
      },
    },
  },
};

try {
  process.exitCode = (await campaign()) ? 0 : 1;
} finally {
  await close();
}

async function campaign(): Promise<boolean> {
  installComponents();
  const directory = temporaryDirectory(whole);
  const { kubectl, dataDir, devices, net } = await startFleet(whole, { directory: join(directory, "fleet"), subnet: "10.99.48", clusterCidr: "10.88.0.0/16", machines: ["one", "two", "three"], name: "loss", runtimes: "wasi" });
  const client = await net.machine("client");
  await lichen(whole, ["push", resolve(import.meta.dirname, "../../examples/components/hello/hello.wasm"), "hello:1", "--data-dir", dataDir]).ended;
  const file = join(directory, "hello.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: [service, deployment] }));
  await kubectl("apply", "-f", file);
  await kubectl("rollout", "status", "deployment/hello", "--timeout=120s");

  const [one, two, lost] = devices as readonly [FleetDevice, FleetDevice, FleetDevice];
  const left = [one, two];
  const pods = (await kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", "app=hello")).items;
  const address = pods.find(({ spec }) => spec?.nodeName === lost.node)?.status?.podIP ?? "";
  const { spec } = await kubectl.json<Service>("get", "service", "hello");
  const [outside, inside] = [`http://${one.machine.address}:${NODE_PORT}/`, `http://${spec?.clusterIP}/`];
  const rulesOf = ({ machine }: FleetDevice) => machine.run("nft", "list", "ruleset");
  const leadsTo = async (device: FleetDevice) => (await rulesOf(device)).includes(`: ${address} . `);
  await eventually("every device leads to every pod", async () => (await Promise.all(left.map(leadsTo))).every(Boolean));

  show("before", await wrk(client, { url: outside, connections, seconds: BEFORE_SECONDS }));

  const across = wrk(client, { url: outside, connections, seconds: ACROSS_SECONDS });
  await new Promise((wait) => setTimeout(wait, UNDER_LOAD_MS));
  const lostAt = performance.now();
  await lost.machine.cutPower();
  await eventually("its endpoint is ready no more", async () => !(await readyAddresses()).includes(address), LOST_MS);
  say("loss_until_slice", ((performance.now() - lostAt) / 1000).toFixed(1), "s");
  await eventually("no device leads to it", async () => !(await Promise.all(left.map(leadsTo))).some(Boolean), LOST_MS);
  say("loss_until_gone", ((performance.now() - lostAt) / 1000).toFixed(1), "s");

  const after = await Promise.all([wrk(client, { url: outside, connections, seconds: AFTER_SECONDS }), wrk(two.machine, { url: inside, connections, seconds: AFTER_SECONDS })]);
  show("across_loss_same_connections", await across);
  show("after_gone_node_port", after[0]);
  show("after_gone_cluster_ip", after[1]);
  return after.every((load) => load.requests > 0 && failed(load) === 0);

  async function readyAddresses(): Promise<readonly string[]> {
    const { items } = await kubectl.json<{ items: readonly EndpointSlice[] }>("get", "endpointslices", "-l", "kubernetes.io/service-name=hello");
    return items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses, conditions }) => (conditions?.ready === false ? [] : addresses)));
  }
}

function show(phase: string, load: Load): void {
  say(`${phase}_requests`, load.requests, "requests");
  say(`${phase}_rate`, load.perSecond, "requests/s");
  say(`${phase}_latency_p50_p99`, `${load.p50} ${load.p99}`, "");
  say(`${phase}_failed`, failed(load), `requests (${load.socketErrors} socket errors, ${load.timeouts} time-outs, ${load.badAnswers} bad answers)`);
}
