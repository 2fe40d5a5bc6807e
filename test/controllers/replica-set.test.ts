import test from "ava";
import { PODS, REPLICA_SETS } from "../../core/api/resources.gen.ts";
import type { Pod, ReplicaSet } from "../../core/api/types.gen.ts";
import { replicaSet } from "../../core/controllers/replica-set.ts";
import { surplus } from "../../core/controllers/replicas.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane, podsOf, reportStatus } from "../support/control-plane.ts";

const template = (more: object = {}) => ({
  metadata: { labels: { app: "a" } },
  spec: { containers: [{ name: "c", image: "busybox" }], terminationGracePeriodSeconds: 30, ...more },
});
const set = (replicas: number, more: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "a", namespace: "default" },
  spec: { replicas, selector: { matchLabels: { app: "a" } }, template: template(), ...more },
});
const read = ({ admin }: ControlPlane): Promise<ReplicaSet> => admin.get(REPLICA_SETS, { namespace: "default", name: "a" });
const scale = ({ admin }: ControlPlane, replicas: number) =>
  admin.patch(REPLICA_SETS, { namespace: "default", name: "a" }, { type: "merge", patch: { spec: { replicas } } });

test("makes its pods, counts them, and says so once", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(3));
  await plane.clock.advance(1_000);
  const pods = await podsOf(plane);
  t.is(pods.length, 3);
  t.true(pods.every(({ metadata }) => metadata.generateName === "a-" && metadata.ownerReferences?.[0]?.kind === "ReplicaSet"));
  t.deepEqual((await read(plane)).status, { replicas: 3, fullyLabeledReplicas: 3, terminatingReplicas: 0, observedGeneration: 1 });
  await allRunning(plane);
  await plane.clock.advance(1_000);
  const { metadata, status } = await read(plane);
  t.is(status?.readyReplicas, 3);
  t.is(status?.availableReplicas, 3);
  await plane.clock.advance(3_600_000);
  t.is((await read(plane)).metadata.resourceVersion, metadata.resourceVersion, "no write without a change");
  t.deepEqual(plane.complaints, []);
});

test("a ready pod becomes available after minReadySeconds, without an event", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(1, { minReadySeconds: 30 }));
  await plane.clock.advance(100);
  await allRunning(plane);
  await plane.clock.advance(20_000);
  t.is((await read(plane)).status?.availableReplicas, undefined);
  await plane.clock.advance(11_000);
  t.is((await read(plane)).status?.availableReplicas, 1);
});

test("scales down by the order of worth, up again, and to zero", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(4));
  await plane.clock.advance(100);
  const [first, second] = await podsOf(plane);
  t.truthy(first && second);
  for (const pod of [first, second]) {
    if (pod !== undefined) await reportStatus(plane, pod, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] });
  }
  await scale(plane, 2);
  await plane.clock.advance(100);
  t.deepEqual((await podsOf(plane)).map(({ metadata }) => metadata.name), [first?.metadata.name, second?.metadata.name]);
  await scale(plane, 5);
  await plane.clock.advance(100);
  t.is((await podsOf(plane)).length, 5);
  await scale(plane, 0);
  await plane.clock.advance(100);
  t.is((await podsOf(plane)).length, 0);
  t.deepEqual((await read(plane)).status, { replicas: 0, terminatingReplicas: 0, observedGeneration: 4 });
});

test("a failed pod is replaced, a terminating one too", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(2, { template: template({ nodeName: "n1" }) }));
  await plane.clock.advance(100);
  const [failed, deleted] = await podsOf(plane);
  if (failed === undefined || deleted === undefined) return t.fail("two pods were expected");
  await reportStatus(plane, failed, { phase: "Failed" });
  await plane.admin.delete(PODS, { namespace: "default", name: deleted.metadata.name ?? "" });
  await plane.clock.advance(100);
  t.is((await podsOf(plane)).length, 4);
  const { status } = await read(plane);
  t.is(status?.replicas, 2);
  t.is(status?.terminatingReplicas, 1);
});

