import test from "ava";
import fc from "fast-check";
import type { AnyObject } from "../../core/api/meta.ts";
import { CONFIG_MAPS, DEPLOYMENTS, PODS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import { jsonPatch } from "../../core/registry/json-patch.ts";
import { mergePatch } from "../../core/registry/merge-patch.ts";
import { setup } from "./setup.ts";

const a = { namespace: "n", name: "a" };

test("JSON Patch does what RFC 6902 says, and shares what it does not touch", (t) => {
  const document = { kept: { deep: [1] }, list: ["a", "b"], "x/y": 1 };
  const apply = (...operations: object[]) => jsonPatch(document, operations) as typeof document;
  t.deepEqual(apply({ op: "add", path: "/list/1", value: "z" }).list, ["a", "z", "b"]);
  t.deepEqual(apply({ op: "add", path: "/list/-", value: "z" }).list, ["a", "b", "z"]);
  t.deepEqual(apply({ op: "remove", path: "/list/-1" }).list, ["a"]);
  t.deepEqual(apply({ op: "move", from: "/list/0", path: "/list/1" }).list, ["b", "a"]);
  t.deepEqual(apply({ op: "copy", from: "/list/0", path: "/copy" }), { ...document, copy: "a" } as never);
  t.is(apply({ op: "test", path: "/x~1y", value: 1 }), document);
  t.is(apply({ op: "replace", path: "/list/0", value: "q" }).kept, document.kept);
  t.deepEqual(document.list, ["a", "b"]);
});

test("JSON Patch that does not fit is refused as a whole", (t) => {
  const document = { list: ["a"] };
  const wrong = [
    { op: "remove", path: "/none" },
    { op: "test", path: "/list", value: [] },
    { op: "add", path: "/list/9", value: 1 },
    { op: "add", path: "/none/at/all", value: 1 },
    { op: "explode", path: "/list" },
  ];
  for (const operation of wrong) t.throws(() => jsonPatch(document, [operation]), { message: /the server rejected our request/ });
  t.throws(() => jsonPatch(document, { op: "add" }), { message: /cannot unmarshal object/ });
  t.throws(() => jsonPatch(document, Array.from({ length: 10_001 }, () => wrong[0])), { message: /allowed maximum operations/ });
});

test("copies of copies do not fill the memory", (t) => {
  const doubling = Array.from({ length: 60 }, () => ({ op: "copy", from: "/list", path: "/list/-" }));
  const error = t.throws(() => jsonPatch({ list: ["a"] }, doubling), { message: /the server rejected our request/ });
  t.regex(String(error?.cause), /exceeding the limit/);
});

const json = fc.jsonValue({ maxDepth: 3 });
const objects = fc.dictionary(fc.string(), json, { maxKeys: 4 });

test("a merge patch leaves no nulls of its own, and its order does not matter", (t) => {
  fc.assert(
    fc.property(objects, objects, (target, patch) => {
      const merged = mergePatch(target, patch) as { readonly [key: string]: unknown };
      for (const [key, value] of Object.entries(patch)) t.is(value === null, !Object.hasOwn(merged, key));
      t.deepEqual(mergePatch(merged, patch), merged);
    }),
  );
});

test("what a patch makes is decoded, defaulted and validated", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, { metadata: { name: "a" }, data: { k: "v" } }, { namespace: "n" });
  const merge = (patch: object, options = {}) => client.patch(CONFIG_MAPS, a, { type: "merge", patch }, options);
  await t.throwsAsync(merge({ data: { k: 5 } }), { message: /cannot unmarshal number into Go struct field/ });
  await t.throwsAsync(merge({ apiVersion: "v2" }), { message: /no kind "ConfigMap" is registered for version "v2"/ });
  await t.throwsAsync(merge({ nothing: 1 }, { fieldValidation: "Strict" }), { message: /strict decoding error: unknown field "nothing"/ });
  const warnings: string[] = [];
  const { object } = await merge({ nothing: 1, data: { k: "w" } }, { warn: (text: string) => warnings.push(text) });
  t.deepEqual([object.data, warnings], [{ k: "w" }, ['unknown field "nothing"']]);
  await t.throwsAsync(merge({ metadata: { uid: "x" } }), { message: /metadata.uid: Invalid value: "x": field is immutable/ });
  await t.throwsAsync(merge({ metadata: { resourceVersion: "1" }, data: {} }), { message: /the object has been modified/ });
});

