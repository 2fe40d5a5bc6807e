import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { systemClock } from "../../../core/api/clock.ts";
import fc from "fast-check";
import type { Pod } from "../../../core/api/types.gen.ts";
import { cgroupWrites, cpuWeight, pageName, quotaOf, sharesOf } from "../../../edge-agent/runtimes/containerd/cgroup-values.ts";
import { cgroups } from "../../../edge-agent/runtimes/containerd/cgroups.ts";
import { podCgroup, podCgroupLimits } from "../../../edge-agent/runtimes/containerd/pod-cgroup.ts";
import { containerResources, resizedResources } from "../../../edge-agent/runtimes/containerd/resources.ts";

const ROOT = "/lichen/one/kubepods";

function pod(uid: string, ...resources: { requests?: Record<string, string>; limits?: Record<string, string> }[]): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "default", uid }, spec: { containers: resources.map((each, index) => ({ name: `c${index}`, image: "i", resources: each })) } };
}

async function mount(t: ExecutionContext, version: "v1" | "v2"): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lichen-cgroup-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  if (version === "v2") await writeFile(join(directory, "cgroup.controllers"), "cpuset cpu memory pids hugetlb\n");
  else for (const controller of ["cpu", "memory", "pids", "unified"]) await mkdir(join(directory, controller));
  return directory;
}

/** A made-up tree keeps the files that a kernel would not; they have to go before directories can. */
async function emptyOf(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await emptyOf(path);
    else await rm(path);
  }
}

const guaranteed = pod("g", { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "500m", memory: "64Mi" } });
const burstable = pod("b", { requests: { cpu: "250m" }, limits: { memory: "32Mi" } }, { requests: { cpu: "1" } });
const bestEffort = pod("e", {});

test("version 1: each controller has the class and the pod with its limits", async (t) => {
  const at = await mount(t, "v1");
  const tree = await cgroups({ clock: systemClock, root: ROOT, mount: at, allocatable: { cpuShares: 2048, memory: 2 ** 30 }, podPids: 99 });
  await tree.ensureDevice();
  for (const each of [guaranteed, burstable, bestEffort]) await tree.ensurePod(each);
  const read = (controller: string, path: string) => readFile(join(at, controller, ROOT, path), "utf8");
  t.is(tree.version, "v1");
  t.is(await read("memory", "memory.limit_in_bytes"), String(2 ** 30));
  t.is(await read("cpu", "podg/cpu.shares"), "512");
  t.is(await read("cpu", "podg/cpu.cfs_quota_us"), "50000");
  t.is(await read("memory", "podg/memory.limit_in_bytes"), String(64 * 2 ** 20));
  t.is(await read("cpu", "burstable/podb/cpu.shares"), "1280");
  t.is(await read("cpu", "burstable/podb/cpu.cfs_quota_us"), "-1", "one container has no limit");
  t.is(await read("memory", "burstable/podb/memory.limit_in_bytes"), "-1");
  t.is(await read("cpu", "burstable/cpu.shares"), "1280", "the class weighs what its pods do");
  t.is(await read("cpu", "besteffort/cpu.shares"), "2");
  t.is(await read("cpu", "besteffort/pode/cpu.shares"), "2");
  t.is(await read("pids", "besteffort/pode/pids.max"), "99");
  t.deepEqual(await readdir(join(at, "unified")), [], "version 2 is mounted too and stays untouched");
});

test("version 2: one directory with weight and max, controllers handed down", async (t) => {
  const at = await mount(t, "v2");
  const tree = await cgroups({ clock: systemClock, root: ROOT, mount: at, allocatable: { cpuShares: 1024 } });
  await tree.ensureDevice();
  await tree.ensurePod(guaranteed);
  await tree.ensurePod(burstable);
  const read = (path: string) => readFile(join(at, ROOT, path), "utf8");
  t.is(tree.version, "v2");
  t.is(await read("podg/cpu.max"), "50000 100000");
  t.is(await read("podg/cpu.weight"), String(cpuWeight(512)));
  t.is(await read("podg/memory.max"), String(64 * 2 ** 20));
  t.is(await read("burstable/podb/memory.max"), "max");
  t.is(await read("burstable/cpu.weight"), String(cpuWeight(1280)));
  for (const parent of ["", "lichen", "lichen/one"]) t.is(await readFile(join(at, parent, "cgroup.subtree_control"), "utf8"), "+cpuset +cpu +memory +pids +hugetlb");
});

