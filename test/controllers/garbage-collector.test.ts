import test from "ava";
import { CLUSTER_ROLES, CONFIG_MAPS, EVENTS, SECRETS } from "../../core/api/resources.gen.ts";
import type { DeleteOptions } from "../../core/api/client.ts";
import type { ConfigMap } from "../../core/api/types.gen.ts";
import type { Situation } from "../../core/controllers/garbage-collector.ts";
import { decide, garbageCollector } from "../../core/controllers/garbage-collector.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane } from "../support/control-plane.ts";

interface Owner {
  readonly metadata: ConfigMap["metadata"];
  readonly kind: string;
  readonly apiVersion: string;
}
const refer = ({ metadata, kind, apiVersion }: Owner, blockOwnerDeletion = false) => ({
  apiVersion,
  kind,
  name: metadata.name ?? "",
  uid: metadata.uid ?? "",
  blockOwnerDeletion,
});
const make = ({ admin }: ControlPlane, name: string, owners: readonly object[] = [], namespace = "default") =>
  admin.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...(owners.length === 0 ? {} : { ownerReferences: owners }) } });
const remove = ({ admin }: ControlPlane, name: string, options: DeleteOptions = {}) => admin.delete(CONFIG_MAPS, { namespace: "default", name }, options);
const names = async ({ admin }: ControlPlane, namespace = "default") => (await admin.list(CONFIG_MAPS, { namespace })).items.map(({ metadata }) => metadata.name);
const read = ({ admin }: ControlPlane, name: string) => admin.get(CONFIG_MAPS, { namespace: "default", name });

test("dependents follow a deleted owner, through all generations and kinds", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const owner = await make(plane, "o");
  const child = await make(plane, "c", [refer(owner)]);
  await make(plane, "grandchild", [refer(child)]);
  await plane.admin.create(SECRETS, { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default", ownerReferences: [refer(owner)] } });
  await plane.clock.settle();
  t.is((await names(plane)).length, 3);
  await remove(plane, "o");
  await plane.clock.advance(1_000);
  t.deepEqual(await names(plane), []);
  t.is((await plane.admin.list(SECRETS, { namespace: "default" })).items.length, 0);
  t.deepEqual(plane.complaints, []);
});

test("one of two owners is not enough to lose", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const [first, second] = [await make(plane, "first"), await make(plane, "second")];
  await make(plane, "c", [refer(first), refer(second)]);
  await remove(plane, "first");
  await plane.clock.advance(1_000);
  t.deepEqual((await read(plane, "c")).metadata.ownerReferences?.map(({ name }) => name), ["second"]);
  await remove(plane, "second");
  await plane.clock.advance(1_000);
  t.deepEqual(await names(plane), []);
});

test("foreground: the owner waits for dependents that block it", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const owner = await make(plane, "o");
  await plane.admin.create(CONFIG_MAPS, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "held", namespace: "default", finalizers: ["x.io/y"], ownerReferences: [refer(owner, true)] },
  });
  await make(plane, "free", [refer(owner)]);
  await remove(plane, "o", { propagationPolicy: "Foreground" });
  await plane.clock.advance(1_000);
  t.deepEqual(await names(plane), ["held", "o"]);
  t.truthy((await read(plane, "held")).metadata.deletionTimestamp);
  await plane.admin.patch(CONFIG_MAPS, { namespace: "default", name: "held" }, { type: "merge", patch: { metadata: { finalizers: null } } });
  await plane.clock.advance(1_000);
  t.deepEqual(await names(plane), []);
});

test("orphan: dependents stay, without the reference", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const owner = await make(plane, "o");
  await make(plane, "c", [refer(owner)]);
  await plane.clock.settle();
  await remove(plane, "o", { propagationPolicy: "Orphan" });
  await plane.clock.advance(1_000);
  t.deepEqual(await names(plane), ["c"]);
  t.is((await read(plane, "c")).metadata.ownerReferences, undefined);
});

test("a circle of blocking owners ends", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const first = await make(plane, "first");
  const second = await make(plane, "second", [refer(first, true)]);
  const third = await make(plane, "third", [refer(second, true)]);
  await plane.admin.patch(CONFIG_MAPS, { namespace: "default", name: "first" }, { type: "merge", patch: { metadata: { ownerReferences: [refer(third, true)] } } });
  await plane.clock.settle();
  await remove(plane, "first", { propagationPolicy: "Foreground" });
  await plane.clock.advance(5_000);
  t.deepEqual(await names(plane), []);
});

test("an owner that never was, one of another uid, and one in another namespace", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(garbageCollector);
  const elsewhere = await make(plane, "elsewhere", [], "kube-system");
  const owner = await make(plane, "o");
  await make(plane, "never", [{ apiVersion: "v1", kind: "ConfigMap", name: "none", uid: "none" }]);
  await make(plane, "reborn", [{ ...refer(owner), uid: "before" }]);
  await make(plane, "foreign", [refer(elsewhere)]);
  await make(plane, "unserved", [{ apiVersion: "x.io/v1", kind: "Gone", name: "g", uid: "g" }]);
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "r", ownerReferences: [refer(owner), { ...refer(elsewhere), uid: "z" }] } };
  await plane.admin.create(CLUSTER_ROLES, role);
  await plane.clock.advance(5_000);
  t.deepEqual(await names(plane), ["o", "unserved"]);
  t.truthy(await plane.admin.get(CLUSTER_ROLES, { name: "r" }), "what is outside of namespaces has no owner inside one");
  const events = (await plane.admin.list(EVENTS, {})).items.map(({ reason }) => reason);
  t.true(events.includes("OwnerRefInvalidNamespace"));
});

const situation = (states: readonly ("solid" | "dangling" | "waiting" | "unknown")[], more: Partial<Situation> = {}): Situation => ({
  finalizers: [],
  owners: states.map((state, index) => ({ uid: String(index), state })),
  dependents: 0,
  circle: false,
  ...more,
});

test("what becomes of an object, from the states of its owners", (t) => {
  t.deepEqual(decide(situation([])), { type: "nothing" });
  t.deepEqual(decide(situation(["solid"])), { type: "nothing" });
  t.deepEqual(decide(situation(["dangling", "unknown"])), { type: "nothing" });
  t.deepEqual(decide(situation(["solid", "dangling", "waiting"])), { type: "disown", uids: ["1", "2"] });
  t.deepEqual(decide(situation(["dangling"])), { type: "delete", policy: "Background", unblock: false });
  t.deepEqual(decide(situation(["dangling"], { finalizers: ["orphan"] })), { type: "delete", policy: "Orphan", unblock: false });
  t.deepEqual(decide(situation(["waiting"])), { type: "delete", policy: "Background", unblock: false });
  t.deepEqual(decide(situation(["waiting"], { dependents: 1, circle: true })), { type: "delete", policy: "Foreground", unblock: true });
});
