import test from "ava";
import fc from "fast-check";
import { types } from "../../../core/api/schema/facts.ts";
import { strategicMerge } from "../../../core/registry/strategic-merge/strategic-merge.ts";

const pod = types().get("io.k8s.api.core.v1.PodSpec");
type Spec = { readonly [field: string]: unknown };
const merge = (original: Spec, patch: Spec) => strategicMerge(pod, original, patch).object;

test("lists with a merge key merge by it, new elements come first", (t) => {
  const original = { containers: [{ name: "a", image: "1" }, { name: "b", image: "1" }] };
  t.deepEqual(merge(original, { containers: [{ name: "b", image: "2" }, { name: "c", image: "3" }] }), {
    containers: [{ name: "a", image: "1" }, { name: "b", image: "2" }, { name: "c", image: "3" }],
  });
  t.deepEqual(merge(original, { containers: [{ name: "c", image: "3" }] }), {
    containers: [{ name: "c", image: "3" }, { name: "a", image: "1" }, { name: "b", image: "1" }],
  });
});

test("directives delete, replace, retain, order and take primitives away", (t) => {
  const original = { containers: [{ name: "a" }, { name: "b" }], nodeSelector: { x: "1", y: "2" }, volumes: [{ name: "v", emptyDir: {} }] };
  t.deepEqual(merge(original, { containers: [{ name: "a", $patch: "delete" }] })["containers"], [{ name: "b" }]);
  t.deepEqual(merge(original, { containers: [{ $patch: "replace" }, { name: "z" }] })["containers"], [{ name: "z" }]);
  t.deepEqual(merge(original, { nodeSelector: { $patch: "replace", z: "3" } })["nodeSelector"], { z: "3" });
  t.deepEqual(merge(original, { nodeSelector: { $patch: "delete" } })["nodeSelector"], {});
  t.deepEqual(merge(original, { nodeSelector: { $retainKeys: ["x"], x: "5" } })["nodeSelector"], { x: "5" });
  t.deepEqual(merge(original, { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] })["containers"], [{ name: "b" }, { name: "a" }]);
  const changed = merge(original, { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/x" } }] });
  t.deepEqual(changed["volumes"], [{ name: "v", hostPath: { path: "/x" } }]);
  const meta = types().get("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  t.deepEqual(strategicMerge(meta, { finalizers: ["a", "b"] }, { "$deleteFromPrimitiveList/finalizers": ["a"], finalizers: ["c"] }).object["finalizers"], ["c", "b"]);
});

test("lists without a strategy are replaced, null removes, directives in new values are dropped", (t) => {
  t.deepEqual(merge({ tolerations: [{ key: "a" }] }, { tolerations: [{ key: "b" }] }), { tolerations: [{ key: "b" }] });
  t.deepEqual(merge({ hostname: "h" }, { hostname: null, dnsPolicy: "None" }), { dnsPolicy: "None" });
  t.deepEqual(merge({}, { containers: [{ name: "a", $patch: "delete" }, { name: "b", image: null }] }), { containers: [{ name: "b" }] });
});

test("a patch that contradicts itself is refused", (t) => {
  t.throws(() => merge({ nodeSelector: {} }, { nodeSelector: { $patch: "explode" } }), { message: "unknown patch type: explode in map: map[$patch:explode]" });
  t.throws(() => merge({ containers: [{ name: "a" }] }, { containers: [{ image: "x" }] }), { message: "map: map[image:x] does not contain declared merge key: name" });
  t.throws(() => merge({ containers: [{ name: "c" }] }, { "$setElementOrder/containers": [{ name: "d" }], containers: [{ name: "c" }] }), {
    message: "The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n[map[name:d]]\n",
  });
});

const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 });
const containers = names.chain((each) => fc.tuple(...each.map((name) => fc.record({ name: fc.constant(name), image: fc.constantFrom("1", "2") }))));
const spec = fc.record(
  { containers, nodeSelector: fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1", "2")), hostname: fc.constantFrom("h", "i") },
  { requiredKeys: [] },
);

test("applying a patch twice is applying it once, and neither argument changes", (t) => {
  fc.assert(
    fc.property(spec, spec, (original, patch) => {
      const before = JSON.stringify([original, patch]);
      const once = merge(original, patch);
      t.deepEqual(merge(once, patch), once);
      t.is(JSON.stringify([original, patch]), before);
    }),
  );
});

test("an object patched with itself stays as it is", (t) => {
  fc.assert(fc.property(spec, (original) => t.deepEqual(merge(original, original), original)));
});
