import test from "ava";
import { silentLog } from "../../../core/api/log.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { eventBuffer } from "../../../edge-agent/events.ts";
import { evictionManager, type EvictionParts } from "../../../edge-agent/eviction/manager.ts";
import type { Observations } from "../../../edge-agent/eviction/pressure.ts";
import type { PodUsage } from "../../../edge-agent/runtimes/runtime.ts";
import { defaultSettings } from "../../../edge-agent/settings.ts";
import { meter } from "../../../edge-agent/stats/meter.ts";
import { prometheusText } from "../../../edge-agent/stats/prometheus.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const MIB = 2 ** 20;

function pod(name: string, more: { priority?: number; request?: string; storageLimit?: string } = {}): Pod {
  const { priority, request, storageLimit } = more;
  const resources = { ...(request === undefined ? {} : { requests: { memory: request } }), ...(storageLimit === undefined ? {} : { limits: { "ephemeral-storage": storageLimit } }) };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", uid: name }, spec: { ...(priority === undefined ? {} : { priority }), containers: [{ name: "main", image: "i", resources }] } };
}

const usage = (uid: string, workingSet: number): PodUsage => ({ uid, at: 0, workingSet, containers: [{ id: uid, name: "main", at: 0, workingSet }] });

function device(pods: readonly Pod[], parts: Partial<EvictionParts> & { observed: Observations[]; used?: readonly PodUsage[]; disk?: number }) {
  const clock = virtualClock();
  const evicted: [string, string, number][] = [];
  const events = eventBuffer(clock);
  const manager = evictionManager({
    nodeName: "edge-1", settings: defaultSettings({ memoryBytes: 1024 * MIB }),
    observe: async () => (parts.observed.length > 1 ? parts.observed.shift() : parts.observed[0]) ?? {},
    usage: async () => parts.used ?? [],
    storage: async () => ({ containers: new Map([["main", parts.disk ?? 0]]), emptyDirs: new Map(), volumes: 0 }),
    pods: () => pods.filter(({ metadata }) => !evicted.some(([uid]) => uid === metadata.uid)),
    evict(uid, { message, graceSeconds }) {
      evicted.push([uid, message, graceSeconds]);
      return true;
    },
    collect: async () => false, events, clock, log: silentLog, ...parts,
  });
  return { manager, evicted, events };
}

const noMemory: Observations = { "memory.available": { available: 10 * MIB, capacity: 1024 * MIB } };

test("ends one pod at a time: over its request first, then low priority, never a critical one", async (t) => {
  const pods = [pod("modest", { request: "100Mi" }), pod("greedy", { request: "1Mi", priority: 5 }), pod("guest"), pod("vital", { priority: 2_000_000_000 })];
  const used = [usage("modest", 50 * MIB), usage("greedy", 400 * MIB), usage("guest", 20 * MIB), usage("vital", 900 * MIB)];
  const { manager, evicted, events } = device(pods, { observed: [noMemory], used });
  for (let i = 0; i < 4; i++) await manager.look();
  t.deepEqual(evicted.map(([uid]) => uid), ["guest", "greedy", "modest"]);
  t.is(evicted[0]?.[1], "The node was low on resource: memory. Threshold quantity: 52428Ki, available: 10240Ki. Container main was using 20480Ki, request is 0, has larger consumption of memory. ");
  t.is(evicted[2]?.[1], "The node was low on resource: memory. Threshold quantity: 52428Ki, available: 10240Ki. ");
  t.deepEqual([...new Set(events.take().map(({ reason }) => reason))].toSorted(), ["Evicted", "EvictionThresholdMet"]);
  t.true(manager.conditions().MemoryPressure);
  manager.close();
});

test("room that images give back saves the pods", async (t) => {
  const full: Observations = { "nodefs.available": { available: 1, capacity: 100 } };
  let collected = 0;
  const { manager, evicted } = device([pod("a")], { observed: [full, { "nodefs.available": { available: 50, capacity: 100 } }], collect: async () => ++collected > 0 });
  await manager.look();
  t.is(collected, 1);
  t.deepEqual(evicted, []);
  t.true(manager.conditions().DiskPressure, "the condition outlives its cause");
  manager.close();
});

test("a pod over its own storage limit goes without any pressure", async (t) => {
  const { manager, evicted } = device([pod("a", { storageLimit: "4Mi" })], { observed: [{}], disk: 5 * MIB });
  await manager.look();
  t.deepEqual(evicted, [["a", "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ", 0]]);
  manager.close();
});

test("tells when a condition changes", async (t) => {
  const { manager } = device([], { observed: [{}, noMemory] });
  let changes = 0;
  manager.onChange(() => changes++);
  await manager.look();
  t.is(changes, 0);
  await manager.look();
  t.is(changes, 1);
  manager.close();
});

test("evictions are counted by what was short, or by whose limit was passed", async (t) => {
  const counted = meter();
  const starving = device([pod("guest")], { observed: [noMemory], used: [usage("guest", 20 * MIB)], meter: counted });
  await starving.manager.look();
  await starving.manager.look();
  const greedy = device([pod("a", { storageLimit: "4Mi" })], { observed: [{}], disk: 5 * MIB, meter: counted });
  await greedy.manager.look();
  t.is(prometheusText(counted.families("kubelet_evictions")).split("\n").filter((line) => !line.startsWith("#")).join("\n").trim(), 'kubelet_evictions{eviction_signal="memory.available"} 1\nkubelet_evictions{eviction_signal="ephemeralpodfs.limit"} 1');
  for (const { manager } of [starving, greedy]) manager.close();
});
