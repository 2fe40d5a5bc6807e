import test from "ava";
import type { Pod } from "../../core/api/types.gen.ts";
import { cluster } from "../../core/scheduler/cluster.ts";
import { podInfo } from "../../core/scheduler/pod-info.ts";
import { type PreemptionSources, preemptor } from "../../core/scheduler/preemption.ts";
import { rankings } from "../../core/scheduler/rankings.ts";
import { aNode, aPod } from "./support/objects.ts";

const nobody: PreemptionSources = { isProtected: () => false, isLeaving: () => false };

function fullNode(...pods: readonly Pod[]) {
  const state = cluster(() => ({}));
  state.setNode(aNode("n", { cpu: "4" }));
  for (const pod of pods) state.place(podInfo(pod, state.slots), "n");
  const search = (pod: Pod, sources = nobody) => preemptor(rankings(state, () => undefined).of(podInfo(pod, state.slots)).pods, state, sources).best();
  return { state, search };
}

const low = (name: string, priority = 0) => aPod(name, { cpu: "900m", priority });

test("no pod goes that may stay", (t) => {
  const { search } = fullNode(low("a"), low("b"), low("c"), low("d"));
  t.is(search(aPod("high", { cpu: "3", priority: 10 }))?.victims.length, 3);
  t.is(search(aPod("high", { cpu: "1", priority: 10 }))?.victims.length, 1);
});

test("the least important pods go first", (t) => {
  const { search } = fullNode(low("a", 5), low("b", 1), low("c", 3), low("d", 4));
  t.deepEqual(search(aPod("high", { cpu: "2", priority: 10 }))?.victims.map((pod) => pod.name), ["c", "b"]);
});

test("pods of equal or higher priority stay, even if the pod then waits", (t) => {
  const { search } = fullNode(low("a", 10), low("b", 10), low("c", 10), low("d", 20));
  t.is(search(aPod("high", { cpu: "2", priority: 10 })), undefined);
});

test("pods that a disruption budget protects go only if there is no other way", (t) => {
  const { search } = fullNode(low("guarded"), low("b"), low("c"), low("d"));
  const sources: PreemptionSources = { ...nobody, isProtected: (pod) => pod.name === "guarded" };
  t.deepEqual(search(aPod("high", { cpu: "3", priority: 10 }), sources)?.victims.map((pod) => pod.name).toSorted(), ["b", "c", "d"]);
  t.is(search(aPod("high", { cpu: "4", priority: 10 }), sources)?.victims.length, 4);
});

test("room that is already being made is not made twice", (t) => {
  const { search } = fullNode(low("a"), low("b"), low("c"), low("d"));
  const found = search(aPod("high", { cpu: "1", priority: 10 }), { ...nobody, isLeaving: (uid) => uid === "uid-a" });
  t.is(found, undefined);
});