test("scale is a view on spec.replicas", async (t) => {
  const { client } = await setup();
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "x" }] } };
  const spec = { replicas: 1, selector: { matchLabels: { app: "a" } }, template };
  await client.create(DEPLOYMENTS, { metadata: { name: "a" }, spec }, { namespace: "n" });
  const scale = { ...a, subresource: "scale" };
  t.like(await client.get(DEPLOYMENTS, scale), { kind: "Scale", spec: { replicas: 1 }, status: { selector: "app=a" } });
  await client.patch(DEPLOYMENTS, scale, { type: "merge", patch: { spec: { replicas: 3 } } });
  t.is((await client.get(DEPLOYMENTS, a)).spec?.replicas, 3);
  const body = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "a" }, spec: { replicas: -1 } };
  await t.throwsAsync(client.update(DEPLOYMENTS, scale, body), { message: /spec.replicas: Invalid value: -1: must be greater than or equal to 0/ });
});

test("a pod is bound once", async (t) => {
  const { client } = await setup();
  await client.create(PODS, { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x" }] } }, { namespace: "n" });
  const bind = (node: string) =>
    client.create(PODS, { apiVersion: "v1", kind: "Binding", metadata: { name: "a" }, target: { kind: "Node", name: node } }, { ...a, subresource: "binding" });
  t.like(await bind("n1"), { kind: "Status", code: 201 });
  const pod = await client.get(PODS, a);
  t.is(pod.spec?.nodeName, "n1");
  t.like(pod.status?.conditions?.[0], { type: "PodScheduled", status: "True" });
  await t.throwsAsync(bind("n2"), { message: /pod a is already assigned to node "n1"/ });
  await t.throwsAsync(bind(""), { message: "target.name: Required value" });
});

test("a patch may not take the name away, and what is no patch is said of objects that exist", async (t) => {
  const { client } = await setup();
  const at = { namespace: "n", name: "a" };
  const unreadable = { type: "unreadable", error: new ApiError("BadRequest", "no patch") } as const;
  await t.throwsAsync(client.patch(CONFIG_MAPS, at, unreadable), { message: 'configmaps "a" not found' });
  await client.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } }, { namespace: "n" });
  await t.throwsAsync(client.patch(CONFIG_MAPS, at, unreadable), { message: "no patch" });
  for (const patch of [{ metadata: null }, { metadata: { name: null } }, null]) {
    await t.throwsAsync(client.patch(CONFIG_MAPS, at, { type: "merge", patch }), { message: "the name of the object (a based on URL) was undeterminable: name must be provided" });
  }
  await t.throwsAsync(client.patch(CONFIG_MAPS, at, { type: "merge", patch: { metadata: { name: "b" } } }), { message: "the name of the object (b) does not match the name on the URL (a)" });
});

test("apply on scale: conflicts and owners are told of the Scale, and kept with the object", async (t) => {
  const { client } = await setup();
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "x" }] } };
  const spec = { replicas: 1, selector: { matchLabels: { app: "a" } }, template };
  await client.create(DEPLOYMENTS, { metadata: { name: "a" }, spec }, { namespace: "n", fieldManager: "kubectl" });
  const scale = { ...a, subresource: "scale" };
  const apply = (replicas: unknown, force = false, head = {}) => {
    const object = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "a" }, spec: replicas === undefined ? {} : { replicas }, ...head } as unknown as AnyObject;
    return client.patch(DEPLOYMENTS, scale, { type: "apply", object, force }, { fieldManager: "m" });
  };
  await t.throwsAsync(apply(3), { message: 'Apply failed with 1 conflict: conflict with "kubectl" using autoscaling/v1: .spec.replicas' });
  t.like((await apply(3, true)).object, { kind: "Scale", spec: { replicas: 3 } });
  const { spec: scaled, metadata } = await client.get(DEPLOYMENTS, a);
  t.is(scaled?.replicas, 3);
  const owners = (metadata.managedFields ?? []).map(({ manager, operation, subresource, apiVersion, fieldsV1 }) => [manager, operation, subresource, apiVersion, "f:replicas" in ((fieldsV1 ?? {}) as { "f:spec": object })["f:spec"]]);
  t.deepEqual(owners, [["m", "Apply", "scale", "apps/v1", true], ["kubectl", "Update", undefined, "apps/v1", false]]);
  await t.throwsAsync(apply("x", true), { message: /failed to create typed patch object \(\/a; autoscaling\/v1, Kind=Scale\): .spec.replicas: expected numeric/ });
  await t.throwsAsync(apply(1, true, { apiVersion: "apps/v1" }), { message: "invalid object type: apps/v1, Kind=Scale" });
  await t.throwsAsync(apply(-1, true), { message: /must be greater than or equal to 0/ });
});
