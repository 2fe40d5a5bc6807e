import test from "ava";
import { DEPLOYMENTS, EVENTS, REPLICA_SETS } from "../../core/api/resources.gen.ts";
import type { Deployment, DeploymentSpec, ReplicaSet } from "../../core/api/types.gen.ts";
import { deployment } from "../../core/controllers/deployment.ts";
import { limits, newSize, scaleAll, shrinkOld, sizeOf } from "../../core/controllers/deployment-sizes.ts";
import { replicaSet } from "../../core/controllers/replica-set.ts";
import * as fc from "fast-check";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane, podsOf } from "../support/control-plane.ts";

const at = { namespace: "default", name: "a" };
const template = (image: string) => ({ metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image }] } });
const make = (replicas: number, more: Partial<DeploymentSpec> = {}): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: at,
  spec: {
    replicas,
    selector: { matchLabels: { app: "a" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    template: template("one"),
    ...more,
  },
});
const read = ({ admin }: ControlPlane) => admin.get(DEPLOYMENTS, at);
const patch = ({ admin }: ControlPlane, spec: object) => admin.patch(DEPLOYMENTS, at, { type: "merge", patch: { spec } });
const setsOf = async ({ admin }: ControlPlane) => (await admin.list(REPLICA_SETS, { namespace: "default" })).items;
const sizes = async (plane: ControlPlane) => (await setsOf(plane)).map((set) => `${set.spec?.template?.spec?.containers[0]?.image}:${sizeOf(set)}`).toSorted();
const condition = (object: Deployment, type: string) => object.status?.conditions?.find((each) => each.type === type);
async function start(t: Parameters<typeof controlPlane>[0], object: Deployment): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  await plane.run(replicaSet, deployment);
  await plane.admin.create(DEPLOYMENTS, object);
  await plane.clock.advance(100);
  return plane;
}
async function rollOut(plane: ControlPlane): Promise<void> {
  await plane.clock.until(async () => {
    await allRunning(plane);
    const { metadata, spec, status } = await read(plane);
    const replicas = spec?.replicas ?? 0;
    return status?.observedGeneration === metadata.generation && (status?.updatedReplicas ?? 0) === replicas && (status?.availableReplicas ?? 0) === replicas && (status?.replicas ?? 0) === replicas;
  }, 60_000);
  await plane.clock.advance(100);
}

