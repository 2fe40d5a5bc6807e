/**
 * Rankings are caches; this holds them against the rules themselves. Random fleets and pods: every placement must satisfy
 * rules that are written here a second time, naively, and when a ranking finds no node there must be none.
 */
import test from "ava";
import fc from "fast-check";
import type { Pod, TopologySpreadConstraint } from "../../core/api/types.gen.ts";
import { cluster } from "../../core/scheduler/cluster.ts";
import { podInfo } from "../../core/scheduler/pod-info.ts";
import { rankings } from "../../core/scheduler/rankings.ts";
import { aNode, aPod } from "./support/objects.ts";

const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";

const color = fc.constantFrom("red", "blue");
const rule = fc.constantFrom("none", "anti-host", "anti-zone", "affinity-zone", "spread-zone", "spread-host");
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("create" as const), color, rule, cpu: fc.constantFrom("500m", "1", "2") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("delete" as const), which: fc.nat(40) }) },
);
const fleet = fc.array(fc.record({ zone: fc.constantFrom("a", "b", "c", undefined), cpu: fc.constantFrom("1", "2", "4") }), { minLength: 1, maxLength: 8 });

interface Placed {
  readonly pod: Pod;
  readonly node: string;
}

function podWith(name: string, mine: string, kind: string, cpu: string): Pod {
  const term = (topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { color: mine } } });
  const required = (topologyKey: string) => ({ requiredDuringSchedulingIgnoredDuringExecution: [term(topologyKey)] });
  const spread = (topologyKey: string): TopologySpreadConstraint => ({ ...term(topologyKey), maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" });
  const extras = {
    none: {},
    "anti-host": { affinity: { podAntiAffinity: required(HOST) } },
    "anti-zone": { affinity: { podAntiAffinity: required(ZONE) } },
    "affinity-zone": { affinity: { podAffinity: required(ZONE) } },
    "spread-zone": { topologySpreadConstraints: [spread(ZONE)] },
    "spread-host": { topologySpreadConstraints: [spread(HOST)] },
  }[kind];
  return aPod(name, { labels: { color: mine }, cpu, memory: "1Mi", ...extras });
}

const milli = (text: string) => (text.endsWith("m") ? Number(text.slice(0, -1)) : Number(text) * 1000);
const cpuOf = (pod: Pod) => milli(pod.spec?.containers[0]?.resources?.requests?.["cpu"] ?? "0");

test("placements obey the rules, and no possible placement is missed", (t) => {
  fc.assert(
    fc.property(fleet, fc.array(step, { maxLength: 40 }), (shapes, steps) => {
      const state = cluster(() => ({}));
      const nodes = shapes.map(({ zone, cpu }, index) => aNode(`n${index}`, { cpu, labels: zone === undefined ? {} : { [ZONE]: zone } }));
      for (const node of nodes) state.setNode(node);
      const ranked = rankings(state, () => undefined);
      const placed = new Map<string, Placed>();
      const labelOf = (node: string, key: string) => nodes.find((one) => one.metadata.name === node)?.metadata.labels?.[key];

      const inDomain = (key: string, value: string, wanted: string | undefined) =>
        [...placed.values()].filter((one) => labelOf(one.node, key) === value && one.pod.metadata.labels?.["color"] === wanted).length;

      const allowed = (pod: Pod, node: string): boolean => {
        const mine = pod.metadata.labels?.["color"];
        const taken = [...placed.values()].filter((one) => one.node === node).reduce((sum, one) => sum + cpuOf(one.pod), 0);
        const capacity = milli(nodes.find((one) => one.metadata.name === node)?.status?.allocatable?.["cpu"] ?? "0");
        if (taken + cpuOf(pod) > capacity) return false;
        for (const { topologyKey } of pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
          const value = labelOf(node, topologyKey);
          if (value !== undefined && inDomain(topologyKey, value, mine) > 0) return false;
        }
        for (const other of placed.values()) {
          if (other.pod.metadata.labels?.["color"] !== mine) continue;
          for (const { topologyKey } of other.pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
            const value = labelOf(node, topologyKey);
            if (value !== undefined && labelOf(other.node, topologyKey) === value) return false;
          }
        }
        for (const { topologyKey } of pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
          const value = labelOf(node, topologyKey);
          if (value === undefined) return false;
          const anywhere = [...placed.values()].some((one) => one.pod.metadata.labels?.["color"] === mine && labelOf(one.node, topologyKey) !== undefined);
          if (anywhere && inDomain(topologyKey, value, mine) === 0) return false;
        }
        for (const { topologyKey, maxSkew } of pod.spec?.topologySpreadConstraints ?? []) {
          const value = labelOf(node, topologyKey);
          if (value === undefined) return false;
          const domains = new Set(nodes.map((one) => labelOf(one.metadata.name ?? "", topologyKey)).filter((one) => one !== undefined));
          const least = Math.min(...[...domains].map((one) => inDomain(topologyKey, one, mine)));
          if (inDomain(topologyKey, value, mine) + 1 - least > maxSkew) return false;
        }
        return true;
      };

      for (const [index, one] of steps.entries()) {
        if (one.type === "delete") {
          const uid = [...placed.keys()][one.which % Math.max(1, placed.size)];
          if (uid === undefined) continue;
          placed.delete(uid);
          state.lift(uid);
          continue;
        }
        const pod = podWith(`p${index}`, one.color, one.rule, one.cpu);
        const best = ranked.of(podInfo(pod, state.slots)).best();
        if (best === undefined) {
          const missed = nodes.find((node) => allowed(pod, node.metadata.name ?? ""));
          if (missed !== undefined) throw new Error(`${one.rule}: ${missed.metadata.name} was possible`);
        } else {
          if (!allowed(pod, best.name)) throw new Error(`${one.rule}: ${best.name} breaks a rule`);
          state.place(podInfo(pod, state.slots), best.name);
          placed.set(pod.metadata.uid ?? "", { pod, node: best.name });
        }
      }
    }),
    { numRuns: 400 },
  );
  t.pass();
});

test("a pod goes to a device that has its runtime", (t) => {
  const state = cluster(() => ({}));
  state.setNode(aNode("small", { handlers: ["wasi"] }));
  state.setNode(aNode("large", { handlers: ["", "containerd"] }));
  const ranked = rankings(state, (name) => name);
  const where = (runtimeClassName?: string) =>
    ranked.of(podInfo(aPod(`p-${runtimeClassName}`, runtimeClassName === undefined ? {} : { runtimeClassName }), state.slots)).best()?.name;
  t.is(where(), "large");
  t.is(where("containerd"), "large");
  t.is(where("wasi"), "small");
  t.truthy(where("any"));
  t.is(where("kata"), undefined);
});

test("a node that lists no handlers takes containers under every handler, and no components", (t) => {
  const handlers = new Map([["components", "wasi"], ["containers", "containerd"], ["sandboxed", "kata"]]);
  const fits = (listed: readonly string[] | undefined, runtimeClassName?: string) => {
    const state = cluster(() => ({}));
    state.setNode(aNode("node", listed === undefined ? {} : { handlers: listed }));
    return rankings(state, (name) => handlers.get(name)).of(podInfo(aPod("p", runtimeClassName === undefined ? {} : { runtimeClassName }), state.slots)).best() !== undefined;
  };
  const classes = [undefined, "containers", "sandboxed", "any", "components"];
  t.deepEqual(classes.map((name) => fits(undefined, name)), [true, true, true, true, false]);
  t.deepEqual(classes.map((name) => fits(["", "runc"], name)), [true, true, false, true, false]);
  t.deepEqual(classes.map((name) => fits(["", "kata", "wasi"], name)), [true, true, true, true, true]);
  t.deepEqual(classes.map((name) => fits(["wasi"], name)), [false, false, false, true, true]);
});

test("a pod that fits nowhere is told why, node by node", (t) => {
  const state = cluster(() => ({}));
  state.setNode(aNode("tiny", { cpu: "1" }));
  state.setNode(aNode("tainted", { taints: [{ key: "gpu", effect: "NoSchedule" }] }));
  const ranked = rankings(state, () => undefined);
  const reasons = ranked.of(podInfo(aPod("p", { cpu: "3" }), state.slots)).diagnose();
  t.deepEqual(Object.fromEntries(reasons), { "Insufficient cpu": 1, "node(s) had untolerated taint(s)": 1 });
});
