import test from "ava";
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from "../../core/api/resources.gen.ts";
import { statefulSet } from "../../core/controllers/stateful-set.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane, podsOf, reportStatus } from "../support/control-plane.ts";

const at = { namespace: "default", name: "a" };
const template = (image: string) => ({ metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image }] } });
const make = (replicas: number, more: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: at,
  spec: {
    replicas,
    serviceName: "s",
    selector: { matchLabels: { app: "a" } },
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
    template: template("one"),
    ...more,
  },
});
const names = async (plane: ControlPlane) => (await podsOf(plane)).filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
const images = async (plane: ControlPlane) => (await podsOf(plane)).map(({ metadata, spec }) => `${metadata.name}=${spec?.containers[0]?.image}`);
const read = ({ admin }: ControlPlane) => admin.get(STATEFUL_SETS, at);
const patch = ({ admin }: ControlPlane, spec: object) => admin.patch(STATEFUL_SETS, at, { type: "merge", patch: { spec } });
async function start(t: Parameters<typeof controlPlane>[0], object: object): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  await plane.run(statefulSet);
  await plane.admin.create(STATEFUL_SETS, object);
  await plane.clock.advance(100);
  return plane;
}
const settle = async (plane: ControlPlane) => {
  for (let round = 0; round < 8; round++) {
    await allRunning(plane);
    await plane.clock.advance(100);
  }
};

test("one pod after the other, each with its name, host and claims", async (t) => {
  const claim = { metadata: { name: "d" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } };
  const plane = await start(t, make(2, { volumeClaimTemplates: [claim] }));
  t.deepEqual(await names(plane), ["a-0"]);
  await plane.clock.advance(60_000);
  t.deepEqual(await names(plane), ["a-0"]);
  await allRunning(plane);
  await plane.clock.advance(100);
  t.deepEqual(await names(plane), ["a-0", "a-1"]);
  const [first] = await podsOf(plane);
  const revision = (await plane.admin.list(CONTROLLER_REVISIONS, { namespace: "default" })).items[0]?.metadata.name ?? "";
  t.like(first, {
    metadata: { generateName: "a-", labels: { app: "a", "apps.kubernetes.io/pod-index": "0", "statefulset.kubernetes.io/pod-name": "a-0", "controller-revision-hash": revision } },
    spec: { hostname: "a-0", subdomain: "s", volumes: [{ name: "d", persistentVolumeClaim: { claimName: "d-a-0" } }] },
  });
  const claims = (await plane.admin.list(PERSISTENT_VOLUME_CLAIMS, { namespace: "default" })).items;
  t.deepEqual(claims.map(({ metadata }) => [metadata.name, metadata.labels]), [["d-a-0", { app: "a" }], ["d-a-1", { app: "a" }]]);
  await settle(plane);
  t.like((await read(plane)).status, { replicas: 2, readyReplicas: 2, availableReplicas: 2, currentReplicas: 2, updatedReplicas: 2, currentRevision: revision, updateRevision: revision });
  t.deepEqual(plane.complaints, []);
});

test("parallel: all at once, also with other ordinals", async (t) => {
  const plane = await start(t, make(2, { podManagementPolicy: "Parallel", ordinals: { start: 4 } }));
  t.deepEqual(await names(plane), ["a-4", "a-5"]);
});

test("scales down from the top and updates from the top to the partition", async (t) => {
  const plane = await start(t, make(3));
  await settle(plane);
  await patch(plane, { replicas: 2 });
  await plane.clock.advance(100);
  t.deepEqual(await names(plane), ["a-0", "a-1"]);
  await patch(plane, { template: template("two"), updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } });
  await settle(plane);
  t.deepEqual(await images(plane), ["a-0=one", "a-1=two"]);
  t.is((await read(plane)).status?.updatedReplicas, 1);
  await patch(plane, { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } } });
  await settle(plane);
  t.deepEqual(await images(plane), ["a-0=two", "a-1=two"]);
  const { status } = await read(plane);
  t.is(status?.currentRevision, status?.updateRevision);
});

test("an update waits for each new pod to be ready", async (t) => {
  const plane = await start(t, make(2));
  await settle(plane);
  await patch(plane, { template: template("two") });
  await plane.clock.advance(60_000);
  t.deepEqual(await images(plane), ["a-0=one", "a-1=two"]);
  await allRunning(plane);
  await plane.clock.advance(100);
  t.deepEqual(await images(plane), ["a-0=two", "a-1=two"]);
});

test("a failed pod is made again under its name; OnDelete changes nothing by itself", async (t) => {
  const plane = await start(t, make(1, { updateStrategy: { type: "OnDelete" } }));
  await settle(plane);
  const [pod] = await podsOf(plane);
  if (pod === undefined) return t.fail("a pod was expected");
  await patch(plane, { template: template("two") });
  await settle(plane);
  t.deepEqual(await images(plane), ["a-0=one"]);
  await reportStatus(plane, pod, { phase: "Failed" });
  await plane.clock.advance(1_000);
  t.deepEqual(await images(plane), ["a-0=two"]);
  t.not((await plane.admin.get(PODS, { namespace: "default", name: "a-0" })).metadata.uid, pod.metadata.uid);
});
