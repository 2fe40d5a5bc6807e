import test from "ava";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import { eventRecorder } from "../../core/control/event-recorder.ts";
import { runScheduler } from "../../core/scheduler/scheduler.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane, podsOf } from "../support/control-plane.ts";
import { aNode, aPod, type PodShape } from "./support/objects.ts";

const FULL = 4;

async function scheduling(t: Parameters<typeof controlPlane>[0], nodes: readonly string[]): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  for (const name of nodes) await plane.admin.create(NODES, aNode(name, { cpu: "4" }));
  const { clock, signal, informers: shared, deps } = plane;
  const client = shared.through(plane.admin);
  runScheduler({ client, informers: shared, events: eventRecorder(client, { clock, log: deps.log, signal, component: "scheduler" }), clock, log: deps.log, signal });
  await shared.synced();
  for (const node of nodes) for (let index = 0; index < FULL; index++) await create(plane, `low-${node}-${index}`, { cpu: "900m", priority: 0, terminationGracePeriodSeconds: 0 });
  await clock.advance(1_000);
  return plane;
}

const create = ({ admin }: ControlPlane, name: string, shape: PodShape) => admin.create(PODS, aPod(name, shape), { namespace: "default" });
const high = (plane: ControlPlane, name: string) => create(plane, name, { cpu: "3", priority: 10 });
const named = async (plane: ControlPlane, prefix: string) => (await podsOf(plane)).filter(({ metadata }) => metadata.name?.startsWith(prefix) === true);
const placesOf = async (plane: ControlPlane, prefix: string) => (await named(plane, prefix)).map(({ spec }) => spec?.nodeName ?? "none").toSorted();

test("every urgent pod gets a node of its own, and no pod goes that may stay", async (t) => {
  const nodes = ["a", "b", "c"];
  const plane = await scheduling(t, nodes);
  t.is((await placesOf(plane, "low-")).filter((node) => node !== "none").length, nodes.length * FULL);
  for (const name of nodes) await high(plane, `high-${name}`);
  await plane.clock.advance(2_000);
  t.deepEqual(await placesOf(plane, "high-"), nodes);
  t.is((await named(plane, "low-")).length, nodes.length);
  t.deepEqual(plane.complaints, []);
});

test("an urgent pod waits for a victim that takes its time, and is placed at its end without another reason to look", async (t) => {
  const plane = await scheduling(t, ["a"]);
  const { admin, clock } = plane;
  for (const { metadata } of await named(plane, "low-")) await admin.patch(PODS, { namespace: "default", name: metadata.name ?? "" }, { type: "merge", patch: { metadata: { finalizers: ["example.com/slow"] } } });
  await high(plane, "high");
  await clock.advance(30_000);
  const [waiting] = await named(plane, "high");
  t.is(waiting?.spec?.nodeName, undefined);
  t.is(waiting?.status?.nominatedNodeName, "a");
  const leaving = (await named(plane, "low-")).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  t.is(leaving.length, 3);
  for (const { metadata } of leaving) {
    t.deepEqual(await placesOf(plane, "high"), ["none"]);
    await admin.patch(PODS, { namespace: "default", name: metadata.name ?? "" }, { type: "merge", patch: { metadata: { finalizers: null } } });
    await clock.advance(10);
  }
  t.deepEqual(await placesOf(plane, "high"), ["a"]);
});

test("an urgent pod whose node is taken away while it is cleared goes elsewhere", async (t) => {
  const plane = await scheduling(t, ["a"]);
  const { admin, clock } = plane;
  for (const { metadata } of await named(plane, "low-")) await admin.patch(PODS, { namespace: "default", name: metadata.name ?? "" }, { type: "merge", patch: { metadata: { finalizers: ["example.com/slow"] } } });
  await high(plane, "high");
  await clock.advance(1_000);
  await admin.create(NODES, aNode("b", { cpu: "4" }));
  await admin.delete(NODES, { name: "a" });
  await clock.advance(1_000);
  t.deepEqual(await placesOf(plane, "high"), ["b"]);
});
