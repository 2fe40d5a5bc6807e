import test from "ava";
import fc from "fast-check";
import type { Client } from "../../core/api/client.ts";
import type { AnyObject, ManagedFieldsEntry } from "../../core/api/meta.ts";
import { CONFIG_MAPS, PODS, POD_TEMPLATES, SERVICE_ACCOUNTS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import type { FieldSet } from "../../core/registry/managed-fields/field-set.ts";
import { difference, intersection, pathsOf, union } from "../../core/registry/managed-fields/field-set.ts";
import { setup } from "./setup.ts";

const a = { namespace: "n", name: "a" };

function applier(client: Client) {
  return async (manager: string, data: object, force = false) => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data } as unknown as AnyObject;
    return (await client.patch(CONFIG_MAPS, a, { type: "apply", object, force }, { fieldManager: manager })).object;
  };
}

const owned = ({ metadata }: { readonly metadata: { readonly managedFields?: readonly ManagedFieldsEntry[] } }) =>
  metadata.managedFields?.map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]);

test("apply creates, changes and removes what its manager owns", async (t) => {
  const { client } = await setup();
  const apply = applier(client);
  t.deepEqual(owned(await apply("one", { x: "1", y: "2" })), [["one", "Apply", { "f:data": { "f:x": {}, "f:y": {} } }]]);
  const second = await apply("one", { x: "2" });
  t.deepEqual(second.data, { x: "2" });
  t.is(await apply("one", { x: "2" }), second, "nothing changed");
});

test("another value is a conflict that force resolves; an equal value is shared", async (t) => {
  const { client } = await setup();
  const apply = applier(client);
  await apply("one", { x: "1", y: "1" });
  const error = await t.throwsAsync(apply("two", { x: "2", y: "2" }), { instanceOf: ApiError });
  t.is(error?.message, 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\n- .data.y');
  t.deepEqual(error?.details?.causes?.map(({ reason, field }) => [reason, field]), [["FieldManagerConflict", ".data.x"], ["FieldManagerConflict", ".data.y"]]);
  t.deepEqual(owned(await apply("two", { y: "1" })), [
    ["two", "Apply", { "f:data": { "f:y": {} } }],
    ["one", "Apply", { "f:data": { "f:x": {}, "f:y": {} } }],
  ]);
  const forced = await apply("two", { x: "2", y: "1" }, true);
  t.deepEqual(owned(forced)?.find(([manager]) => manager === "one"), ["one", "Apply", { "f:data": { "f:y": {} } }]);
  t.deepEqual((await apply("one", {})).data, { x: "2", y: "1" }, "two still owns both");
});

test("an update takes ownership, and its removals are nobody's", async (t) => {
  const { client } = await setup();
  const apply = applier(client);
  await apply("one", { x: "1", y: "1" });
  const updated = await client.update(CONFIG_MAPS, a, { metadata: { name: "a" }, data: { x: "2" } }, { fieldManager: "kubectl-edit" });
  t.deepEqual(owned(updated), [["kubectl-edit", "Update", { "f:data": { "f:x": {} } }]]);
  await t.throwsAsync(apply("one", { x: "1" }), { message: 'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.x' });
});

test("a create owns what the user wrote, not what the server fills in", async (t) => {
  const { client } = await setup();
  const made = await client.create(CONFIG_MAPS, { metadata: { name: "a", labels: { l: "m" } }, data: { k: "v" } }, { namespace: "n", fieldManager: "diff" });
  t.deepEqual(owned(made), [["diff", "Update", { "f:metadata": { "f:labels": { ".": {}, "f:l": {} } }, "f:data": { ".": {}, "f:k": {} } }]]);
});

test("lists merge by their keys, keys have defaults, atomic lists do not merge", async (t) => {
  const { client } = await setup();
  const apply = async (manager: string, container: object) => {
    const object = {
      apiVersion: "v1",
      kind: "PodTemplate",
      metadata: { name: "a" },
      template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "x", ...container }] } },
    } as unknown as AnyObject;
    return (await client.patch(POD_TEMPLATES, a, { type: "apply", object, force: false }, { fieldManager: manager })).object;
  };
  await apply("one", { ports: [{ containerPort: 53 }], command: ["a"] });
  const both = await apply("two", { ports: [{ containerPort: 53, protocol: "UDP" }] });
  t.deepEqual(both.template?.spec?.containers[0]?.ports?.map(({ protocol }) => protocol), ["TCP", "UDP"]);
  await t.throwsAsync(apply("two", { command: ["b"] }), { message: /\.template\.spec\.containers\[name="c"\]\.command/ });
});

