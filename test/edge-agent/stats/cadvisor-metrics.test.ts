import test from "ava";
import type { GroupFigures } from "../../../edge-agent/stats/group-figures.ts";
import { cadvisorMetrics } from "../../../edge-agent/stats/cadvisor-metrics.ts";
import { containerSpec } from "../../../edge-agent/stats/container-spec.ts";
import { prometheusText } from "../../../edge-agent/stats/prometheus.ts";
import { summary } from "../../../edge-agent/stats/summary.ts";

const stall = { some: { avg10: 1, avg60: 2, avg300: 3, total: 1_500_000 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 500_000 } };
const disk = { capacityBytes: 10, availableBytes: 5, usedBytes: 5, inodes: 4, inodesFree: 2 };
const link = { name: "eth0", rxBytes: 1, rxErrors: 0, txBytes: 2, txErrors: 0 };
const machine = { at: 7_000, cpu: 9e9, memoryTotal: 100, workingSet: 40, swapTotal: 0, swapFree: 0, interfaces: [{ ...link, name: "wlan0" }], processes: 3, maxProcesses: 99, bootedAt: 0, stalls: { cpu: stall }, disk };
const container = { id: "c", name: "main", at: 7_000, cpu: 2e9, workingSet: 6, rss: 5, pageFaults: 4, majorPageFaults: 1 };
const figures = { at: 7_000, machine, agent: { at: 7_000 }, windowMs: 1_000, rate: () => 1, pods: [{ uid: "u", at: 7_000, cpu: 3e9, workingSet: 7, processes: 2, interfaces: [link], containers: [container] }] };
const running = new Map([["u", { uid: "u", namespace: "n", name: "p", sandboxId: "s", ready: true, ips: [], createdAt: 0, containers: [{ id: "c", name: "main", attempt: 0, state: "running" as const, image: "i", imageId: "i", specHash: "", createdAt: 0, startedAt: 5_000 }] }]]);
const group: GroupFigures = { cpuUser: 1e9, cpuSystem: 5e8, periods: 10, throttledPeriods: 3, throttled: 2.5e8, cache: 11, mappedFile: 12, swap: 0, memoryPeak: 13, memoryFailures: 2, oomKills: 1, threads: 4, disks: [{ device: "/dev/sda", readBytes: 4096, writtenBytes: 8192, reads: 1, writes: 2 }], stalls: { cpu: stall, io: stall } };
const input = { version: "v1", kernelVersion: "6.1", osImage: "Debian", cores: 2, figures, groups: new Map([["u", group], ["c", group]]), running, spec: () => ({ cpuQuota: 20_000, cpuShares: 204, memoryLimit: 64 }) };

