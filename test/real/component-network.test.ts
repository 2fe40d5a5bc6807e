/** Three devices that only run components, on one network: their pods and Services as anything on that network sees them. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import type { Pod, Service } from "../../core/api/types.gen.ts";
import { kubectlProgram } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type Fleet, type FleetDevice, startFleet } from "../support/fleet.ts";
import { lichen, temporaryDirectory } from "../support/lichen.ts";
import { startProgram } from "../support/program.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const possible = process.getuid?.() === 0;
const serial = possible ? test.serial : test.serial.skip;
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let fleet: Fleet;

const NODE_PORT = 30_080;

test.before(async () => {
  if (!possible) return;
  fleet = await startFleet(whole, { directory: join(temporaryDirectory(whole), "fleet"), subnet: "10.99.47", clusterCidr: "10.87.0.0/16", machines: ["one", "two", "three"], name: "net", runtimes: "wasi" });
  for (const name of ["hello", "wordcount"]) await lichen(whole, ["push", join(examples, "components", name, `${name}.wasm`), `${name}:1`, "--data-dir", fleet.dataDir]).ended;
  await apply(service("hello", { type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] }), deployment("hello", 3));
  await fleet.kubectl("rollout", "status", "deployment/hello", "--timeout=90s");
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

async function apply(...items: readonly object[]): Promise<void> {
  const file = join(temporaryDirectory(whole), "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await fleet.kubectl("apply", "-f", file);
}

const helloContainer = { name: "hello", image: "registry.lichen.internal/hello:1", ports: [{ containerPort: 8080 }], env: [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }, { name: "GREETING", value: "hello" }] };

/** One on each device. */
const deployment = (app: string, replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: app },
  spec: {
    replicas,
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: {
        runtimeClassName: "wasi",
        containers: [{ ...helloContainer, readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 } }],
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app } } }],
      },
    },
  },
});

const service = (app: string, spec: object = {}) => ({ apiVersion: "v1", kind: "Service", metadata: { name: app }, spec: { selector: { app }, ports: [{ port: 80, targetPort: 8080 }], ...spec } });

const podsOf = async (app: string) => (await fleet.kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", `app=${app}`)).items;
const curl = ({ machine }: FleetDevice, url: string) => machine.run("curl", "-sS", "--fail", "--max-time", "10", url);

async function only(device: FleetDevice): Promise<Pod> {
  const pod = (await podsOf("hello")).find(({ spec }) => spec?.nodeName === device.node);
  if (pod === undefined) throw new Error(`no pod on ${device.node}`);
  return pod;
}

serial("each component has an address of its node's range, and every device reaches it (needs root)", async (t) => {
  for (const at of fleet.devices) {
    const pod = await only(at);
    const ip = pod.status?.podIP ?? "";
    t.is(ip.replace(/\d+$/, "0/24"), at.podCidr);
    t.true(Number(ip.split(".")[3]) >= 128, "containers have the lower half");
    t.is(pod.status?.hostIP, at.machine.address);
    for (const from of fleet.devices) t.is(await curl(from, `http://${ip}:8080/`), `hello from ${pod.metadata.name}\n`);
  }
});

serial("a component in its node's network has the node's address", async (t) => {
  const [one, two] = fleet.devices;
  if (one === undefined || two === undefined) return t.fail();
  const spec = { nodeName: two.node, runtimeClassName: "wasi", hostNetwork: true, containers: [{ ...helloContainer, ports: [{ containerPort: 18_080 }] }] };
  await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "inside" }, spec });
  await fleet.kubectl("wait", "pod", "inside", "--for=condition=Ready", "--timeout=60s");
  t.is((await fleet.kubectl.json<Pod>("get", "pod", "inside")).status?.podIP, two.machine.address);
  t.is(await curl(one, `http://${two.machine.address}:18080/`), "hello from inside\n");
});

serial("kubectl logs, exec and port-forward reach a component wherever it runs", async (t) => {
  const [, , three] = fleet.devices;
  if (three === undefined) return t.fail();
  const { name = "" } = (await only(three)).metadata;
  await t.notThrowsAsync(fleet.kubectl("logs", name));
  const program = startProgram({ command: await kubectlProgram("1.36"), args: ["port-forward", `pod/${name}`, ":8080"], env: { ...process.env, KUBECONFIG: join(fleet.dataDir, "kubeconfig"), HOME: "/nonexistent" } });
  t.teardown(() => program.stop());
  const [, port = "0"] = await program.says(/^Forwarding from 127\.0\.0\.1:(\d+)/);
  t.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), `hello from ${name}\n`);
  const missing = await t.throwsAsync(fleet.kubectl("exec", name, "--", "no-such-function"));
  t.regex(missing?.message ?? "", /exports no function|127/);
});

/** Names of the pods that answer. */
async function answering(from: FleetDevice, url: string, requests = 24): Promise<ReadonlySet<string>> {
  const all = await from.machine.run("curl", "-sS", "--fail", "--max-time", "10", ...Array.from({ length: requests }, () => ["--next", "-sS", "--fail", "--max-time", "10", "-H", "Connection: close", url]).flat().slice(1));
  return new Set(all.trim().split("\n").map((line) => line.replace("hello from ", "")));
}

