import test from "ava";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import type { Pod, Taint } from "../../core/api/types.gen.ts";
import { nodeLifecycle } from "../../core/controllers/node-lifecycle.ts";
import { taintsFor } from "../../core/controllers/node-taints.ts";
import { podGarbageCollector, QUARANTINE_MS, waste } from "../../core/controllers/pod-garbage-collector.ts";
import { tolerates } from "../../core/api/toleration.ts";
import { evictionTime, taintEviction } from "../../core/controllers/taint-eviction.ts";
import { evictionRate, zoneState } from "../../core/controllers/zone-disruption.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane, podsOf, reportRunning } from "../support/control-plane.ts";

const tolerations = ["not-ready", "unreachable"].map((what) => ({
  key: `node.kubernetes.io/${what}`,
  operator: "Exists" as const,
  effect: "NoExecute" as const,
  tolerationSeconds: 300,
}));
const condition = (status: string, type = "Ready") => ({ type, status });
async function makeNode({ admin }: ControlPlane, name: string, status = "True"): Promise<void> {
  await admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name } });
  await report({ admin }, name, status);
}
const report = ({ admin }: Pick<ControlPlane, "admin">, name: string, status: string) =>
  admin.patch(NODES, { name, subresource: "status" }, { type: "merge", patch: { status: { conditions: [condition(status)] } } });
const taints = async ({ admin }: ControlPlane, name: string) => ((await admin.get(NODES, { name })).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
const makePod = ({ admin }: ControlPlane, name: string, nodeName: string, more: object = {}) =>
  admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: { nodeName, containers: [{ name: "c", image: "i" }], tolerations, ...more } });

