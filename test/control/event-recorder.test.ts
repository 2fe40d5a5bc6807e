import test from "ava";
import { EVENTS } from "../../core/api/resources.gen.ts";
import type { KubeObject } from "../../core/api/meta.ts";
import { silentLog } from "../../core/api/log.ts";
import { eventRecorder, QUEUE_LIMIT } from "../../core/control/event-recorder.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane } from "../support/control-plane.ts";

const pod = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "default", name, uid: `uid-${name}`, resourceVersion: "7" } });
const recorderOf = ({ admin, clock, signal }: ControlPlane) => eventRecorder(admin, { clock, log: silentLog, signal, component: "tester", host: "n1" });
const eventsOf = async ({ admin }: ControlPlane) => (await admin.list(EVENTS, { namespace: "default" })).items;

test("an event has what describe shows, and its repetitions are a count", async (t) => {
  const plane = await controlPlane(t);
  const recorder = recorderOf(plane);
  recorder.record(pod("p"), "Warning", "BackOff", "Back-off restarting", "spec.containers{c}");
  await plane.clock.advance(60_000);
  recorder.record(pod("p"), "Warning", "BackOff", "Back-off restarting", "spec.containers{c}");
  await plane.clock.settle();
  const [event, ...others] = await eventsOf(plane);
  t.is(others.length, 0);
  t.like(event, {
    type: "Warning",
    reason: "BackOff",
    message: "Back-off restarting",
    count: 2,
    firstTimestamp: "2030-01-01T00:00:00Z",
    lastTimestamp: "2030-01-01T00:01:00Z",
    source: { component: "tester", host: "n1" },
    involvedObject: { kind: "Pod", namespace: "default", name: "p", uid: "uid-p", fieldPath: "spec.containers{c}" },
  });
  t.regex(event?.metadata.name ?? "", /^p\.[0-9a-f]{16}$/);
});

test("an event that expired is told again", async (t) => {
  const plane = await controlPlane(t);
  const recorder = recorderOf(plane);
  recorder.record(pod("p"), "Normal", "Pulled", "m");
  await plane.clock.settle();
  for (const { metadata } of await eventsOf(plane)) await plane.admin.delete(EVENTS, { namespace: "default", name: metadata.name ?? "" });
  recorder.record(pod("p"), "Normal", "Pulled", "m");
  await plane.clock.settle();
  t.deepEqual((await eventsOf(plane)).map(({ count }) => count), [1]);
});

test("one object cannot flood, similar events are combined, and nobody waits", async (t) => {
  const plane = await controlPlane(t);
  const recorder = recorderOf(plane);
  for (let index = 0; index < 100; index++) recorder.record(pod("noisy"), "Normal", "Thing", `message ${index}`);
  await plane.clock.settle();
  const noisy = await eventsOf(plane);
  t.is(noisy.length, 11, "ten messages, then one for all others");
  t.is(noisy.reduce((sum, { count = 0 }) => sum + count, 0), 25);
  t.true(noisy.some(({ message }) => message?.startsWith("(combined from similar events): ")));
  for (let index = 0; index < QUEUE_LIMIT * 2; index++) recorder.record(pod(`p${index}`), "Normal", "Thing", "m");
  await plane.clock.until(async () => (await eventsOf(plane)).length >= QUEUE_LIMIT);
  t.true((await eventsOf(plane)).length <= noisy.length + QUEUE_LIMIT + 1);
});

test("what cannot be written is dropped", async (t) => {
  const plane = await controlPlane(t);
  const recorder = recorderOf(plane);
  const { metadata, ...rest } = pod("p");
  recorder.record({ ...rest, metadata: { ...metadata, namespace: "No_Such" } }, "Normal", "Thing", "m");
  recorder.record(pod("q"), "Normal", "Thing", "m");
  await plane.clock.settle();
  t.deepEqual((await eventsOf(plane)).map(({ involvedObject }) => involvedObject.name), ["q"]);
});
