import test from "ava";
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES } from "../../core/api/resources.gen.ts";
import { daemonSet } from "../../core/controllers/daemon-set.ts";
import { nodeOf } from "../../core/controllers/daemon-set-nodes.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane, podsOf, reportStatus } from "../support/control-plane.ts";

const at = { namespace: "default", name: "a" };
const template = (image: string, spec: object = {}) => ({ metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image }], ...spec } });
const make = (more: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: at,
  spec: { selector: { matchLabels: { app: "a" } }, updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }, template: template("one"), ...more },
});
const makeNode = ({ admin }: ControlPlane, name: string, labels: object = {}, spec: object = {}) =>
  admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec });
const placed = async (plane: ControlPlane) =>
  (await podsOf(plane)).filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((pod) => `${nodeOf(pod)}=${pod.spec?.containers[0]?.image}`).toSorted();
const read = ({ admin }: ControlPlane) => admin.get(DAEMON_SETS, at);
async function start(t: Parameters<typeof controlPlane>[0], object: object): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  await makeNode(plane, "n1", { disk: "ssd" });
  await makeNode(plane, "n2");
  await plane.run(daemonSet);
  await plane.admin.create(DAEMON_SETS, object);
  await plane.clock.advance(100);
  return plane;
}

test("a pod for each node, pinned there, and for each node that comes", async (t) => {
  const plane = await start(t, make());
  t.deepEqual(await placed(plane), ["n1=one", "n2=one"]);
  await makeNode(plane, "n3");
  await plane.clock.advance(100);
  t.deepEqual(await placed(plane), ["n1=one", "n2=one", "n3=one"]);
  const [pod] = await podsOf(plane);
  t.true(pod?.spec?.tolerations?.some(({ key, effect }) => key === "node.kubernetes.io/unschedulable" && effect === "NoSchedule"));
  await allRunning(plane);
  await plane.clock.advance(100);
  t.deepEqual((await read(plane)).status, {
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
    observedGeneration: 1,
  });
  await plane.admin.delete(NODES, { name: "n3" });
  await plane.clock.advance(100);
  t.deepEqual(await placed(plane), ["n1=one", "n2=one"]);
  t.deepEqual(plane.complaints, []);
});

test("node selectors, taints and labels that change", async (t) => {
  const plane = await start(t, make({ template: template("one", { nodeSelector: { disk: "ssd" } }) }));
  t.deepEqual(await placed(plane), ["n1=one"]);
  await plane.admin.patch(NODES, { name: "n2" }, { type: "merge", patch: { metadata: { labels: { disk: "ssd" } } } });
  await plane.clock.advance(100);
  t.deepEqual(await placed(plane), ["n1=one", "n2=one"]);
  await plane.admin.patch(NODES, { name: "n1" }, { type: "merge", patch: { spec: { taints: [{ key: "x", effect: "NoSchedule" }] } } });
  await plane.admin.patch(NODES, { name: "n2" }, { type: "merge", patch: { spec: { taints: [{ key: "x", effect: "NoExecute" }] } } });
  await plane.clock.advance(100);
  t.deepEqual(await placed(plane), ["n1=one"], "NoSchedule keeps what is there, NoExecute does not");
});

test("a rolling update replaces one available pod at a time", async (t) => {
  const plane = await start(t, make());
  await allRunning(plane);
  await plane.admin.patch(DAEMON_SETS, at, { type: "merge", patch: { spec: { template: template("two") } } });
  await plane.clock.advance(30_000);
  t.is((await placed(plane)).filter((text) => text.endsWith("=two")).length, 1);
  await allRunning(plane);
  await plane.clock.advance(1_000);
  t.deepEqual(await placed(plane), ["n1=two", "n2=two"]);
  const revisions = (await plane.admin.list(CONTROLLER_REVISIONS, { namespace: "default" })).items;
  t.deepEqual(revisions.map(({ revision }) => revision).toSorted(), [1, 2]);
});

test("with a surge the old pod stays until the new one serves", async (t) => {
  const plane = await start(t, make({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } }));
  await allRunning(plane);
  await plane.admin.patch(DAEMON_SETS, at, { type: "merge", patch: { spec: { template: template("two") } } });
  await plane.clock.advance(30_000);
  t.is((await placed(plane)).length, 3);
  for (let round = 0; round < 4; round++) {
    await allRunning(plane);
    await plane.clock.advance(1_000);
  }
  t.deepEqual(await placed(plane), ["n1=two", "n2=two"]);
});

test("a pod that fails is made again, later and later", async (t) => {
  const plane = await start(t, make());
  for (let failure = 0; failure < 3; failure++) {
    for (const pod of await podsOf(plane)) await reportStatus(plane, pod, { phase: "Failed" });
    await plane.clock.advance(10_000);
    t.is((await podsOf(plane)).filter(({ status }) => status?.phase !== "Failed").length, 2);
  }
  t.is((await placed(plane)).length, 2);
});
