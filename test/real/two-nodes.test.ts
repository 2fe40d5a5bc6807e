/** Two devices on one network, each a namespace with an agent and a containerd of its own: pods reach each other across them. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, temporaryDirectory } from "../support/lichen.ts";
import { type Machine, networkSwitch } from "../support/switch.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const bin = resolve(import.meta.dirname, "../../core/lichen.js");
const run = promisify(execFile);
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };

let kubectl: Kubectl;
let machines: readonly Machine[];
let leftBefore: readonly string[];

/** What a device could leave behind on this machine. */
async function traces(): Promise<readonly string[]> {
  const { stdout: mounts } = await run("cat", ["/proc/mounts"]);
  const { stdout: processes } = await run("ps", ["-eo", "args"]);
  const { stdout: groups } = await run("sh", ["-c", "find /sys/fs/cgroup/*/lichen/two-* -type d -name 'pod*' 2>/dev/null || true"]);
  return [...mounts.split("\n"), ...processes.split("\n"), ...groups.split("\n")].filter((line) => line.includes("lichen-two-nodes") || line.includes("/lichen/two-"));
}

test.before(async () => {
  if (!possible) return;
  leftBefore = await traces();
  const directory = join(temporaryDirectory(whole), "lichen-two-nodes");
  const dataDir = join(directory, "server");
  const net = await networkSwitch(whole, "10.99.31");
  machines = [await net.machine("one"), await net.machine("two")];
  const [port, mqttPort] = [await freePort(), await freePort()];
  await lichen(whole, ["server", "--data-dir", dataDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--tls-san", net.address, "--cluster-cidr", "10.81.0.0/16"]).says(/^ready /);
  const archive = join(dataDir, "busybox.tar");
  writeFileSync(archive, busyboxImage(IMAGE));
  await lichen(whole, ["push", archive, "busybox:1", "--data-dir", dataDir]).ended;
  kubectl = await kubectlFor(join(dataDir, "kubeconfig"));
  const [token = ""] = await lichen(whole, ["token", "create", "--data-dir", dataDir]).says(/^[0-9a-f]{64}\..*$/);
  await Promise.all(
    machines.map(async (machine) => {
      const program = machine.start(process.execPath, [bin, "agent", "--server", `https://${net.address}:${port}`, "--name", `two-${machine.name}`, "--data-dir", join(directory, machine.name), "--runtimes", "containerd", "--drain-on-exit"], { LICHEN_TOKEN: token, LICHEN_LOG: "info" });
      whole.teardown(() => program.stop());
      await program.says(/^ready/);
    }),
  );
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

const nodeOf = (machine: Machine) => kubectl.json<Node>("get", "node", `two-${machine.name}`);
const podOf = (name: string) => kubectl.json<Pod>("get", "pod", name);

async function start(name: string, machine: Machine, spec: object): Promise<Pod> {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { nodeName: `two-${machine.name}`, terminationGracePeriodSeconds: 0, ...spec } };
  const file = join(temporaryDirectory(whole), `${name}.json`);
  writeFileSync(file, JSON.stringify(pod));
  await kubectl("apply", "-f", file);
  await kubectl("wait", "pod", name, "--for=condition=Ready", "--timeout=60s");
  return podOf(name);
}

const web = (port: number, more: object = {}) => ({ name: "web", image: IMAGE, command: ["sh", "-c", `mkdir /w; hostname > /w/i; exec httpd -f -p ${port} -h /w`], ...more });

serial("each node has a range of its own, and the pods of both reach each other (needs root and containerd)", async (t) => {
  const [one, two] = machines;
  if (one === undefined || two === undefined) return t.fail();
  const ranges = await Promise.all(machines.map((machine) => eventually("the node has a range", async () => (await nodeOf(machine)).spec?.podCIDR)));
  t.is(new Set(ranges).size, 2);
  // the network between the nodes is the site's affair: here each knows the way to the other's pods
  await one.run("ip", "route", "add", ranges[1] ?? "", "via", two.address);
  await two.run("ip", "route", "add", ranges[0] ?? "", "via", one.address);
  const here = await start("here", one, { containers: [web(8080)] });
  const there = await start("there", two, { containers: [web(8080)] });
  for (const [pod, range, machine] of [[here, ranges[0], one], [there, ranges[1], two]] as const) {
    t.true(pod.status?.podIP?.startsWith((range ?? "").replace(/0\/24$/, "")), `${pod.status?.podIP} is in ${range}`);
    t.deepEqual(pod.status?.hostIPs, [{ ip: machine.address }]);
    t.is(pod.status?.hostIP, machine.address);
  }
  t.is(await kubectl("exec", "here", "--", "wget", "-qO-", `http://${there.status?.podIP}:8080/i`), "there\n");
  t.is(await kubectl("exec", "there", "--", "wget", "-qO-", `http://${here.status?.podIP}:8080/i`), "here\n");
});

serial("a host port answers on the node's address, from the other node too", async (t) => {
  const [one, two] = machines;
  if (one === undefined || two === undefined) return t.fail();
  await start("published", two, { containers: [web(8080, { ports: [{ containerPort: 8080, hostPort: 18_980 }] })] });
  t.is(await kubectl("exec", "here", "--", "wget", "-qO-", `http://${two.address}:18980/i`), "published\n");
  t.is(await one.run("curl", "-sS", "--max-time", "10", `http://${two.address}:18980/i`), "published\n");
  await kubectl("delete", "pod", "published", "--now");
  await t.throwsAsync(one.run("curl", "-sS", "--max-time", "5", `http://${two.address}:18980/i`));
});

serial("a pod in the node's network has the node's address", async (t) => {
  const [, two] = machines;
  if (two === undefined) return t.fail();
  const pod = await start("inside", two, { hostNetwork: true, containers: [web(18_981)] });
  t.is(pod.status?.podIP, two.address);
  t.regex(await kubectl("exec", "here", "--", "wget", "-qO-", `http://${two.address}:18981/i`), /\S/);
});

serial("nothing is left of pods and agents", async (t) => {
  await kubectl("delete", "pods", "--all", "--now");
  for (const close of closing.splice(0).toReversed()) await close();
  t.deepEqual(await traces(), leftBefore);
});
