/** Namespaces, and what goes with them. */
import assert from "node:assert/strict";
import { NAMESPACES, SERVICES } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";

/** A second namespace beside the test's own. */
async function another({ api, unique, after }: Context) {
  const namespaces = api.of(NAMESPACES);
  const name = `${unique}-2`;
  await namespaces.create({ metadata: { name } });
  after(async () => {
    await namespaces.patch(name, { metadata: { finalizers: null } });
    await namespaces.delete(name);
  });
  return { namespaces, name };
}

export const namespaces = [
  conformance("[sig-api-machinery] Namespaces should apply a finalizer to a Namespace", async (c) => {
    const { namespaces: all, name } = await another(c);
    const path = `/api/v1/namespaces/${name}/finalize`;
    const fresh = await all.get(name);
    const held = await c.api.send<typeof fresh>("PUT", path, { body: { ...fresh, spec: { finalizers: [...(fresh.spec?.finalizers ?? []), "example.com/finalizer"] } } });
    assert.equal(held.status, 200, held.text);
    assert.deepEqual((await all.get(name)).spec?.finalizers, ["kubernetes", "example.com/finalizer"]);
    await all.delete(name);
    const terminating = await eventually("only the test's finalizer is left", async () => {
      const one = await all.get(name);
      return one.spec?.finalizers?.join() === "example.com/finalizer" && one;
    });
    assert.equal(terminating.status?.phase, "Terminating");
    await c.api.send("PUT", path, { body: { ...terminating, spec: { finalizers: [] } } });
    await eventually("the namespace is gone", async () => (await refusal(all.get(name))).reason === "NotFound");
  }),
  conformance("[sig-api-machinery] Namespaces should apply an update to a Namespace", async ({ api, namespace }) => {
    const updated = await updateFresh(api.of(NAMESPACES), namespace, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, labels: { ...fresh.metadata.labels, updated: namespace } } }));
    assert.equal(updated.metadata.labels?.["updated"], namespace);
    assert.equal((await api.of(NAMESPACES).list({ labelSelector: `updated=${namespace}` })).items.length, 1);
  }),
  conformance("[sig-api-machinery] Namespaces should apply changes to a namespace status", async ({ api, namespace }) => {
    const all = api.of(NAMESPACES);
    assert.equal((await all.get(namespace, "status")).status?.phase, "Active");
    const condition = (type: string) => ({ type, status: "True", reason: "E2E", message: "set by a test", lastTransitionTime: "2030-01-02T03:04:05Z" }) as const;
    const patched = await all.patch(namespace, { metadata: { annotations: { e2e: "patched" } }, status: { conditions: [condition("StatusPatch")] } }, "merge", "status");
    assert.equal(patched.status?.conditions?.[0]?.type, "StatusPatch");
    assert.equal(patched.metadata.annotations?.["e2e"], "patched");
    const updated = await updateFresh(all, namespace, (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [...(fresh.status?.conditions ?? []), condition("StatusUpdate")] } }), "status");
    assert.deepEqual(updated.status?.conditions?.map(({ type }) => type), ["StatusPatch", "StatusUpdate"]);
  }),
  conformance("[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted", async (c) => {
    const { namespaces: all, name } = await another(c);
    await c.api.of(SERVICES, name).create({ metadata: { name: "service" }, spec: { ports: [{ port: 80 }] } });
    await all.delete(name);
    await eventually("the namespace is gone", async () => (await refusal(all.get(name))).reason === "NotFound");
    await all.create({ metadata: { name } });
    assert.deepEqual((await c.api.of(SERVICES, name).list()).items, []);
  }),
  conformance("[sig-api-machinery] Namespaces should patch a Namespace", async ({ api, namespace }) => {
    await api.of(NAMESPACES).patch(namespace, { metadata: { labels: { patched: "true" } } }, "strategic");
    assert.equal((await api.of(NAMESPACES).get(namespace)).metadata.labels?.["patched"], "true");
  }),
];
