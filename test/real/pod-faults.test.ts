/** Pods that mean harm or are broken, on real containerd: each is told what is wrong with it, the one beside it goes on, and nothing is left. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Container, Node, Pod, PodSpec, PodStatus } from "../../core/api/types.gen.ts";
import { ociArchive } from "../../edge-agent/runtimes/containerd/oci-archive.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { left, type Traces, traces } from "../support/device-traces.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";
import { oddImage } from "../support/odd-image.ts";

const REGISTRY = "registry.lichen.internal";
const IMAGE = `${REGISTRY}/busybox:1`;
const run = promisify(execFile);
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let up: Up;
let kubectl: Kubectl;
let device: string;
let before: Traces;

const main = (script: string, more: Partial<Container> = {}): Container => ({ name: "main", image: IMAGE, command: ["sh", "-c", script], ...more });
const status = async (name: string): Promise<PodStatus> => (await kubectl.json<Pod>("get", "pod", name)).status ?? {};
const reaches = (name: string, what: string, holds: (status: PodStatus) => boolean) => eventually(`${name}: ${what}`, async () => {
  const found = await status(name);
  return holds(found) ? found : undefined;
});
const ready = ({ conditions = [] }: PodStatus) => conditions.some(({ type, status: value }) => type === "Ready" && value === "True");
const events = (name: string) => kubectl("get", "events", "--field-selector", `involvedObject.name=${name}`, "-o", "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}");
const told = (name: string, what: RegExp) =>
  eventually(`${name} is told ${what}`, async () => {
    const text = await events(name);
    if (!what.test(text)) throw new Error(text);
    return true;
  });

async function create(name: string, spec: Partial<PodSpec>, metadata: Pod["metadata"] = {}): Promise<void> {
  const file = join(up.dataDir, `${name}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name }, spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, ...spec } }));
  await kubectl("create", "-f", file);
}

async function onDevice(): Promise<Traces> {
  const [node] = (await kubectl.json<{ items: readonly Node[] }>("get", "nodes")).items;
  const all = await traces({ directory: device, name: node?.metadata.name ?? "", network: "10.84." });
  // these are told of for the whole machine
  return Object.fromEntries(Object.entries(all).filter(([kind]) => kind !== "sockets of shims"));
}

async function push(data: Buffer, name: string): Promise<void> {
  const archive = join(up.dataDir, "image.tar");
  writeFileSync(archive, data);
  const { code } = await lichen(whole, ["push", archive, name, "--data-dir", up.dataDir]).ended;
  if (code !== 0) throw new Error(`push ${name} failed`);
}

test.before(async () => {
  if (!possible) return;
  up = await lichenUp(whole, { devices: ["containerd"], dataDir: temporaryDirectory(whole), args: ["--cluster-cidr", "10.84.0.0/16"] });
  device = join(up.dataDir, "devices", "containerd");
  kubectl = await kubectlFor(up.kubeconfig);
  await push(busyboxImage(IMAGE), "busybox:1");
  await create("steady", { containers: [main("sleep 3600")] });
  await reaches("steady", "runs", ready);
  before = await onDevice();
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

serial("annotations that runtimes and agents obey change nothing but their own pod", async (t) => {
  const containers = [main("hostname; sleep 3600")];
  await create("untrusted", { containers }, { annotations: { "io.kubernetes.cri.untrusted-workload": "true" } });
  await create("pretender", { containers }, {
    labels: { "io.kubernetes.pod.uid": "other", "io.kubernetes.pod.name": "other", "lichen.dev/device": "other" },
    annotations: { "lichen.dev/log-directory": "/etc", "lichen.dev/hostname": "other", "io.kubernetes.container.hash": "x", "io.kubernetes.cri.container-type": "sandbox", "x/large": "x".repeat(200_000) },
  });
  await told("untrusted", /^FailedCreatePodSandBox: Failed to create pod sandbox: .*untrusted/m);
  await reaches("pretender", "runs", ready);
  t.is(await kubectl("logs", "pretender"), "pretender\n");
  t.is((await status("pretender")).containerStatuses?.[0]?.restartCount, 0);
  await kubectl("delete", "pod", "untrusted", "pretender", "--now");
});

serial("a probe that never returns fails in its time, leaves no commands behind, and holds up nobody", async (t) => {
  const probe = { periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 };
  await create("stuck", {
    containers: [
      main("sleep 3600", { livenessProbe: { exec: { command: ["sleep", "7777"] }, ...probe } }),
      // the command ends, what it started holds its output open
      main("sleep 3600", { name: "forks", livenessProbe: { exec: { command: ["sh", "-c", "sleep 8888 & exit 0"] }, ...probe } }),
      main("nc -l -p 8080 -e sleep 3600", { name: "mute", readinessProbe: { httpGet: { port: 8080, path: "/" }, ...probe } }),
    ],
  });
  await told("stuck", /^Unhealthy: Liveness probe failed: command timed out: "sleep 7777" timed out after 1s/m);
  await told("stuck", /^Unhealthy: Readiness probe failed: /m);
  const { containerStatuses = [] } = await reaches("stuck", "is restarted", (found) => (found.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  t.false(containerStatuses.find(({ name }) => name === "mute")?.ready);
  await kubectl("delete", "pod", "stuck", "--now");
  const commands = async () => (await run("ps", ["-eo", "args"])).stdout.split("\n").filter((line) => /^sleep (7777|8888)$/.test(line));
  await eventually("no command of a probe runs", async () => (await commands()).length === 0);
  t.true(ready(await status("steady")));
});

serial("a directory that is swapped for a link while it is mounted shows its own content or nothing", async (t) => {
  const victims = Array.from({ length: 8 }, (_none, at) => `victim-${at}`);
  const d = [{ name: "d", mountPath: "/d" }];
  await create("swapped", {
    restartPolicy: "Never",
    volumes: [{ name: "d", emptyDir: {} }],
    initContainers: [
      main("mkdir /d/real; touch /d/real/mine; ln -s real /d/part", { volumeMounts: d }),
      main("while :; do ln -s /etc /d/x; mv -T /d/x /d/part 2>/dev/null || rm -rf /d/x; ln -s real /d/y; mv -T /d/y /d/part 2>/dev/null || rm -rf /d/y; done", { name: "swapper", restartPolicy: "Always", volumeMounts: d }),
    ],
    containers: victims.map((name) => main("ls /part >/dev/termination-log", { name, volumeMounts: [{ name: "d", mountPath: "/part", subPath: "part" }] })),
  });
  const { containerStatuses = [] } = await reaches("swapped", "tells", (found) => (found.containerStatuses ?? []).length === victims.length
    && (found.containerStatuses ?? []).every(({ state }) => state?.terminated !== undefined || state?.waiting?.reason === "CreateContainerConfigError"));
  for (const { name, state } of containerStatuses) {
    if (state?.terminated !== undefined) t.is(state.terminated.message, "mine\n", name);
    else t.regex(state?.waiting?.message ?? "", /^failed to prepare subPath for volumeMount "d" of container/);
  }
  await kubectl("delete", "pod", "swapped", "--now");
});

serial("images that are damaged, or no images of programs, say so", async (t) => {
  const plain = (name: string, config: object) => ociArchive({ reference: `${REGISTRY}/${name}:1`, config, platforms: [{ architecture: process.arch === "arm64" ? "arm64" : "amd64", files: [{ path: "spec.dump", data: Buffer.from("{}") }] }] });
  await push(oddImage(plain("damaged", { Cmd: ["/x"] }), { layer: Buffer.from("this was a layer once") }), "damaged:1");
  await push(oddImage(plain("checkpoint", {}), { annotations: { "org.criu.checkpoint.container.name": "main", "org.criu.checkpoint.engine.name": "containerd", "io.kubernetes.cri-o.annotations.checkpoint.name": "main" } }), "checkpoint:1");
  for (const name of ["damaged", "checkpoint"]) await create(name, { containers: [{ name: "main", image: `${REGISTRY}/${name}:1` }] });
  await told("damaged", /^Failed: Failed to pull image ".*damaged:1": .*(extract layer|gzip|tar|EOF)/m);
  await reaches("damaged", "waits", ({ containerStatuses = [] }) => /^(ErrImagePull|ImagePullBackOff)$/.test(containerStatuses[0]?.state?.waiting?.reason ?? ""));
  await told("checkpoint", /^Failed: Error: .*(no command specified|checkpoint)/m);
  await reaches("checkpoint", "waits", ({ containerStatuses = [] }) => containerStatuses[0]?.state?.waiting?.reason === "CreateContainerError");
  await kubectl("delete", "pod", "damaged", "checkpoint", "--now");
  t.pass();
});

serial("after all of this the device is as it was: one pod, never restarted, and nothing of the others", async (t) => {
  let rest: readonly string[] = [];
  await eventually("nothing is left of the others", async () => (rest = left(before, await onDevice())).length === 0).catch(() => {});
  t.deepEqual(rest, []);
  t.is((await status("steady")).containerStatuses?.[0]?.restartCount, 0);
  const [node] = (await kubectl.json<{ items: readonly Node[] }>("get", "nodes")).items;
  t.is(node?.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
});