test("a lost node is tainted, its pods stop being ready and go when their patience ends", async (t) => {
  const plane = await controlPlane(t);
  await makeNode(plane, "a");
  await makeNode(plane, "b");
  await plane.run(nodeLifecycle, taintEviction);
  await reportRunning(plane, await makePod(plane, "patient", "a"));
  await makePod(plane, "stays", "a", { tolerations: [{ operator: "Exists" }] });
  await makePod(plane, "impatient", "a", { tolerations: [] });
  await report(plane, "a", "Unknown");
  await plane.clock.advance(1_000);
  t.deepEqual(await taints(plane, "a"), ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"]);
  const patient = await plane.admin.get(PODS, { namespace: "default", name: "patient" });
  t.is(patient.status?.conditions?.find(({ type }) => type === "Ready")?.status, "False");
  t.is(patient.metadata.deletionTimestamp, undefined);
  t.truthy((await plane.admin.get(PODS, { namespace: "default", name: "impatient" })).metadata.deletionTimestamp);
  await plane.clock.advance(301_000);
  const gone = await plane.admin.get(PODS, { namespace: "default", name: "patient" });
  t.truthy(gone.metadata.deletionTimestamp);
  t.like(gone.status?.conditions?.find(({ type }) => type === "DisruptionTarget"), { reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" });
  t.is((await plane.admin.get(PODS, { namespace: "default", name: "stays" })).metadata.deletionTimestamp, undefined);
  await report(plane, "a", "True");
  await plane.clock.advance(1_000);
  t.deepEqual(await taints(plane, "a"), []);
  t.deepEqual(plane.complaints, []);
});

test("a node that comes back in time keeps its pods", async (t) => {
  const plane = await controlPlane(t);
  await makeNode(plane, "a");
  await makeNode(plane, "b");
  await plane.run(nodeLifecycle, taintEviction);
  await makePod(plane, "p", "a");
  await report(plane, "a", "Unknown");
  await plane.clock.advance(200_000);
  await report(plane, "a", "True");
  await plane.clock.advance(300_000);
  t.is((await plane.admin.get(PODS, { namespace: "default", name: "p" })).metadata.deletionTimestamp, undefined);
});

test("eviction is slow per zone, and stops when everything is lost", async (t) => {
  const plane = await controlPlane(t);
  for (const name of ["a", "b", "c", "d", "e"]) await makeNode(plane, name);
  await plane.run(nodeLifecycle);
  await report(plane, "a", "Unknown");
  await report(plane, "b", "Unknown");
  await plane.clock.advance(1_000);
  const evicted = async () => (await Promise.all(["a", "b", "c", "d", "e"].map((name) => taints(plane, name)))).filter((all) => all.some((text) => text.endsWith("NoExecute"))).length;
  t.is(await evicted(), 1);
  await plane.clock.advance(10_000);
  t.is(await evicted(), 2);
  for (const name of ["c", "d", "e"]) await report(plane, name, "Unknown");
  await plane.clock.advance(60_000);
  t.is(await evicted(), 0);
  await report(plane, "e", "True");
  await report(plane, "d", "True");
  await report(plane, "c", "True");
  await plane.clock.advance(60_000);
  t.is(await evicted(), 2);
});

test("zones and rates", (t) => {
  t.is(zoneState({ ready: 1, notReady: 2 }), "normal");
  t.is(zoneState({ ready: 2, notReady: 3 }), "partial");
  t.is(zoneState({ ready: 0, notReady: 1 }), "full");
  t.is(evictionRate({ ready: 2, notReady: 3 }, false), 0);
  t.is(evictionRate({ ready: 20, notReady: 40 }, false), 0.01);
  t.is(evictionRate({ ready: 0, notReady: 1 }, false), 0.1);
  t.is(evictionRate({ ready: 0, notReady: 1 }, true), 0);
});

test("taints of others stay; conditions and unschedulable are taints too", (t) => {
  const foreign: Taint = { key: "x", value: "y", effect: "NoExecute" };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n" },
    spec: { unschedulable: true, taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" as const }, foreign] },
    status: { conditions: [condition("True"), condition("True", "DiskPressure")] },
  };
  t.deepEqual(taintsFor(node, false, "T"), [
    foreign,
    { key: "node.kubernetes.io/disk-pressure", effect: "NoSchedule", timeAdded: "T" },
    { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule", timeAdded: "T" },
  ]);
});

test("how long a pod tolerates", (t) => {
  const taint: Taint = { key: "k", value: "v", effect: "NoExecute", timeAdded: "2030-01-01T00:00:00Z" };
  const start = Date.UTC(2030, 0, 1);
  t.is(evictionTime([], [], start), undefined);
  t.is(evictionTime([taint], [], start), 0);
  t.is(evictionTime([taint], [{ operator: "Exists" }], start), undefined);
  t.is(evictionTime([taint], [{ key: "k", value: "v", tolerationSeconds: 10 }, { operator: "Exists" }], start), start + 10_000);
  t.is(evictionTime([taint], [{ key: "k", value: "v", tolerationSeconds: -1 }], start), start);
  t.false(tolerates({ key: "k", value: "w" }, taint));
  t.false(tolerates({ key: "k", value: "v", effect: "NoSchedule" }, taint));
});

test("pods of a node that is gone go after a while; unbound ones at once", async (t) => {
  const plane = await controlPlane(t);
  await makeNode(plane, "a");
  await plane.run(podGarbageCollector);
  await makePod(plane, "p", "a");
  await plane.admin.delete(NODES, { name: "a" });
  await plane.clock.advance(QUARANTINE_MS - 5_000);
  t.is((await podsOf(plane)).length, 1);
  await plane.clock.advance(30_000);
  t.is((await podsOf(plane)).length, 0);
  t.deepEqual(plane.complaints, []);
});

const finishedPod = (name: string, created: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, creationTimestamp: created },
  spec: { nodeName: "n", containers: [] },
  status: { phase: "Succeeded" },
});

test("of too many finished pods the oldest go", (t) => {
  const pods = [finishedPod("second", "2030-01-02T00:00:00Z"), finishedPod("first", "2030-01-01T00:00:00Z"), finishedPod("third", "2030-01-03T00:00:00Z")];
  t.deepEqual(waste(pods, () => undefined, new Set(), 2).map(({ pod: { metadata } }) => metadata.name), ["first"]);
});