test("containers, pods and the machine have rows of their own, under the names that dashboards ask for", (t) => {
  const text = prometheusText(cadvisorMetrics(input));
  const of = (name: string) => text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).map((line) => line.replace(/ 7000$/, ""));
  const [main, pod, root] = ['container="main",id="/kubepods/podu/c",image="i",name="c",namespace="n",pod="p"', 'container="",id="/kubepods/podu",image="",name="",namespace="n",pod="p"', 'container="",id="/",image="",name="",namespace="",pod=""'];
  t.deepEqual(of("container_cpu_usage_seconds_total"), [`container_cpu_usage_seconds_total{${root.replace("id=", 'cpu="total",id=')}} 9`, `container_cpu_usage_seconds_total{${pod.replace("id=", 'cpu="total",id=')}} 3`, `container_cpu_usage_seconds_total{${main.replace("id=", 'cpu="total",id=')}} 2`]);
  t.true(of("container_cpu_cfs_throttled_seconds_total").includes(`container_cpu_cfs_throttled_seconds_total{${main}} 0.25`));
  t.true(of("container_memory_cache").includes(`container_memory_cache{${pod}} 11`));
  t.true(of("container_oom_events_total").includes(`container_oom_events_total{${main}} 1`));
  t.true(of("container_pressure_cpu_waiting_seconds_total").includes(`container_pressure_cpu_waiting_seconds_total{${main}} 1.5`));
  t.true(of("container_pressure_cpu_stalled_seconds_total").includes(`container_pressure_cpu_stalled_seconds_total{${root}} 0.5`));
  t.deepEqual(of("container_pressure_memory_waiting_seconds_total"), [], "what the kernel does not tell is not made up");
  t.true(of("container_fs_writes_bytes_total").some((line) => line.includes('device="/dev/sda"') && line.endsWith(" 8192")));
  t.true(of("container_network_transmit_bytes_total").some((line) => line.includes('interface="wlan0"') && line.includes('id="/"')));
  t.true(of("container_spec_cpu_quota").includes(`container_spec_cpu_quota{${main}} 20000`));
  t.is(text.match(/^# TYPE container_memory_failures_total /gm)?.length, 1, "one family, two kinds of faults");
});

test("a container without a limit was never throttled", (t) => {
  const text = prometheusText(cadvisorMetrics({ ...input, groups: new Map([["c", { ...group, periods: 0, throttledPeriods: 0, throttled: 0 }]]), spec: () => ({ cpuShares: 2 }) }));
  t.notRegex(text, /container_cpu_cfs_/);
  t.notRegex(text, /container_spec_cpu_quota/);
  t.regex(text, /container_spec_memory_limit_bytes\{container="main".*\} 0 /);
});

test("the summary tells how long was waited, where the kernel does", (t) => {
  const shown = summary({ nodeName: "edge", figures, groups: input.groups, volumes: new Map(), running, logBytes: new Map(), images: undefined, memoryLimit: () => undefined, startedAt: 0 });
  t.like(shown, {
    node: { cpu: { psi: { some: { avg10: 1, total: 1_500_000 }, full: { total: 500_000 } } } },
    pods: [{ cpu: { psi: stall }, io: { psi: stall }, containers: [{ cpu: { psi: stall }, io: { psi: stall } }] }],
  });
  const { node } = shown as { readonly node: { readonly io?: object; readonly memory: object } };
  t.is(node.io, undefined);
  t.false("psi" in node.memory);
});

test("the summary leaves out containers that have ended, and pods of which none runs", (t) => {
  const shown = (states: readonly ("running" | "exited")[]) => {
    const containers = states.map((state, at) => ({ id: `c${at}`, name: `n${at}`, attempt: 0, state, image: "i", imageId: "i", specHash: "", createdAt: 0 }));
    const pod = { uid: "u", namespace: "n", name: "p", sandboxId: "s", ready: true, ips: [], createdAt: 0, containers };
    const used = { ...figures, pods: [{ uid: "u", at: 7_000, containers: containers.map(({ id, name }) => ({ id, name, at: 7_000 })) }] };
    const { pods } = summary({ nodeName: "edge", figures: used, groups: new Map(), volumes: new Map(), running: new Map([["u", pod]]), logBytes: new Map(), images: undefined, memoryLimit: () => undefined, startedAt: 0 }) as { readonly pods: readonly { readonly containers: readonly { readonly name: string }[] }[] };
    return pods.map((each) => each.containers.map(({ name }) => name));
  };
  t.deepEqual(shown(["exited", "running"]), [["n1"]]);
  t.deepEqual(shown(["exited"]), []);
});

test("limits come in the kernel's units", (t) => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [{ name: "a", image: "i", resources: { limits: { cpu: "200m", memory: "1Mi" } } }, { name: "b", image: "i" }] } };
  t.deepEqual(containerSpec(pod, "a"), { cpuQuota: 20_000, cpuShares: 204, memoryLimit: 2 ** 20 });
  t.deepEqual(containerSpec(pod, "b"), { cpuQuota: undefined, cpuShares: 2, memoryLimit: undefined });
  t.deepEqual(containerSpec(undefined, "b"), { cpuShares: 2 });
});