test("adopts what its selector matches and releases what it no longer does", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", labels: { app: "a" } }, spec: template().spec };
  await plane.admin.create(PODS, pod);
  await plane.admin.create(REPLICA_SETS, set(1));
  await plane.clock.advance(100);
  const adopted = await plane.admin.get(PODS, { namespace: "default", name: "p" });
  t.is((await podsOf(plane)).length, 1);
  t.like(adopted.metadata.ownerReferences?.[0], { kind: "ReplicaSet", name: "a", controller: true, blockOwnerDeletion: true });
  await plane.admin.patch(PODS, { namespace: "default", name: "p" }, { type: "merge", patch: { metadata: { labels: { app: "b" } } } });
  await plane.clock.advance(100);
  t.is((await plane.admin.get(PODS, { namespace: "default", name: "p" })).metadata.ownerReferences, undefined);
  t.is((await podsOf(plane)).length, 2);
});

test("a refused creation is one attempt, a condition and an event, and ends when it is allowed", async (t) => {
  let attempts = 0;
  let full = true;
  const plane = await controlPlane(t, {
    admission: [
      {
        name: "quota",
        handles: ({ kind, operation }) => kind.plural === "pods" && operation === "CREATE",
        async validate() {
          attempts++;
          if (full) throw new Error("exceeded quota: q");
        },
      },
    ],
  });
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(50));
  await plane.clock.settle();
  t.true(attempts <= 2, `${attempts} attempts for 50 pods`);
  t.like((await read(plane)).status, { replicas: 0, conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }] });
  full = false;
  await plane.clock.advance(120_000);
  t.is((await podsOf(plane)).length, 50);
  t.is((await read(plane)).status?.conditions, undefined);
});

test("hundreds of replicas are exactly as many as asked, while events are behind", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet);
  await plane.admin.create(REPLICA_SETS, set(700));
  const settled = (replicas: number) => async () => (await read(plane)).status?.replicas === replicas;
  await plane.clock.until(settled(700), 10_000);
  t.is((await podsOf(plane)).length, 700);
  await scale(plane, 10);
  await plane.clock.until(settled(10), 10_000);
  t.is((await podsOf(plane)).length, 10);
});

const ranked = (name: string, more: { node?: string; phase?: "Pending" | "Running"; ready?: boolean; cost?: string; created?: string } = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    uid: name,
    creationTimestamp: more.created ?? "2030-01-01T00:00:00Z",
    ...(more.cost === undefined ? {} : { annotations: { "controller.kubernetes.io/pod-deletion-cost": more.cost } }),
  },
  spec: { containers: [], nodeName: more.node ?? "n1" },
  status: {
    phase: more.phase ?? "Running",
    conditions: more.ready === false ? [] : [{ type: "Ready", status: "True", lastTransitionTime: "2030-01-01T00:00:00Z" }],
  },
});
const crowd = ({ spec }: Pod) => (spec?.nodeName === "n2" ? 3 : 1);

test("the pods to lose: unplaced, pending, unready, cheap, crowded, young", (t) => {
  const now = Date.UTC(2030, 0, 2);
  const pods = [
    ranked("old", { created: "2029-01-01T00:00:00Z" }),
    ranked("young", { created: "2030-01-01T23:59:59Z" }),
    ranked("crowded", { node: "n2" }),
    ranked("cheap", { cost: "-5" }),
    ranked("unready", { ready: false }),
    ranked("pending", { phase: "Pending", ready: false }),
    ranked("unplaced", { node: "", phase: "Pending", ready: false }),
  ];
  t.deepEqual(
    surplus(pods, 6, crowd, now).map(({ metadata }) => metadata.name),
    ["unplaced", "pending", "unready", "cheap", "crowded", "young"],
  );
});
