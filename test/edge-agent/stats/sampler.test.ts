import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import { silentLog } from "../../../core/api/log.ts";
import type { PodUsage, Runtime } from "../../../edge-agent/runtimes/runtime.ts";
import { machineUsage } from "../../../edge-agent/stats/machine-usage.ts";
import { resourceMetrics } from "../../../edge-agent/stats/metrics.ts";
import { prometheusText } from "../../../edge-agent/stats/prometheus.ts";
import { sampler } from "../../../edge-agent/stats/sampler.ts";
import { deviceUsage, summary } from "../../../edge-agent/stats/summary.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const machine = { at: 0, cpu: 0, memoryTotal: 100, workingSet: 40, swapTotal: 0, swapFree: 0, interfaces: [], processes: 3, maxProcesses: 99, bootedAt: 0, stalls: {}, disk: { capacityBytes: 10, availableBytes: 5, usedBytes: 5, inodes: 4, inodesFree: 2 } };
const running = new Map([["u", { uid: "u", namespace: "n", name: "p", sandboxId: "s", ready: true, ips: [], createdAt: 0, containers: [{ id: "c", name: "main", attempt: 0, state: "running" as const, image: "i", imageId: "i", specHash: "", createdAt: 0, startedAt: 5 }] }]]);

function looked(clock: ReturnType<typeof virtualClock>) {
  let takes = 0;
  const usage = async (): Promise<readonly PodUsage[]> => {
    takes++;
    const at = clock.now();
    // half a core
    return [{ uid: "u", at, cpu: at * 500_000, workingSet: 7, interfaces: [{ name: "eth0", rxBytes: 1, rxErrors: 0, txBytes: 2, txErrors: 0 }], containers: [{ id: "c", name: "main", at, cpu: at * 500_000, workingSet: 6 }] }];
  };
  const runtime = { handler: "containerd", usage } as unknown as Runtime;
  const made = sampler({ runtimes: [runtime], machine: async () => ({ ...machine, at: clock.now(), cpu: clock.now() * 1e6 }), agent: () => ({ at: clock.now(), cpu: 0 }), clock, log: silentLog });
  return { made, takes: () => takes };
}

test("the first who looks waits for a rate, the next ones do not, nobody looking costs nothing", async (t) => {
  const clock = virtualClock();
  const { made, takes } = looked(clock);
  await clock.advance(3_600_000);
  t.is(takes(), 0);
  const first = made.look();
  await clock.advance(1_000);
  const figures = await first;
  t.is(figures.rate("c"), 500_000_000);
  t.is(figures.rate("machine"), 1_000_000_000);
  t.is(figures.windowMs, 1_000);
  t.is(takes(), 2);
  await clock.advance(15_000);
  const next = await made.look();
  t.is(next.rate("u"), 500_000_000);
  t.is(next.windowMs, 15_000);
  t.is(takes(), 3);
});

test("the pages show the same figures under the names that monitoring knows", async (t) => {
  const clock = virtualClock();
  const look = looked(clock).made.look();
  await clock.advance(1_000);
  const figures = await look;
  const shown = summary({ nodeName: "edge", figures, groups: new Map(), volumes: new Map(), running, logBytes: new Map([["u/main", 9]]), images: undefined, memoryLimit: () => 10, startedAt: 0 });
  t.like(shown, { node: { nodeName: "edge", rlimit: { maxpid: 99, curproc: 3 } }, pods: [{ podRef: { name: "p", namespace: "n", uid: "u" }, containers: [{ name: "main", cpu: { usageNanoCores: 500_000_000 }, memory: { workingSetBytes: 6, availableBytes: 4 }, logs: { usedBytes: 9 } }] }] });
  t.like(deviceUsage(figures, running), { windowMs: 1_000, node: { memory: 40 }, pods: [{ namespace: "n", name: "p", containers: [{ name: "main", cpu: 500_000_000, memory: 6 }] }] });
  const input = { nodeName: "edge", version: "v1", figures, running, startedAt: 0, agentRss: 1 };
  const resource = prometheusText(resourceMetrics(input));
  t.regex(resource, /# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total\{container="main",namespace="n",pod="p"\} /);
  t.regex(resource, /container_start_time_seconds\{container="main",namespace="n",pod="p"\} 0.005 /);
});

test("labels are escaped", (t) => {
  t.is(prometheusText([{ name: "m", type: "gauge", help: "h", samples: [{ labels: { a: 'q"\\\n' }, value: 1 }] }]), '# HELP m h\n# TYPE m gauge\nm{a="q\\"\\\\\\n"} 1\n');
});

test("a machine is read from /proc", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "lichen-proc-"));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const files: { readonly [path: string]: string } = {
    "proc/stat": "cpu  100 10 50 900 40 5 5 0 0 0\ncpu0 1 1 1 1\n",
    "proc/meminfo": "MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 200 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n",
    "proc/loadavg": "0.1 0.1 0.1 2/321 999\n",
    "proc/sys/kernel/pid_max": "32768\n",
    "proc/uptime": "12.5 3\n",
    "proc/net/dev": "Inter-|   Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n  eth0: 700 3 1 0 0 0 0 0 900 4 2 0 0 0 0 0\n",
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const usage = await machineUsage({ root, dataDir: root, now: 20_000 });
  t.like(usage, { cpu: 1.7e9, memory: 600 * 1024, workingSet: 500 * 1024, rss: 200 * 1024, processes: 321, maxProcesses: 32_768, bootedAt: 7_500 });
  t.deepEqual(usage.interfaces, [{ name: "eth0", rxBytes: 700, rxErrors: 1, txBytes: 900, txErrors: 2 }]);
});