serial("a Service leads to all its pods, by its address and by its node port, from every device", async (t) => {
  const names = (await podsOf("hello")).map(({ metadata }) => metadata.name ?? "").toSorted();
  const { spec } = await fleet.kubectl.json<Service>("get", "service", "hello");
  for (const from of fleet.devices) {
    for (const url of [`http://${spec?.clusterIP}/`, `http://${from.machine.address}:${NODE_PORT}/`]) {
      await eventually(`${url} on ${from.node}`, async () => (await answering(from, url)).size === names.length);
      t.deepEqual([...(await answering(from, url, 48))].toSorted(), names);
    }
  }
  // from outside of the cluster
  for (const { machine } of fleet.devices) t.regex(await (await fetch(`http://${machine.address}:${NODE_PORT}/`)).text(), /^hello from hello-/);
});

serial("a Service without endpoints refuses at once", async (t) => {
  const [one] = fleet.devices;
  if (one === undefined) return t.fail();
  await apply(service("nobody"));
  const { spec } = await fleet.kubectl.json<Service>("get", "service", "nobody");
  const error = await eventually("the refusal", async () => {
    const failed = await curl(one, `http://${spec?.clusterIP}/`).catch((reason: unknown) => String(reason));
    // 7: it could not connect; 28 would be no answer in time
    return failed.includes("(7)") ? failed : undefined;
  });
  t.regex(error, /connect/);
});

const policy = (spec: object) => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "hello" }, spec: { podSelector: { matchLabels: { app: "hello" } }, ...spec } });

/** "ok" or curl's exit code. `from`: an address to send from, as a component would */
const reached = ({ machine }: FleetDevice, url: string, from?: string) =>
  machine.run("curl", "-sS", "--fail", "--max-time", "5", ...(from === undefined ? [] : ["--interface", from]), url).then(() => "ok", (error: { readonly code?: number }) => `curl ${error.code}`);

serial("a NetworkPolicy says who reaches components; their own node always does", async (t) => {
  const [one, two, three] = fleet.devices;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  const url = `http://${(await only(one)).status?.podIP}:8080/`;
  const seen = async () => [await reached(one, url), await reached(two, url), await reached(three, url)];
  const becomes = async (expected: readonly string[]) => {
    await eventually(expected.join(", "), async () => JSON.stringify(await seen()) === JSON.stringify(expected));
    t.deepEqual(await seen(), expected);
  };
  await apply(policy({ policyTypes: ["Ingress"] }));
  await becomes(["ok", "curl 7", "curl 7"]);
  await apply(policy({ policyTypes: ["Ingress"], ingress: [{ from: [{ ipBlock: { cidr: `${two.machine.address}/32` } }], ports: [{ port: 8080 }] }] }));
  await becomes(["ok", "ok", "curl 7"]);
  await apply(policy({ policyTypes: ["Ingress"], ingress: [{ from: [{ ipBlock: { cidr: `${two.machine.address}/32` } }], ports: [{ port: 9090 }] }] }));
  await becomes(["ok", "curl 7", "curl 7"]);
  await fleet.kubectl("delete", "networkpolicy", "hello");
  await becomes(["ok", "ok", "ok"]);
});

serial("a NetworkPolicy names pods, wherever they run, and says where a component may connect", async (t) => {
  const [one, two, three] = fleet.devices;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  const [from = "", friend = "", stranger = ""] = await Promise.all([one, two, three].map(async (device) => (await only(device)).status?.podIP ?? ""));
  const { name = "" } = (await only(two)).metadata;
  await fleet.kubectl("label", "pod", name, "tier=friend");
  await apply(policy({ policyTypes: ["Egress"], egress: [{ to: [{ podSelector: { matchLabels: { tier: "friend" } } }], ports: [{ port: 8080 }] }] }));
  await eventually("only the friend is reached", async () => (await reached(one, `http://${stranger}:8080/`, from)) === "curl 7" && (await reached(one, `http://${friend}:8080/`, from)) === "ok");
  await fleet.kubectl("label", "pod", name, "tier-");
  await eventually("nobody is reached", async () => (await reached(one, `http://${friend}:8080/`, from)) === "curl 7");
  t.is(await reached(one, `http://${friend}:8080/`), "ok", "the node itself is not the pod");
  await fleet.kubectl("delete", "networkpolicy", "hello");
  await eventually("everybody is reached", async () => (await reached(one, `http://${stranger}:8080/`, from)) === "ok");
});

serial("an agent that ends with its pods leaves no address", async (t) => {
  const [one] = fleet.devices;
  if (one === undefined) return t.fail();
  const links = () => one.machine.run("ip", "-o", "link", "show").then((text) => text.includes("lichen-"));
  t.true(await links());
  await one.agent.stop();
  t.false(await links());
  t.notRegex(await one.machine.run("nft", "list", "tables"), /lichen/);
  t.notRegex(await one.machine.run("ip", "route", "show", "table", "local"), /10\.87\./);
});
