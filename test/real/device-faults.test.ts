/** What a device with containers survives: its containerd killed or hung, bad images, a full disk. Other pods go on, and nothing is left. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { ociArchive } from "../../edge-agent/runtimes/containerd/oci-archive.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const run = promisify(execFile);
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
const small = `small-${process.pid}`;
const full = `full-${process.pid}`;
let up: Up;
let kubectl: Kubectl;
let node: string;

const sleeper = ["--image", IMAGE, "--restart=Always", "--command", "--", "sleep", "3600"];
const ready = (name: string) => kubectl("wait", "pod", name, "--for=condition=Ready", "--timeout=90s");
const containerOf = async (name: string) => (await kubectl.json<Pod>("get", "pod", name)).status?.containerStatuses?.[0]?.containerID;
const conditionOf = async (name: string, wanted: string) => (await kubectl.json<Node>("get", "node", name)).status?.conditions?.find(({ type }) => type === wanted);
const containerdPid = () => (JSON.parse(readFileSync(join(up.dataDir, "devices", "containerd", "containerd", "daemon.json"), "utf8")) as { readonly pid: number }).pid;

async function push(file: string, data: Buffer, name: string): Promise<void> {
  const archive = join(up.dataDir, file);
  writeFileSync(archive, data);
  const { code } = await lichen(whole, ["push", archive, name, "--data-dir", up.dataDir]).ended;
  if (code !== 0) throw new Error(`push ${name} failed`);
}

test.before(async () => {
  if (!possible) return;
  up = await lichenUp(whole, { devices: ["containerd"], dataDir: temporaryDirectory(whole), args: ["--cluster-cidr", "10.82.0.0/16"] });
  kubectl = await kubectlFor(up.kubeconfig);
  await push("busybox.tar", busyboxImage(IMAGE), "busybox:1");
  node = (await kubectl.json<{ items: readonly Node[] }>("get", "nodes")).items[0]?.metadata.name ?? "";
  await kubectl("run", "steady", ...sleeper);
  await ready("steady");
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

serial("a killed containerd comes back; pods run on as they were, others start (needs root and containerd)", async (t) => {
  const before = await containerOf("steady");
  const pid = containerdPid();
  process.kill(pid, "SIGKILL");
  await eventually("another containerd runs", () => containerdPid() !== pid);
  await kubectl("run", "after-kill", ...sleeper);
  await ready("after-kill");
  t.is(await containerOf("steady"), before);
  t.is(await kubectl("exec", "steady", "--", "echo", "here"), "here\n");
  await eventually("the node tells of it", async () => /ContainerRuntimeDown.*containerd has ended; it is started again/.test(await kubectl("get", "events", "-A")));
});

serial("a hung containerd makes the node unready and says so; when it moves again all is as before", async (t) => {
  const before = await containerOf("steady");
  const pid = containerdPid();
  process.kill(pid, "SIGSTOP");
  try {
    const condition = await eventually("the node is not ready", async () => {
      const found = await conditionOf(node, "Ready");
      return found?.status === "False" ? found : undefined;
    });
    t.regex(condition.message ?? "", /container runtime is down/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await eventually("the node is ready again", async () => (await conditionOf(node, "Ready"))?.status === "True");
  await ready("steady");
  t.is(await containerOf("steady"), before);
});

serial("images that cannot run say why, and other pods start meanwhile", async (t) => {
  const foreign = process.arch === "arm64" ? "amd64" : "arm64";
  await push("foreign.tar", ociArchive({ reference: "registry.lichen.internal/foreign:1", config: { Cmd: ["/x"] }, platforms: [{ architecture: foreign, files: [{ path: "x", data: Buffer.from("no program"), mode: 0o755 }] }] }), "foreign:1");
  mkdirSync(join(up.dataDir, "devices", "containerd", "images"), { recursive: true });
  writeFileSync(join(up.dataDir, "devices", "containerd", "images", "broken.tar"), "this is no image");
  await kubectl("run", "foreign", "--image=registry.lichen.internal/foreign:1");
  await kubectl("run", "absent", "--image=registry.lichen.internal/absent:1");
  await kubectl("run", "fine", ...sleeper);
  await ready("fine");
  const events = async () => kubectl("get", "events", "-A", "-o", "jsonpath={range .items[*]}{.involvedObject.name} {.reason} {.message}{\"\\n\"}{end}");
  const told = await eventually("all three are told", async () => {
    const text = await events();
    return [/^foreign Failed .*no match for platform/m, /^absent Failed .*not found/m, /^\S+ InvalidImageArchive Image archive broken.tar/m].every((each) => each.test(text)) && text;
  });
  t.regex(told, /^absent Failed Error: ErrImagePull$/m);
  await kubectl("delete", "pod", "foreign", "absent", "--now");
});

serial("a device without room on its disk says so, gives up its pods and takes none", async (t) => {
  const dataDir = join(up.dataDir, "small");
  mkdirSync(dataDir);
  const settings = (share: string) => writeFileSync(join(dataDir, "kubelet.json"), JSON.stringify({ evictionHard: { "nodefs.available": share }, evictionPressureTransitionPeriod: "5s" }));
  settings("0%");
  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", up.dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const agent = (more: readonly string[] = []) => lichen(t, ["agent", "--server", up.url, "--name", small, "--data-dir", dataDir, "--runtimes", "containerd", ...more], { LICHEN_TOKEN: token });
  const first = agent();
  await first.says(/^ready/);
  const place = (name: string) => kubectl("run", name, "--overrides", JSON.stringify({ spec: { nodeName: small, terminationGracePeriodSeconds: 0 } }), ...sleeper);
  await place("squeezed");
  await ready("squeezed");
  await first.stop();
  settings("100%");
  const second = agent(["--drain-on-exit"]);
  await second.says(/^ready/);
  await eventually("the node is under pressure", async () => (await conditionOf(small, "DiskPressure"))?.status === "True");
  const evicted = await eventually("the pod is evicted", async () => {
    const { status } = await kubectl.json<Pod>("get", "pod", "squeezed");
    return status?.reason === "Evicted" ? status : undefined;
  });
  t.is(evicted.phase, "Failed");
  t.regex(evicted.message ?? "", /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+Ki, available: \d+Ki\. /);
  t.like(evicted.conditions?.find(({ type }) => type === "DisruptionTarget"), { status: "True", reason: "TerminationByKubelet" });
  await eventually("the node is tainted", async () => (await kubectl.json<Node>("get", "node", small)).spec?.taints?.some(({ key }) => key === "node.kubernetes.io/disk-pressure"));
  await place("refused");
  const refused = await eventually("another pod is refused", async () => {
    const { status } = await kubectl.json<Pod>("get", "pod", "refused");
    return status?.phase === "Failed" ? status : undefined;
  });
  t.is(refused.reason, "Evicted");
  t.is(refused.message, "Pod was rejected: The node had condition: [DiskPressure]. ");
  await kubectl("delete", "pod", "squeezed", "refused", "--now");
  await second.stop();
});

serial("a device whose disk is full tells why pods do not start, keeps those that run, and goes on when there is room", async (t) => {
  const dataDir = join(up.dataDir, "full");
  mkdirSync(dataDir);
  await run("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", dataDir]);
  t.teardown(() => run("umount", ["-l", dataDir]).catch(() => {}));
  // the disk is to be full, not to be saved from it
  const never = Object.fromEntries(["nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"].map((signal) => [signal, "0%"]));
  writeFileSync(join(dataDir, "kubelet.json"), JSON.stringify({ evictionHard: never, imageGCHighThresholdPercent: 100 }));
  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", up.dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const agent = lichen(t, ["agent", "--server", up.url, "--name", full, "--data-dir", dataDir, "--runtimes", "containerd", "--drain-on-exit"], { LICHEN_TOKEN: token });
  await agent.says(/^ready/);
  const place = (name: string) => kubectl("run", name, "--overrides", JSON.stringify({ spec: { nodeName: full, terminationGracePeriodSeconds: 0 } }), ...sleeper);
  await place("early");
  await ready("early");
  const before = await containerOf("early");
  await run("dd", ["if=/dev/zero", `of=${join(dataDir, "filler")}`, "bs=64k"]).catch(() => {});
  await place("late");
  await eventually("it is told why", async () => /no space left on device/i.test(await kubectl("get", "events", "--field-selector", "involvedObject.name=late")));
  await ready("early");
  await run("rm", [join(dataDir, "filler")]);
  await ready("late");
  t.is(await containerOf("early"), before);
  t.is(await kubectl("exec", "early", "--", "echo", "here"), "here\n");
  await kubectl("delete", "pod", "early", "late", "--now");
  await agent.stop();
});

serial("after all of this nothing is left", async (t) => {
  await kubectl("delete", "pods", "--all", "--now");
  await up.program.stop();
  const lines = async (command: string, ...args: readonly string[]) => (await run(command, args)).stdout.split("\n").filter((line) => line.includes(up.dataDir));
  t.deepEqual(await lines("ps", "-eo", "pid,args"), []);
  t.deepEqual(await lines("cat", "/proc/mounts"), []);
  // what others take away meanwhile is no failure of find
  const { stdout: groups } = await run("sh", ["-c", `find /sys/fs/cgroup/*/lichen/${small} -type d -name 'pod*' 2>/dev/null || true`]);
  t.is(groups, "");
});
