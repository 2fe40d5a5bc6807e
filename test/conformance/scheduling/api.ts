/** Limits and priorities that admission gives to pods. */
import assert from "node:assert/strict";
import { LIMIT_RANGES, PODS, PRIORITY_CLASSES } from "../../../core/api/resources.gen.ts";
import type { LimitRange, ResourceRequirements } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";

const limits = {
  type: "Container",
  min: { cpu: "50m", memory: "100Mi" },
  max: { cpu: "500m", memory: "500Mi" },
  default: { cpu: "500m", memory: "500Mi" },
  defaultRequest: { cpu: "100m", memory: "200Mi" },
};

export const schedulingApi = [
  conformance("[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.", async ({ api, namespace }) => {
    const ranges = api.of(LIMIT_RANGES, namespace);
    const pods = api.of(PODS, namespace);
    const watch = await ranges.watch({ resourceVersion: (await ranges.list()).metadata.resourceVersion ?? "" });
    await ranges.create({ metadata: { name: "limits" }, spec: { limits: [limits] } });
    await watch.until("ADDED", ({ metadata }) => metadata.name === "limits");
    watch.close();
    const resourcesOf = async (name: string, resources?: ResourceRequirements) => {
      await pods.create({ metadata: { name }, spec: { containers: [{ name: "c", image: "i", ...(resources === undefined ? {} : { resources }) }] } });
      return (await pods.get(name)).spec?.containers[0]?.resources;
    };
    await eventually("defaults apply", async () => {
      const resources = await resourcesOf(`plain-${Date.now()}`);
      return resources?.requests !== undefined && assert.deepEqual(resources, { requests: { cpu: "100m", memory: "200Mi" }, limits: { cpu: "500m", memory: "500Mi" } }) === undefined;
    });
    assert.deepEqual(await resourcesOf("partial", { requests: { cpu: "300m" }, limits: { memory: "250Mi" } }), {
      requests: { cpu: "300m", memory: "250Mi" },
      limits: { cpu: "500m", memory: "250Mi" },
    });
    assert.equal((await refusal(resourcesOf("small", { requests: { cpu: "10m" } }))).reason, "Forbidden");
    assert.equal((await refusal(resourcesOf("large", { limits: { cpu: "600m" } }))).reason, "Forbidden");
    const lower = (fresh: LimitRange): LimitRange => ({ ...fresh, spec: { limits: [{ ...limits, min: { cpu: "9m", memory: "49Mi" } }] } });
    await updateFresh(ranges, "limits", lower);
    await eventually("the new minimum holds", async () => (await resourcesOf(`small-${Date.now()}`, { requests: { cpu: "10m", memory: "50Mi" } })) !== undefined);
    assert.equal((await refusal(resourcesOf("large", { limits: { cpu: "600m" } }))).reason, "Forbidden");
    await ranges.delete("limits");
    await eventually("without the range everything goes", async () => (await resourcesOf(`large-${Date.now()}`, { limits: { cpu: "600m" } })) !== undefined);
  }),

  conformance("[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection", async ({ api, namespace, unique }) => {
    const ranges = api.of(LIMIT_RANGES, namespace);
    const labelSelector = `set=${unique}`;
    for (const name of ["a", "b"]) await ranges.create({ metadata: { name, labels: { set: unique } }, spec: { limits: [limits] } });
    assert.equal((await api.of(LIMIT_RANGES).list({ labelSelector })).items.length, 2);
    const patched = await ranges.patch("a", { metadata: { labels: { patched: "true" } }, spec: { limits: [{ ...limits, min: { cpu: "9m", memory: "49Mi" } }] } }, "strategic");
    assert.deepEqual(patched.spec?.limits[0]?.min, { cpu: "9m", memory: "49Mi" });
    await ranges.deleteCollection({ labelSelector: `${labelSelector},patched=true` });
    assert.deepEqual((await ranges.list({ labelSelector })).items.map(({ metadata }) => metadata.name), ["b"]);
  }),

  conformance("[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods", async ({ api, unique, after }) => {
    const classes = api.of(PRIORITY_CLASSES);
    const names = [`${unique}-1`, `${unique}-2`];
    after(() => classes.deleteCollection({ labelSelector: unique }));
    for (const [index, name] of names.entries()) await classes.create({ metadata: { name, labels: { [unique]: "x" } }, value: index + 1 });
    assert.deepEqual((await classes.list({ labelSelector: unique })).items.map(({ value }) => value), [1, 2]);
    for (const name of names) {
      const found = await classes.get(name);
      const value = (found.value ?? 0) * 10;
      const refused = await refusal(classes.update({ ...found, value }));
      assert.equal(refused.reason, "Invalid");
      assert.equal((await refusal(classes.patch(name, { value }, "strategic"))).reason, "Invalid");
      assert.equal((await updateFresh(classes, name, (fresh) => ({ ...fresh, description: "updated" }))).description, "updated");
      assert.equal((await classes.patch(name, { description: "patched" })).description, "patched");
      assert.equal((await classes.get(name)).value, found.value);
    }
    await classes.delete(names[0] ?? "");
    await classes.deleteCollection({ labelSelector: unique });
    assert.equal((await classes.list({ labelSelector: unique })).items.length, 0);
  }),
];
