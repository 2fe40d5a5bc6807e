import test from "ava";
import { clearing } from "../../core/scheduler/clearing.ts";
import { podInfo } from "../../core/scheduler/pod-info.ts";
import { resourceSlots } from "../../core/scheduler/resources.ts";
import { aPod } from "./support/objects.ts";

const slots = resourceSlots();
const pod = (name: string) => podInfo(aPod(name), slots);
const names = (pods: readonly { readonly name: string }[]) => pods.map(({ name }) => name);

test("the end of the last victim wakes who waits, and only that", (t) => {
  const cleared = clearing();
  cleared.begin(pod("high"), "n", [pod("a"), pod("b")]);
  t.true(cleared.isLeaving(pod("a").uid));
  t.true(cleared.keeps(pod("high")));
  t.is(cleared.waiting, 1);
  t.deepEqual(cleared.ended(pod("unrelated").uid), []);
  t.deepEqual(cleared.ended(pod("a").uid), []);
  t.deepEqual(names(cleared.ended(pod("b").uid)), ["high"]);
  t.is(cleared.waiting, 0);
  t.false(cleared.isLeaving(pod("b").uid));
});

test("a node stays promised until the pod is forgotten, and it waits for nobody then", (t) => {
  const cleared = clearing();
  cleared.begin(pod("high"), "n", [pod("a")]);
  cleared.ended(pod("a").uid);
  t.false(cleared.keeps(pod("high")));
  t.true(cleared.forget(pod("high").uid));
  t.false(cleared.forget(pod("high").uid));
});

test("two pods that clear one node wait for the victims of both", (t) => {
  const cleared = clearing();
  cleared.begin(pod("first"), "n", [pod("a")]);
  cleared.begin(pod("second"), "n", [pod("b")]);
  t.deepEqual(cleared.ended(pod("a").uid), []);
  t.deepEqual(names(cleared.ended(pod("b").uid)), ["first", "second"]);
});

test("a pod that is forgotten is not woken; one whose node is gone has to look elsewhere", (t) => {
  const cleared = clearing();
  cleared.begin(pod("deleted"), "n", [pod("a")]);
  cleared.begin(pod("other"), "n", []);
  cleared.forget(pod("deleted").uid);
  t.deepEqual(names(cleared.nodeGone("n")), ["other"]);
  t.is(cleared.waiting, 0);
  t.false(cleared.forget(pod("other").uid));
  t.true(cleared.isLeaving(pod("a").uid));
  t.deepEqual(cleared.ended(pod("a").uid), []);
  t.false(cleared.isLeaving(pod("a").uid));
});