test("status is owned through its subresource", async (t) => {
  const { client } = await setup();
  await client.create(PODS, { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x" }] } }, { namespace: "n" });
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status: { conditions: [{ type: "X", status: "True" }] } } as unknown as AnyObject;
  const applied = await client.patch(PODS, { ...a, subresource: "status" }, { type: "apply", object, force: false }, { fieldManager: "one" });
  const entry = applied.object.metadata.managedFields?.find(({ manager }) => manager === "one");
  t.like(entry, { subresource: "status", fieldsV1: { "f:status": { "f:conditions": { 'k:{"type":"X"}': { ".": {}, "f:status": {}, "f:type": {} } } } } });
});

test("an apply must say who it is and name only fields that exist", async (t) => {
  const { client } = await setup();
  const apply = applier(client);
  await t.throwsAsync(apply("", {}), { message: /fieldManager: Required value/ });
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, nothing: 1 } as unknown as AnyObject;
  await t.throwsAsync(client.patch(CONFIG_MAPS, a, { type: "apply", object, force: false }, { fieldManager: "one" }), { message: /\.nothing: field not declared in schema/ });
});

test("one empty entry switches tracking off until the next apply", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, { metadata: { name: "a" }, data: { k: "v" } }, { namespace: "n" });
  const { object } = await client.patch(CONFIG_MAPS, a, { type: "merge", patch: { metadata: { managedFields: [{}] } } });
  t.is(object.metadata.managedFields, undefined);
  t.deepEqual(owned(await applier(client)("one", { x: "1" }))?.map(([manager]) => manager), ["one", "before-first-apply"]);
});

const element = fc.constantFrom("f:a", "f:b", 'k:{"name":"c"}');
const { node } = fc.letrec<{ node: FieldSet }>((tie) => ({
  node: fc.oneof({ depthSize: "small" }, fc.constant({}), fc.constant({}), fc.dictionary(fc.oneof(element, fc.constant(".")), tie("node"), { maxKeys: 3, noNullPrototype: true }).map((set) => ("." in set ? { ...set, ".": {} } : set))),
}));
const set = fc.dictionary(element, node, { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<FieldSet>;
const paths = (of: FieldSet) => [...pathsOf(of)].toSorted();

test("sets of paths are sets", (t) => {
  fc.assert(
    fc.property(set, set, (one, other) => {
      const mine = paths(one);
      const theirs = paths(other);
      t.deepEqual(paths(union(one, other)), [...new Set([...mine, ...theirs])].toSorted());
      t.deepEqual(paths(difference(one, other)), mine.filter((path) => !theirs.includes(path)));
      t.deepEqual(paths(intersection(one, other)), mine.filter((path) => theirs.includes(path)));
    }),
  );
});

test("a manager that names nothing any more loses its labels and leaves the rest of the metadata", async (t) => {
  const { client } = await setup();
  const apply = async (labels: object | undefined) => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", ...(labels === undefined ? {} : { labels }) } } as unknown as AnyObject;
    return (await client.patch(CONFIG_MAPS, a, { type: "apply", object, force: false }, { fieldManager: "one" })).object;
  };
  const made = await apply({ x: "1" });
  const emptied = await apply(undefined);
  t.is(emptied.metadata.name, "a");
  t.is(emptied.metadata.uid, made.metadata.uid);
  t.is(emptied.metadata.labels, undefined);
});

test("what was there before the first apply belongs to a manager of its own, with its maps and a time", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } }, { namespace: "n" });
  for (const reset of [[{}], []]) {
    const cleared = await client.patch(CONFIG_MAPS, a, { type: "merge", patch: { metadata: { managedFields: reset } } });
    t.is(cleared.object.metadata.managedFields, undefined, JSON.stringify(reset));
  }
  const applied = await applier(client)("one", { y: "2" });
  const before = applied.metadata.managedFields?.find(({ manager }) => manager === "before-first-apply");
  t.deepEqual(before?.fieldsV1, { "f:data": { ".": {}, "f:x": {} } } as never);
  t.truthy(before?.time);
});

test("conflicts name the fields of a level before those below it", async (t) => {
  const { client } = await setup();
  const spec = (image: string, restartPolicy: string) => ({ spec: { containers: [{ name: "c", image }], restartPolicy } });
  const template = { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "a" } };
  await client.patch(POD_TEMPLATES, a, { type: "apply", object: { ...template, template: spec("1", "Never") } as unknown as AnyObject, force: false }, { fieldManager: "one" });
  const late = client.patch(POD_TEMPLATES, a, { type: "apply", object: { ...template, template: spec("2", "Always") } as unknown as AnyObject, force: false }, { fieldManager: "two" });
  const error = await t.throwsAsync(late, { instanceOf: ApiError });
  t.deepEqual(error?.details?.causes?.map(({ field }) => field), [".template.spec.restartPolicy", '.template.spec.containers[name="c"].image']);
});

test("nothing can be applied to a stored list map in which an item lacks its key", async (t) => {
  const { client } = await setup();
  await client.create(SERVICE_ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "a", namespace: "n" }, secrets: [{}] });
  const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "a" }, automountServiceAccountToken: false } as unknown as AnyObject;
  const error = await t.throwsAsync(client.patch(SERVICE_ACCOUNTS, a, { type: "apply", object, force: false }, { fieldManager: "m" }), { instanceOf: ApiError });
  t.is(error?.message, 'failed to create typed live object (n/a; /v1, Kind=ServiceAccount): .secrets: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)');
  t.is(error?.reason, "InternalError");
});
