/** Resources of a running container changed in place. */
import assert from "node:assert/strict";
import type { Pod } from "../../../core/api/types.gen.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";
import { exec, main, podsOf, running, statusOf, untilPod } from "../support/pods.ts";

interface Amounts {
  readonly cpu?: string;
  readonly memory?: string;
}
interface Resources {
  readonly requests?: Amounts;
  readonly limits?: Amounts;
}
type Containers = readonly (readonly [name: string, resources: Resources])[];

const same = (cpu: string, memory: string): Resources => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const burst = (cpu: readonly [string, string], memory: readonly [string, string]): Resources => ({ requests: { cpu: cpu[0], memory: memory[0] }, limits: { cpu: cpu[1], memory: memory[1] } });
const containersOf = (containers: Containers) => containers.map(([name, resources]) => main("sleep 1000", { resources }, name));

/** What the kernel holds the container to: cgroup v2, or v1 where the machine has that. */
async function kernelLimits(c: Context, container: string): Promise<{ readonly milliCpu: number; readonly memory: number }> {
  const text = await exec(c, "pod", "cd /sys/fs/cgroup; cat cpu.max 2>/dev/null || echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes", container);
  const [cpu = "", memory = ""] = text.trim().split("\n");
  const [quota = "", period = ""] = cpu.split(" ");
  return { milliCpu: (Number(quota) / Number(period)) * 1000, memory: Number(memory) };
}
const milli = (cpu: string) => (cpu.endsWith("m") ? Number(cpu.slice(0, -1)) : Number(cpu) * 1000);
const bytes = (memory: string) => Number(memory.replace("Mi", "")) * 2 ** 20;

async function resized(c: Context, before: Containers, after: Containers, how: "patch" | "replace" = "patch"): Promise<void> {
  const started = await running(c, { containers: containersOf(before) });
  const containers = after.map(([name, resources]) => ({ name, resources }));
  const asked =
    how === "patch"
      ? await podsOf(c).patch("pod", { spec: { containers } }, "strategic", "resize")
      : await updateFresh(podsOf(c), "pod", (fresh) => ({ ...fresh, spec: { ...fresh.spec, containers: (fresh.spec?.containers ?? []).map((one) => ({ ...one, ...containers.find(({ name }) => name === one.name) })) } }) as Pod, "resize");
  for (const [name, { limits, requests }] of after) {
    const found = asked.spec?.containers.find((one) => one.name === name)?.resources;
    assert.deepEqual([found?.requests ?? {}, found?.limits ?? {}], [requests ?? {}, limits ?? {}], name);
  }
  const done = await untilPod(c, "pod", (pod) => after.every(([name, { limits, requests }]) => {
    const { requests: hasRequests = {}, limits: hasLimits = {} } = statusOf(pod, name)?.resources ?? {};
    return Object.entries(limits ?? {}).every(([resource, amount]) => hasLimits[resource] === amount) && Object.entries(requests ?? {}).every(([resource, amount]) => hasRequests[resource] === amount);
  }) && pod.status?.conditions?.some(({ type }) => type === "PodResizeInProgress" || type === "PodResizePending") !== true, "the node has resized it");
  for (const [name, { limits }] of after) {
    assert.equal(statusOf(done, name)?.restartCount, 0);
    assert.equal(statusOf(done, name)?.containerID, statusOf(started, name)?.containerID);
    const kernel = await kernelLimits(c, name);
    if (limits?.cpu !== undefined) assert.equal(kernel.milliCpu, milli(limits.cpu), `${name} cpu`);
    if (limits?.memory !== undefined) assert.equal(kernel.memory, bytes(limits.memory), `${name} memory`);
  }
}

const start = [["c1", same("40m", "40Mi")], ["c2", same("40m", "40Mi")], ["c3", same("40m", "40Mi")]] as const;
const three = (...after: readonly Resources[]): Containers => after.map((resources, index) => [`c${index + 1}`, resources] as const);

export const resizeTests = [
  conformance("[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase [MinimumKubeletVersion:1.34]", (c) =>
    resized(c, start, three(same("60m", "60Mi"), same("60m", "60Mi"), same("30m", "30Mi")))),
  conformance("[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease [MinimumKubeletVersion:1.34]", (c) =>
    resized(c, start, three(same("50m", "50Mi"), same("20m", "20Mi"), same("30m", "30Mi")))),
  conformance("[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2) [MinimumKubeletVersion:1.34]", (c) =>
    resized(c, start, three(same("60m", "40Mi"), same("30m", "60Mi"), same("60m", "60Mi")))),
  conformance("[sig-node] Pod InPlace Resize Container burstable pods - extended 6 containers - various operations performed (including adding limits and requests) [MinimumKubeletVersion:1.34]", (c) =>
    resized(
      c,
      [["c1", { requests: { cpu: "20m" } }], ["c2", { requests: { memory: "20Mi" } }], ["c3", burst(["20m", "40m"], ["20Mi", "40Mi"])], ["c4", burst(["20m", "40m"], ["20Mi", "40Mi"])], ["c5", {}], ["c6", { requests: { cpu: "20m", memory: "20Mi" } }]],
      [["c1", { requests: { cpu: "30m" }, limits: { cpu: "50m" } }], ["c2", { requests: { memory: "30Mi" }, limits: { memory: "50Mi" } }], ["c3", burst(["30m", "60m"], ["30Mi", "60Mi"])], ["c4", burst(["10m", "30m"], ["15Mi", "30Mi"])], ["c5", { requests: { cpu: "10m" } }], ["c6", { requests: { cpu: "10m", memory: "30Mi" } }]],
    )),
  conformance("[sig-node] Pod InPlace Resize Container burstable pods - extended resize with equivalents [MinimumKubeletVersion:1.34]", (c) =>
    // the least weight and quota the kernel knows are what these requests and limits come to, before and after
    resized(c, [["c1", { requests: { cpu: "2m" }, limits: { cpu: "10m" } }]], [["c1", { requests: { cpu: "1m" }, limits: { cpu: "10m" } }]])),
  conformance("[sig-node] Pod InPlace Resize Container resize pod via the replace endpoint [MinimumKubeletVersion:1.34]", (c) =>
    resized(c, [["c1", same("40m", "40Mi")]], [["c1", same("60m", "60Mi")]], "replace")),
];