test("makes a ReplicaSet with the names and annotations of Kubernetes, and reports progress", async (t) => {
  const plane = await start(t, make(2));
  const [set] = await setsOf(plane);
  const hash = set?.metadata.labels?.["pod-template-hash"] ?? "";
  t.regex(hash, /^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  t.like(set, {
    metadata: {
      name: `a-${hash}`,
      labels: { app: "a", "pod-template-hash": hash },
      annotations: {
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "3",
        "deployment.kubernetes.io/revision": "1",
      },
    },
    spec: { replicas: 2, selector: { matchLabels: { app: "a", "pod-template-hash": hash } } },
  });
  const progressing = await read(plane);
  t.is(progressing.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  t.like(progressing.status, { observedGeneration: 1, replicas: 2, updatedReplicas: 2, unavailableReplicas: 2, terminatingReplicas: 0 });
  t.deepEqual(
    progressing.status?.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [
      ["Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."],
      ["Progressing", "True", "ReplicaSetUpdated", `ReplicaSet "a-${hash}" is progressing.`],
    ],
  );
  await rollOut(plane);
  const done = await read(plane);
  t.like(condition(done, "Available"), { status: "True", reason: "MinimumReplicasAvailable" });
  t.like(condition(done, "Progressing"), { status: "True", reason: "NewReplicaSetAvailable", message: `ReplicaSet "a-${hash}" has successfully progressed.` });
  const { metadata } = done;
  await plane.clock.advance(3_600_000);
  t.is((await read(plane)).metadata.resourceVersion, metadata.resourceVersion);
  const events = await plane.admin.list(EVENTS, { namespace: "default" });
  t.true(events.items.some(({ reason, message }) => reason === "ScalingReplicaSet" && message === `Scaled up replica set a-${hash} from 0 to 2`));
  t.deepEqual(plane.complaints, []);
});

test("a rolling update keeps its promises at every step", async (t) => {
  const plane = await start(t, make(4));
  await rollOut(plane);
  await patch(plane, { template: template("two") });
  let least = 4;
  let most = 0;
  await plane.clock.until(async () => {
    const pods = await podsOf(plane);
    most = Math.max(most, pods.length);
    least = Math.min(least, pods.filter(({ status }) => status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True")).length);
    await allRunning(plane);
    return (await sizes(plane)).join() === "one:0,two:4" && (await read(plane)).status?.availableReplicas === 4;
  }, 60_000);
  t.true(most <= 5, `${most} pods`);
  t.true(least >= 3, `${least} ready pods`);
  t.is((await read(plane)).metadata.annotations?.["deployment.kubernetes.io/revision"], "2");
});

test("an undo takes the old ReplicaSet, with the next revision and a history", async (t) => {
  const plane = await start(t, make(1));
  await rollOut(plane);
  await patch(plane, { template: template("two") });
  await rollOut(plane);
  await patch(plane, { template: template("one") });
  await rollOut(plane);
  const sets = await setsOf(plane);
  t.is(sets.length, 2);
  t.deepEqual(await sizes(plane), ["one:1", "two:0"]);
  const back = sets.find((set) => sizeOf(set) === 1);
  t.is(back?.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
  t.is(back?.metadata.annotations?.["deployment.kubernetes.io/revision-history"], "1");
});

test("Recreate waits until the last old pod is gone", async (t) => {
  const plane = await start(t, make(2, { strategy: { type: "Recreate" }, template: { ...template("one"), spec: { containers: [{ name: "c", image: "one" }], nodeName: "n1" } } }));
  await rollOut(plane);
  await patch(plane, { template: template("two") });
  await plane.clock.advance(5_000);
  t.deepEqual(await sizes(plane), ["one:0"]);
  for (const { metadata } of await podsOf(plane)) {
    await plane.admin.delete({ group: "", version: "v1", plural: "pods" }, { namespace: "default", name: metadata.name ?? "" }, { gracePeriodSeconds: 0 });
  }
  await plane.clock.advance(100);
  t.deepEqual(await sizes(plane), ["one:0", "two:2"]);
});

test("a paused rollout scales but does not roll; it says so, and goes on when resumed", async (t) => {
  const plane = await start(t, make(2));
  await rollOut(plane);
  await patch(plane, { paused: true, template: template("two") });
  await plane.clock.advance(1_000);
  t.deepEqual(await sizes(plane), ["one:2"]);
  t.like(condition(await read(plane), "Progressing"), { status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" });
  await patch(plane, { replicas: 3 });
  await plane.clock.advance(1_000);
  t.deepEqual(await sizes(plane), ["one:3"]);
  await patch(plane, { paused: false });
  await rollOut(plane);
  t.deepEqual(await sizes(plane), ["one:0", "two:3"]);
});

test("a rollout that stands still is reported after its deadline", async (t) => {
  const plane = await start(t, make(1, { progressDeadlineSeconds: 60 }));
  await plane.clock.advance(55_000);
  t.is(condition(await read(plane), "Progressing")?.reason, "ReplicaSetUpdated");
  await plane.clock.advance(10_000);
  t.like(condition(await read(plane), "Progressing"), { status: "False", reason: "ProgressDeadlineExceeded" });
  await rollOut(plane);
  t.is(condition(await read(plane), "Progressing")?.reason, "NewReplicaSetAvailable");
});

test("old ReplicaSets beyond the history limit go", async (t) => {
  const plane = await start(t, make(1, { revisionHistoryLimit: 1 }));
  for (const image of ["two", "three", "four"]) {
    await rollOut(plane);
    await patch(plane, { template: template(image) });
  }
  await rollOut(plane);
  await plane.clock.advance(1_000);
  t.deepEqual(await sizes(plane), ["four:1", "three:0"]);
});

test("a name that is taken moves the hash", async (t) => {
  const plane = await start(t, make(1));
  const name = (await setsOf(plane))[0]?.metadata.name ?? "";
  const other = await controlPlane(t);
  await other.admin.create(REPLICA_SETS, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name, namespace: "default" },
    spec: { replicas: 0, selector: { matchLabels: { x: "y" } }, template: { metadata: { labels: { x: "y" } }, spec: template("z").spec } },
  });
  await other.run(replicaSet, deployment);
  await other.admin.create(DEPLOYMENTS, make(1));
  await other.clock.advance(5_000);
  t.is((await setsOf(other)).length, 2);
  t.is((await read(other)).status?.collisionCount, 1);
});

const setOf = (name: string, replicas: number, available: number, annotations = {}): ReplicaSet => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name, uid: name, annotations, creationTimestamp: "2030-01-01T00:00:00Z" },
  spec: { replicas },
  status: { replicas, availableReplicas: available },
});

test("surge and unavailability round so that a rollout can always move", (t) => {
  t.deepEqual(limits(make(10)), { surge: 3, unavailable: 2 });
  t.deepEqual(limits(make(1)), { surge: 1, unavailable: 0 });
  t.deepEqual(limits(make(3, { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: "10%" } } })), { surge: 0, unavailable: 1 });
});

test("no step exceeds the surge or takes too much away, whatever the state", (t) => {
  const cases = fc.record({
    replicas: fc.nat(20),
    surge: fc.nat(5),
    unavailable: fc.nat(5),
    current: fc.tuple(fc.nat(25), fc.nat(25)),
    old: fc.array(fc.tuple(fc.nat(25), fc.nat(25)), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(cases, ({ replicas, surge, unavailable, current, old }) => {
      const object = make(replicas, { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } } });
      const bound = limits(object);
      const fresh = setOf("new", current[0], Math.min(...current));
      const olds = old.map(([size, available], index) => setOf(`old${index}`, size, Math.min(size, available)));
      const total = [fresh, ...olds].reduce((sum, set) => sum + sizeOf(set), 0);
      const grown = newSize(object, [fresh, ...olds], fresh);
      if (grown > sizeOf(fresh)) t.true(total - sizeOf(fresh) + grown <= replicas + bound.surge);
      const available = [fresh, ...olds].reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
      const lost = shrinkOld(object, fresh, olds).reduce((sum, { set, replicas: size }) => sum + Math.max(0, Math.min(set.status?.availableReplicas ?? 0, sizeOf(set)) - size), 0);
      if (lost > 0) t.true(available - lost >= replicas - bound.unavailable);
    }),
  );
});

test("a scale-up in the middle of a rollout is shared in proportion and adds up", (t) => {
  const before = { "deployment.kubernetes.io/desired-replicas": "10", "deployment.kubernetes.io/max-replicas": "13" };
  const resized = scaleAll(make(15), setOf("new", 5, 0, before), [setOf("old", 8, 8, before)]);
  t.deepEqual(Object.fromEntries(resized.map(({ set, replicas }) => [set.metadata.name, replicas])), { old: 12, new: 7 });
});
