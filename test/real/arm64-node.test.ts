/** Two devices of two architectures on one network: each runs its own form of one image, and arm64 pods land on the arm64 one. */
import { writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { containerdMissing } from "../../edge-agent/runtimes/containerd/daemon.ts";
import { emulateArm64, emulationMissing } from "../support/arm64.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, temporaryDirectory } from "../support/lichen.ts";
import { networkSwitch } from "../support/switch.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const ARM64_ONLY = "registry.lichen.internal/arm64-only:1";
const bin = resolve(import.meta.dirname, "../../core/lichen.js");
const missing = (await containerdMissing()) ?? (await emulationMissing());
const serial = missing === undefined ? test.serial : test.serial.skip;
if (missing !== undefined) test(`skipped: ${missing}`, (t) => t.pass());
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };

let kubectl: Kubectl;

test.before(async () => {
  if (missing !== undefined) return;
  const arm64 = await emulateArm64(whole);
  const directory = temporaryDirectory(whole);
  const dataDir = join(directory, "server");
  const net = await networkSwitch(whole, "10.99.32");
  const [port, mqttPort] = [await freePort(), await freePort()];
  await lichen(whole, ["server", "--data-dir", dataDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--tls-san", net.address, "--cluster-cidr", "10.82.0.0/16"]).says(/^ready /);
  const push = async (name: string, programs: Parameters<typeof busyboxImage>[2]) => {
    const archive = join(dataDir, "image.tar");
    writeFileSync(archive, busyboxImage(`registry.lichen.internal/${name}`, undefined, programs));
    await lichen(whole, ["push", archive, name, "--data-dir", dataDir]).ended;
  };
  await push("busybox:1", { amd64: "/bin/busybox", arm64: arm64.busybox });
  await push("arm64-only:1", { arm64: arm64.busybox });
  kubectl = await kubectlFor(join(dataDir, "kubeconfig"));
  const [token = ""] = await lichen(whole, ["token", "create", "--data-dir", dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const agent = async (name: string, node: string, env: NodeJS.ProcessEnv) => {
    const machine = await net.machine(name);
    const args = ["agent", "--server", `https://${net.address}:${port}`, "--name", name, "--data-dir", join(directory, name), "--runtimes", "containerd", "--drain-on-exit"];
    const program = machine.start(node, [bin, ...args], { LICHEN_TOKEN: token, LICHEN_LOG: "info", ...env });
    whole.teardown(() => program.stop());
    await program.says(/^ready/);
  };
  await Promise.all([
    agent("here", process.execPath, {}),
    agent("foreign", arm64.node, { ...arm64.env, PATH: [...arm64.path, process.env["PATH"]].join(delimiter) }),
  ]);
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

const apply = async (object: { readonly metadata: { readonly name: string } }) => {
  const file = join(temporaryDirectory(whole), `${object.metadata.name}.json`);
  writeFileSync(file, JSON.stringify(object));
  await kubectl("apply", "-f", file);
};
const template = (app: string, spec: object) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "main", image: IMAGE, command: ["sh", "-c", "uname -m; exec sleep 3600"] }], ...spec },
});
const workload = (kind: "DaemonSet" | "Deployment", name: string, spec: object, more: object = {}) => ({
  apiVersion: "apps/v1", kind, metadata: { name }, spec: { selector: { matchLabels: { app: name } }, template: template(name, spec), ...more },
});
const podsOf = async (app: string) => (await kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", `app=${app}`)).items;

serial("each node tells its own architecture", async (t) => {
  const { items } = await kubectl.json<{ items: readonly Node[] }>("get", "nodes");
  const told = items.map(({ metadata, status }) => [metadata.name, status?.nodeInfo?.architecture, metadata.labels?.["kubernetes.io/arch"]]);
  t.deepEqual(told.toSorted(), [["foreign", "arm64", "arm64"], ["here", "amd64", "amd64"]]);
  await kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=60s");
});

serial("from an image for both, each node takes its own", async (t) => {
  await apply(workload("DaemonSet", "both", {}));
  await kubectl("rollout", "status", "daemonset/both", "--timeout=120s");
  const pods = await podsOf("both");
  const words = await Promise.all(pods.map(async ({ metadata, spec }) => [spec?.nodeName, (await kubectl("logs", metadata.name ?? "")).trim()]));
  t.deepEqual(words.toSorted(), [["foreign", "aarch64"], ["here", "x86_64"]]);
});

serial("a node selector brings pods to the arm64 node, with logs, exec, copies and ports like anywhere", async (t) => {
  const nodeSelector = { "kubernetes.io/arch": "arm64" };
  await apply(workload("Deployment", "chosen", { nodeSelector }, { replicas: 2 }));
  await kubectl("rollout", "status", "deployment/chosen", "--timeout=120s");
  const pods = await podsOf("chosen");
  t.deepEqual(pods.map(({ spec }) => spec?.nodeName), ["foreign", "foreign"]);
  t.is(await kubectl("logs", "deployment/chosen"), "aarch64\n");
  t.is(await kubectl("exec", "deployment/chosen", "--", "uname", "-m"), "aarch64\n");
  await t.throwsAsync(kubectl("exec", "deployment/chosen", "--", "sh", "-c", "exit 7"), { message: /exit code 7/ });
  const file = join(temporaryDirectory(t), "data");
  writeFileSync(file, "over the wire\n");
  const [name = ""] = pods.map(({ metadata }) => metadata.name);
  await kubectl("cp", file, `${name}:/tmp/data`);
  t.is(await kubectl("exec", name, "--", "cat", "/tmp/data"), "over the wire\n");
});

serial("an image for arm64 alone runs there and is refused elsewhere", async (t) => {
  const only = (name: string, nodeName: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { restartPolicy: "Never", nodeName, containers: [{ name: "main", image: ARM64_ONLY, command: ["uname", "-m"] }] } });
  await apply(only("fits", "foreign"));
  await apply(only("misfit", "here"));
  const status = async (name: string) => (await kubectl.json<Pod>("get", "pod", name)).status;
  await eventually("it has ended", async () => (await status("fits"))?.phase === "Succeeded", 60_000);
  t.is(await kubectl("logs", "fits"), "aarch64\n");
  const waiting = await eventually("it waits for an image", async () => (await status("misfit"))?.containerStatuses?.[0]?.state?.waiting?.message, 60_000);
  t.regex(waiting, /no match for platform/);
});
