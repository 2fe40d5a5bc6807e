/** Events in both of their API groups. */
import assert from "node:assert/strict";
import { EVENTS, EVENTS_V1_EVENTS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";

const coreEvent = (namespace: string, name: string) => ({
  metadata: { name, labels: { set: "yes" } },
  message: "something happened",
  reason: "Test",
  type: "Normal",
  count: 1,
  involvedObject: { namespace, kind: "Pod", name: "pod" },
  source: { component: "conformance" },
});
const event = (namespace: string, name: string) => ({
  metadata: { name, labels: { set: "yes" } },
  eventTime: "2030-01-02T03:04:05.123456Z",
  note: "something happened",
  reason: "Test",
  type: "Normal",
  action: "Do",
  reportingController: "conformance",
  reportingInstance: "one",
  regarding: { namespace, kind: "Pod", name: "pod" },
});
const collection = async ({ api, namespace }: Context, resource: typeof EVENTS | typeof EVENTS_V1_EVENTS, make: (namespace: string, name: string) => object) => {
  const events = api.of<{ readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name?: string } }>(resource, namespace);
  for (const name of ["a", "b", "c"]) await events.create(make(namespace, name));
  assert.equal((await events.list({ labelSelector: "set=yes" })).items.length, 3);
  await events.deleteCollection({ labelSelector: "set=yes" });
  await eventually("all are gone", async () => (await events.list({ labelSelector: "set=yes" })).items.length === 0);
};

export const events = [
  conformance("[sig-instrumentation] Events API should delete a collection of events", (c) => collection(c, EVENTS_V1_EVENTS, event)),
  conformance("[sig-instrumentation] Events should delete a collection of events", (c) => collection(c, EVENTS, coreEvent)),

  conformance("[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed", async ({ api, namespace }) => {
    const mine = api.of(EVENTS_V1_EVENTS, namespace);
    await mine.create(event(namespace, "one"));
    const selected = { fieldSelector: `metadata.namespace=${namespace},reportingController=conformance` };
    assert.deepEqual((await api.of(EVENTS_V1_EVENTS).list(selected)).items.map(({ metadata }) => metadata.name), ["one"]);
    assert.equal((await mine.list({ fieldSelector: "regarding.name=pod" })).items.length, 1);
    assert.equal((await mine.list({ fieldSelector: "reason=Other" })).items.length, 0);
    assert.equal((await mine.get("one")).eventTime, "2030-01-02T03:04:05.123456Z");
    await mine.patch("one", { series: { count: 2, lastObservedTime: "2030-01-02T03:04:06.500000Z" } }, "strategic");
    assert.deepEqual((await mine.get("one")).series, { count: 2, lastObservedTime: "2030-01-02T03:04:06.500000Z" });
    const updated = await updateFresh(mine, "one", (fresh) => ({ ...fresh, series: { count: 100, lastObservedTime: "2030-01-02T03:04:07.000000Z" } }));
    assert.equal(updated.series?.count, 100);
    assert.equal((await api.of(EVENTS, namespace).get("one")).involvedObject.name, "pod");
    await mine.delete("one");
    assert.equal((await mine.list()).items.filter(({ metadata }) => metadata.name === "one").length, 0);
  }),

  conformance("[sig-instrumentation] Events should manage the lifecycle of an event", async ({ api, namespace }) => {
    const mine = api.of(EVENTS, namespace);
    await mine.create(coreEvent(namespace, "one"));
    assert.equal((await api.of(EVENTS).list({ labelSelector: "set=yes", fieldSelector: `metadata.namespace=${namespace}` })).items.length, 1);
    await mine.patch("one", { message: "patched" }, "strategic");
    assert.equal((await mine.get("one")).message, "patched");
    await updateFresh(mine, "one", (fresh) => ({ ...fresh, count: 2 }));
    const found = (await mine.list({ fieldSelector: "involvedObject.name=pod,source=conformance" })).items[0];
    assert.deepEqual([found?.count, found?.message], [2, "patched"]);
    await mine.delete("one");
    assert.equal((await mine.list({ labelSelector: "set=yes" })).items.length, 0);
  }),
];