for (const version of ["v1", "v2"] as const) {
  test(`${version}: nothing is left of a pod, nor of the device`, async (t) => {
    const at = await mount(t, version);
    const tree = await cgroups({ clock: systemClock, root: ROOT, mount: at, allocatable: {} });
    await tree.ensureDevice();
    await tree.ensurePod(burstable);
    const base = version === "v2" ? join(at, ROOT) : join(at, "cpu", ROOT);
    await mkdir(join(base, "burstable/podb/left-by-runc"));
    await emptyOf(at);
    await tree.removePod("b");
    t.deepEqual(await readdir(join(base, "burstable")).then((names) => names.filter((name) => name.startsWith("pod"))), []);
    await emptyOf(at);
    await tree.removeDevice();
    t.false((await readdir(version === "v2" ? at : join(at, "cpu"))).includes("lichen"));
  });
}

test("limits of a pod follow its class", (t) => {
  t.is(podCgroup(ROOT, guaranteed), `${ROOT}/podg`);
  t.is(podCgroup(ROOT, bestEffort), `${ROOT}/besteffort/pode`);
  t.deepEqual(podCgroupLimits(bestEffort, undefined), { cpuShares: 2, pids: undefined });
  const huge = pod("h", { requests: { memory: "1Mi" }, limits: { "hugepages-2Mi": "8Mi", memory: "1Mi" } });
  t.deepEqual(podCgroupLimits(huge, 5).hugepages, { [2 * 2 ** 20]: 8 * 2 ** 20 });
  t.true(cgroupWrites("v2", podCgroupLimits(huge, 5)).some(({ file, value }) => file === "hugetlb.2MB.max" && value === String(8 * 2 ** 20)));
});

test("a limit of the pod itself stands above those of its containers", (t) => {
  const own: Pod = { ...burstable, spec: { containers: burstable.spec?.containers ?? [], resources: { limits: { memory: "48Mi", cpu: "1500m" } } } };
  const { memory, cpuQuota } = podCgroupLimits(own, undefined);
  t.is(memory, 48 * 2 ** 20);
  t.is(cpuQuota, 150_000);
});

test("a resize says what has no limit any more", (t) => {
  const [container] = burstable.spec?.containers ?? [];
  if (container === undefined) return t.fail();
  t.is(containerResources(burstable, container, 2 ** 32).cpu_quota, undefined);
  t.is(resizedResources(burstable, container, 2 ** 32).cpu_quota, -1);
  t.deepEqual(containerResources(burstable, container, 2 ** 32, "v2").unified, { "memory.oom.group": "1" });
});

test("shares and weights stay within the kernel's bounds and keep their order", (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1000, noNaN: true }), fc.double({ min: 0, max: 1000, noNaN: true }), (a, b) => {
      const [low, high] = [sharesOf(Math.min(a, b)), sharesOf(Math.max(a, b))];
      t.true(low >= 2 && high <= 262_144 && low <= high);
      t.true(cpuWeight(low) >= 1 && cpuWeight(high) <= 10_000 && cpuWeight(low) <= cpuWeight(high));
      const quota = quotaOf(a);
      t.true(quota === undefined ? a === 0 : quota >= 1000);
    }),
  );
  t.is(pageName(2 * 2 ** 20), "2MB");
  t.is(pageName(2 ** 30), "1GB");
  t.is(pageName(64 * 1024), "64KB");
});

const kernel = process.getuid?.() === 0 && existsSync("/sys/fs/cgroup/pids") ? "/sys/fs/cgroup" : undefined;

(kernel === undefined ? test.skip : test)("whatever is still in a pod's cgroup ends with it", async (t) => {
  const root = `/lichen-test-${process.pid}/kubepods`;
  const tree = await cgroups({ clock: systemClock, root, allocatable: {} });
  t.teardown(tree.removeDevice);
  await tree.ensureDevice();
  await tree.ensurePod(bestEffort);
  // the clock keeps no process alive, and the other one ends
  const alive = setInterval(() => {}, 2 ** 30);
  t.teardown(() => clearInterval(alive));
  const left = spawn("sleep", ["600"], { stdio: "ignore" });
  t.teardown(() => void left.kill("SIGKILL"));
  const container = join(kernel ?? "", "pids", podCgroup(root, bestEffort), "container");
  await mkdir(container);
  await writeFile(join(container, "cgroup.procs"), String(left.pid));
  const ended = once(left, "exit");
  await tree.removePod("e");
  t.deepEqual(await ended, [null, "SIGKILL"]);
  t.false(existsSync(join(kernel ?? "", "pids", podCgroup(root, bestEffort))));
});
