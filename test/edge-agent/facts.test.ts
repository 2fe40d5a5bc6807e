import test from "ava";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readFacts } from "../../edge-agent/facts.ts";
import { defaultSettings } from "../../edge-agent/settings.ts";
import { nodeLabels, nodeStatus, type NodeInput, type RuntimeReport } from "../../edge-agent/node.ts";
import type { RuntimeHandler } from "../../edge-agent/runtimes/runtime.ts";
import { chooseProfile } from "../../firmware-profiles/profile.ts";
import { readProfiles } from "../../firmware-profiles/profiles.ts";

const tree: { readonly [path: string]: string | Buffer } = {
  "proc/cpuinfo": "processor\t: 0\nprocessor\t: 1\nprocessor\t: 2\nprocessor\t: 3\nHardware\t: BCM2835\nRevision\t: c03112\n",
  "proc/meminfo": "MemTotal:        3884096 kB\nMemAvailable:    3000000 kB\n",
  "proc/sys/kernel/osrelease": "6.6.31-v8\n",
  "proc/sys/kernel/random/boot_id": "boot\n",
  "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
  "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.2\0",
  "proc/device-tree/system/linux,revision": Buffer.from([0x00, 0xc0, 0x31, 0x12]),
  "etc/os-release": 'NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  "etc/machine-id": "machine\n",
  "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n",
  "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
};

async function made(t: { teardown(fn: () => Promise<void>): void }): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "lichen-facts-"));
  t.teardown(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

test("a Raspberry Pi 4 is read from its own files", async (t) => {
  const facts = await readFacts(await made(t), "arm64");
  t.like(facts, {
    arch: "arm64", cores: 4, memoryBytes: 3884096 * 1024, model: "Raspberry Pi 4 Model B Rev 1.2", piRevision: 0xc03112,
    machineId: "machine", kernelVersion: "6.6.31-v8", osImage: "Debian GNU/Linux 12 (bookworm)", cgroups: "v2", memoryCgroup: false, appArmor: false,
  });
  t.deepEqual(facts.compatible, ["raspberrypi,4-model-b", "brcm,bcm2711"]);
});

test("a machine without any of these files is still a machine", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "lichen-facts-"));
  t.teardown(() => rm(root, { recursive: true }));
  t.like(await readFacts(root, "x64"), { arch: "amd64", cores: 1, memoryBytes: 0, cgroups: "none", osImage: "Linux" });
});

test("the node names its board, keeps memory for the agent and says what stops it", async (t) => {
  const facts = await readFacts(await made(t), "arm64");
  const input: NodeInput = {
    name: "edge-1", facts, profile: chooseProfile(readProfiles(), facts), site: "hall", addresses: ["192.0.2.1"], diskBytes: 2 ** 30,
    pressure: { memory: false, disk: true, pids: false }, runtimes: [{ handler: "containerd", version: "containerd://1.6.20", problem: undefined }],
    agentVersion: "v1", devices: {}, settings: defaultSettings(facts), images: [], previous: [], now: 0,
  };
  t.like(nodeLabels(input), { "kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": "edge-1", "lichen.dev/board": "raspberry-pi-4b", "lichen.dev/site": "hall" });
  const status = nodeStatus(input);
  t.deepEqual(status.capacity, { cpu: "4", "hugepages-2Mi": "0", pods: "110", memory: "3884096Ki", "ephemeral-storage": "1048576Ki" });
  t.is(status.allocatable?.["memory"], `${3884096 - 128 * 1024 - 100 * 1024}Ki`, "128 MiB reserved, 100 MiB never given away");
  t.deepEqual(status.conditions?.map(({ type, status: value, reason }) => [type, value, reason]), [
    ["MemoryPressure", "False", "KubeletHasSufficientMemory"],
    ["DiskPressure", "True", "KubeletHasDiskPressure"],
    ["PIDPressure", "False", "KubeletHasSufficientPID"],
    ["Ready", "False", "KubeletNotReady"],
  ]);
  t.regex(status.conditions?.at(-1)?.message ?? "", /cgroup_enable=memory/);
  t.deepEqual(status.daemonEndpoints, { kubeletEndpoint: { Port: 10_250 } });
  t.deepEqual(status.addresses, [{ type: "InternalIP", address: "192.0.2.1" }, { type: "Hostname", address: "edge-1" }]);
});

test("a node says of its runtimes and its board only what is special, and of containerd what containerd says", async (t) => {
  const facts = await readFacts(await made(t), "arm64");
  const handler = (name: string, userNamespaces = false) => ({ name, recursiveReadOnlyMounts: false, userNamespaces });
  const containers = (...handlers: readonly RuntimeHandler[]) => ({ handler: "containerd", version: "containerd://2.1.0", problem: undefined, features: { handlers } });
  const components = { handler: "wasi", version: "wasi://0.2.12", problem: undefined };
  const node = (runtimes: readonly RuntimeReport[], board = "generic-arm64"): NodeInput => ({
    name: "edge-1", facts, profile: readProfiles().find(({ name }) => name === board), site: undefined, addresses: [], diskBytes: 2 ** 30,
    pressure: { memory: false, disk: false, pids: false }, runtimes,
    agentVersion: "v1", devices: {}, settings: defaultSettings(facts), images: [], previous: [], now: 0,
  });
  const ours = (input: NodeInput) => Object.fromEntries(Object.entries(nodeLabels(input)).filter(([label]) => label.includes("lichen.dev")));
  const names = (...runtimes: readonly RuntimeReport[]) => nodeStatus(node(runtimes)).runtimeHandlers?.map(({ name }) => name);

  t.deepEqual(ours(node([containers()])), {});
  t.deepEqual(ours(node([containers(), components])), { "lichen.dev/runtime-wasi": "true" });
  t.deepEqual(ours(node([containers()], "raspberry-pi-5")), { "lichen.dev/board": "raspberry-pi-5" });

  t.false("runtimeHandlers" in nodeStatus(node([containers()])), "containerd before 2.0 does not say");
  t.deepEqual(names(containers(handler(""), handler("runc"))), ["", "runc"]);
  t.deepEqual(names(components), ["wasi"]);
  t.deepEqual(names(containers(), components), ["", "wasi"], "a node that lists components has to say that it runs containers too");
  t.deepEqual(names(containers(handler(""), handler("runc")), components), ["", "runc", "wasi"]);
  t.deepEqual(nodeStatus(node([containers(handler("", true))])).runtimeHandlers, [{ name: "", features: { recursiveReadOnlyMounts: false, userNamespaces: true } }]);
});
