/** Why pods wait, counted incrementally, is what a count of all nodes would say. */
import test from "ava";
import fc from "fast-check";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { cluster } from "../../core/scheduler/cluster.ts";
import { podInfo } from "../../core/scheduler/pod-info.ts";
import { rankings } from "../../core/scheduler/rankings.ts";

const HOST = "kubernetes.io/hostname";

function node(index: number, cpu: number, cordoned: boolean): Node {
  const name = `node-${index}`;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { [HOST]: name } },
    spec: { unschedulable: cordoned },
    status: { allocatable: { pods: "3", cpu: `${cpu}`, memory: "1Gi" } },
  };
}

function pod(uid: string, cpu: number): Pod {
  const term = { topologyKey: HOST, labelSelector: { matchLabels: { lone: "yes" } } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: uid, namespace: "default", uid, labels: { lone: "yes" } },
    spec: {
      containers: [{ name: "main", image: "x", resources: { requests: { cpu: `${cpu}` } } }],
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    },
  };
}

const at = fc.nat(5);
const step = fc.oneof(
  fc.record({ set: at, cpu: fc.integer({ min: 1, max: 4 }), cordoned: fc.boolean() }),
  fc.record({ place: fc.nat(9), on: at, cpu: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ lift: fc.nat(9) }),
  fc.record({ remove: at }),
  fc.constant("ask" as const),
);

test("a diagnosis that follows changes equals one from the start", (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const state = cluster(() => ({}));
      const asked = () => podInfo(pod("asked", 2), state.slots);
      const followed = rankings(state, () => undefined).of(asked());
      // in which order reasons were met says nothing
      const sorted = (reasons: ReadonlyMap<string, number>) => [...reasons].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const compare = () => t.deepEqual(sorted(followed.diagnose()), sorted(rankings(state, () => undefined).of(asked()).diagnose()));
      for (const each of steps) {
        if (each === "ask") compare();
        else if ("set" in each) state.setNode(node(each.set, each.cpu, each.cordoned));
        else if ("place" in each) state.place(podInfo(pod(`pod-${each.place}`, each.cpu), state.slots), `node-${each.on}`);
        else if ("lift" in each) state.lift(`pod-${each.lift}`);
        else state.removeNode(`node-${each.remove}`);
      }
      compare();
    }),
  );
});
