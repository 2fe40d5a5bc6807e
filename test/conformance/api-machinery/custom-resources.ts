/** CustomResourceDefinitions: their own life, and what they make the server do. */
import assert from "node:assert/strict";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../../core/api/resources.gen.ts";
import type { APIGroup, APIResourceList } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { conformance } from "../support/conformance.ts";
import { definition, establish } from "../support/custom-resource.ts";
import { updateFresh } from "../support/operations.ts";

type Thing = AnyObject & { readonly a?: unknown; readonly b?: unknown };

export const customResources = [
  conformance("[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects", async (c) => {
    const { resource } = await establish(c, { scope: "Cluster" });
    const things = c.api.of(resource);
    const watch = await things.watch({ resourceVersion: (await things.list()).metadata.resourceVersion ?? "" });
    for (const name of ["a", "b"]) {
      await things.create({ apiVersion: `${resource.group}/v1`, kind: "Thing", metadata: { name } });
      await watch.until("ADDED", ({ metadata }) => metadata.name === name);
      await things.patch(name, { content: "changed" });
      const { object } = await watch.until("MODIFIED", ({ metadata }) => metadata.name === name);
      assert.equal(object["content"], "changed");
    }
    for (const name of ["a", "b"]) {
      await things.delete(name);
      await watch.until("DELETED", ({ metadata }) => metadata.name === name);
    }
    watch.close();
  }),

  conformance("[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works", async (c) => {
    const { name, group, plural } = await establish(c, {});
    const definitions = c.api.of(CUSTOM_RESOURCE_DEFINITIONS);
    await definitions.delete(name);
    await eventually("the definition is gone", async () => (await refusal(definitions.get(name))).reason === "NotFound");
    await eventually("its resource is gone", async () => (await c.api.send("GET", `/apis/${group}/v1/${plural}`)).status === 404);
  }),
  conformance("[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works", async (c) => {
    const { name } = await establish(c, {});
    const definitions = c.api.of(CUSTOM_RESOURCE_DEFINITIONS);
    assert.ok((await definitions.get(name, "status")).status?.conditions?.some(({ type }) => type === "Established"));
    const condition = (type: string) => ({ type, status: "True", reason: "E2E", message: "set by a test", lastTransitionTime: "2030-01-02T03:04:05Z" });
    const updated = await updateFresh(definitions, name, (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [...(fresh.status?.conditions ?? []), condition("Updated")] } }), "status");
    assert.ok(updated.status?.conditions?.some(({ type }) => type === "Updated"));
    const conditions = [...(updated.status?.conditions ?? []), condition("Patched")];
    const patched = await definitions.patch(name, { status: { conditions } }, "merge", "status");
    assert.deepEqual(patched.status?.conditions?.slice(-2).map(({ type }) => type), ["Updated", "Patched"]);
  }),
  conformance("[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works", async (c) => {
    const definitions = c.api.of(CUSTOM_RESOURCE_DEFINITIONS);
    const labelSelector = `conformance-object=${c.unique}`;
    for (let index = 0; index < 10; index++) await definitions.create(definition(c.unique, { group: `g${index}.${c.unique}.example.com` }));
    c.after(() => definitions.deleteCollection({ labelSelector }));
    assert.equal((await definitions.list({ labelSelector })).items.length, 10);
    await definitions.deleteCollection({ labelSelector });
    await eventually("all are gone", async () => (await definitions.list({ labelSelector })).items.length === 0);
  }),

  conformance("[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works", async (c) => {
    const properties = (more: object) => ({ type: "object", properties: { a: { type: "string", default: "A" }, b: { type: "string", ...more } } });
    const { name, resource } = await establish(c, { scope: "Cluster", versions: [{ name: "v1", schema: properties({}) }] });
    const things = c.api.of<Thing>(resource);
    const made = await things.create({ apiVersion: `${resource.group}/v1`, kind: "Thing", metadata: { name: "one" } });
    assert.deepEqual([made.a, made.b], ["A", undefined]);
    await c.api.of(CUSTOM_RESOURCE_DEFINITIONS).patch(name, [{ op: "add", path: "/spec/versions/0/schema/openAPIV3Schema/properties/b/default", value: "B" }, { op: "remove", path: "/spec/versions/0/schema/openAPIV3Schema/properties/a/default" }], "json");
    // read from storage: what was defaulted when it was written stays, the other default comes with the reading
    const read = await eventually("the default applies to what is stored", async () => {
      const one = await things.get("one");
      return one.b === "B" && one;
    });
    assert.equal(read.a, "A");
    const second = await things.create({ apiVersion: `${resource.group}/v1`, kind: "Thing", metadata: { name: "two" } });
    assert.deepEqual([second.a, second.b], [undefined, "B"]);
    assert.deepEqual((await things.list()).items.map(({ b }) => b), ["B", "B"]);
  }),

  conformance("[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents", async ({ api }) => {
    const { groups } = await api.read<{ readonly groups: readonly APIGroup[] }>("/apis");
    assert.ok(groups.find(({ name }) => name === "apiextensions.k8s.io")?.versions.some(({ version }) => version === "v1"));
    assert.ok((await api.read<APIGroup>("/apis/apiextensions.k8s.io")).versions.some(({ groupVersion }) => groupVersion === "apiextensions.k8s.io/v1"));
    assert.ok((await api.read<APIResourceList>("/apis/apiextensions.k8s.io/v1")).resources.some(({ name }) => name === "customresourcedefinitions"));
  }),
];
