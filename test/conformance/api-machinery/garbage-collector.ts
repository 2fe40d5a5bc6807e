/** What happens to dependents when their owners go: background, foreground, orphan. */
import assert from "node:assert/strict";
import { DEPLOYMENTS, PODS, REPLICATION_CONTROLLERS, REPLICA_SETS } from "../../../core/api/resources.gen.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";

const REPLICAS = 5;
const podTemplate = { metadata: { labels: { app: "gc" } }, spec: { containers: [{ name: "main", image: "registry.example/image:1" }] } };
const rc = (name: string, replicas = REPLICAS) => ({ metadata: { name }, spec: { replicas, selector: { app: "gc" }, template: podTemplate } });
const deployment = { metadata: { name: "deployment" }, spec: { replicas: 2, selector: { matchLabels: { app: "gc" } }, template: podTemplate } };
const owner = (name: string, uid = "", more: object = {}) => ({ apiVersion: "v1", kind: "ReplicationController", name, uid, ...more });
const barePod = (name: string, labels: object = {}) => ({ ...podTemplate, metadata: { name, labels } });
const gone = async (get: Promise<unknown>) => (await refusal(get)).reason === "NotFound";

const resources = ({ api, namespace }: Context) => ({
  pods: api.of(PODS, namespace),
  rcs: api.of(REPLICATION_CONTROLLERS, namespace),
  sets: api.of(REPLICA_SETS, namespace),
  deployments: api.of(DEPLOYMENTS, namespace),
});

async function withPods(c: Context) {
  const all = resources(c);
  const made = await all.rcs.create(rc("owner"));
  await eventually("its pods", async () => (await all.pods.list()).items.length === REPLICAS);
  return { ...all, made };
}

async function withReplicaSet(c: Context) {
  const all = resources(c);
  await all.deployments.create(deployment);
  await eventually("its replica set", async () => (await all.sets.list()).items.length === 1);
  return all;
}

export const garbageCollector = [
  conformance("[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning", async (c) => {
    const { sets, deployments } = await withReplicaSet(c);
    await deployments.delete("deployment", { propagationPolicy: "Background" });
    await eventually("the replica set is gone", async () => (await sets.list()).items.length === 0);
  }),
  conformance("[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan", async (c) => {
    const { sets, deployments } = await withReplicaSet(c);
    await deployments.delete("deployment", { propagationPolicy: "Orphan" });
    await eventually("the deployment is gone", () => gone(deployments.get("deployment")));
    const [set] = (await sets.list()).items;
    assert.ok(set !== undefined);
    assert.deepEqual(set.metadata.ownerReferences ?? [], []);
    assert.equal(set.metadata.deletionTimestamp, undefined);
  }),
  conformance("[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning", async (c) => {
    const { pods, rcs, made } = await withPods(c);
    await rcs.delete("owner", { propagationPolicy: "Background", preconditions: { uid: made.metadata.uid } });
    await eventually("the pods are gone", async () => (await pods.list()).items.length === 0);
  }),
  conformance("[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so", async (c) => {
    const { pods, rcs, made } = await withPods(c);
    await rcs.delete("owner", { propagationPolicy: "Orphan", preconditions: { uid: made.metadata.uid } });
    await eventually("the controller is gone", () => gone(rcs.get("owner")));
    const orphans = (await pods.list()).items;
    assert.equal(orphans.length, REPLICAS);
    for (const { metadata } of orphans) assert.deepEqual([metadata.ownerReferences ?? [], metadata.deletionTimestamp], [[], undefined]);
  }),
  conformance("[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so", async (c) => {
    const { pods, rcs } = await withPods(c);
    const held = (await pods.list()).items[0]?.metadata.name ?? "";
    await pods.patch(held, { metadata: { finalizers: ["example.com/hold"] } });
    await rcs.delete("owner", { propagationPolicy: "Foreground" });
    await eventually("the other pods are gone", async () => (await pods.list()).items.length === 1);
    const waiting = await rcs.get("owner");
    assert.deepEqual(waiting.metadata.finalizers, ["foregroundDeletion"]);
    assert.notEqual(waiting.metadata.deletionTimestamp, undefined);
    await pods.patch(held, { metadata: { finalizers: null } });
    await eventually("the controller is gone", () => gone(rcs.get("owner")));
    assert.equal((await pods.list()).items.length, 0);
  }),
  conformance("[sig-api-machinery] Garbage collector should not be blocked by dependency circle", async (c) => {
    const { pods } = resources(c);
    const made: Pod[] = [];
    for (const name of ["pod1", "pod2", "pod3"]) made.push(await pods.create(barePod(name)));
    const reference = (index: number) => [{ apiVersion: "v1", kind: "Pod", name: made[index]?.metadata.name, uid: made[index]?.metadata.uid, controller: true, blockOwnerDeletion: true }];
    for (const [index, name] of ["pod1", "pod2", "pod3"].entries()) await pods.patch(name, { metadata: { ownerReferences: reference((index + 2) % 3) } });
    await pods.delete("pod1", { propagationPolicy: "Foreground" });
    await eventually("all three are gone", async () => (await pods.list()).items.length === 0);
  }),
  conformance("[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted", async (c) => {
    const { pods, rcs } = resources(c);
    const [leaving, staying] = [await rcs.create(rc("leaving", 0)), await rcs.create(rc("staying", 0))];
    const both = [owner("leaving", leaving.metadata.uid, { blockOwnerDeletion: true }), owner("staying", staying.metadata.uid)];
    for (let index = 0; index < 4; index++) {
      const ownerReferences = index % 2 === 0 ? both : both.slice(0, 1);
      await pods.create({ ...barePod(`pod-${index}`), metadata: { name: `pod-${index}`, ownerReferences } });
    }
    await rcs.delete("leaving", { propagationPolicy: "Foreground", preconditions: { uid: leaving.metadata.uid } });
    await eventually("the owner is gone", () => gone(rcs.get("leaving")));
    const left = (await pods.list()).items;
    assert.deepEqual(left.map(({ metadata }) => metadata.name), ["pod-0", "pod-2"]);
    for (const { metadata } of left) {
      assert.deepEqual(metadata.ownerReferences?.map(({ name }) => name), ["staying"]);
      assert.equal(metadata.deletionTimestamp, undefined);
    }
  }),
];
