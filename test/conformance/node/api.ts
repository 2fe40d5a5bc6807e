/** Nodes and pods as objects: configuration, templates, runtime classes, device claims, what is refused before it runs. */
import assert from "node:assert/strict";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CONFIG_MAPS, DEVICE_CLASSES, LEASES, NODES, PODS, POD_TEMPLATES, RESOURCE_CLAIMS, RESOURCE_CLAIM_TEMPLATES, RESOURCE_SLICES, RUNTIME_CLASSES, SECRETS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { readyNode } from "../support/ready-node.ts";
import { operations, updateFresh } from "../support/operations.ts";

const DEVICE_TAINT_RULES = { group: "resource.k8s.io", version: "v1", plural: "devicetaintrules" };
const container = { name: "main", image: "registry.example/image:1" };
const template = { template: { metadata: { labels: { app: "template" } }, spec: { containers: [container] } } };
const deviceClaim = { devices: { requests: [{ name: "one", exactly: { deviceClassName: "class.example.com" } }] } };

/** A runtime class, a node and a pod of that class, up to the scheduler's decision. */
async function scheduledWithClass({ api, namespace, unique, after }: Context, overhead?: { readonly cpu: string; readonly memory: string }) {
  const classes = api.of(RUNTIME_CLASSES);
  const node = await readyNode(api, unique, after);
  await classes.create({
    metadata: { name: unique },
    handler: "any",
    scheduling: { nodeSelector: { "kubernetes.io/hostname": node }, tolerations: [{ key: node, operator: "Exists", effect: "NoSchedule" }] },
    ...(overhead === undefined ? {} : { overhead: { podFixed: overhead } }),
  });
  after(() => classes.delete(unique));
  const pods = api.of(PODS, namespace);
  await pods.create({ metadata: { name: "pod" }, spec: { runtimeClassName: unique, containers: [container] } });
  return eventually("the pod is scheduled", async () => {
    const pod = await pods.get("pod");
    return pod.spec?.nodeName === node && pod;
  });
}

export const nodeApi = [
  conformance("[sig-node] ConfigMap should fail to create ConfigMap with empty key", async ({ api, namespace }) => {
    assert.equal((await refusal(api.of(CONFIG_MAPS, namespace).create({ metadata: { name: "empty" }, data: { "": "value" } }))).reason, "Invalid");
  }),
  conformance("[sig-node] ConfigMap should run through a ConfigMap lifecycle", (c) => operations(c, { resource: CONFIG_MAPS, namespaced: true, object: { data: { a: "b" } }, change: { data: { a: "c" } } })),
  conformance("[sig-node] ConfigMap should update ConfigMap successfully", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    await maps.create({ metadata: { name: "map" }, data: { a: "b" } });
    await updateFresh(maps, "map", (fresh) => ({ ...fresh, data: { a: "c", d: "e" } }));
    assert.deepEqual((await maps.get("map")).data, { a: "c", d: "e" });
  }),
  conformance("[sig-node] Secrets should fail to create secret due to empty secret key", async ({ api, namespace }) => {
    assert.equal((await refusal(api.of(SECRETS, namespace).create({ metadata: { name: "empty" }, data: { "": "dmFsdWU=" } }))).reason, "Invalid");
  }),
  conformance("[sig-node] Secrets should patch a secret", async ({ api, namespace, unique }) => {
    const secrets = api.of(SECRETS, namespace);
    await secrets.create({ metadata: { name: "secret", labels: { [unique]: "x" } }, stringData: { key: "one" }, type: "Opaque" });
    assert.equal((await api.of(SECRETS).list({ labelSelector: unique })).items.length, 1);
    await secrets.patch("secret", { metadata: { labels: { patched: "true" } }, data: { key: Buffer.from("two").toString("base64") } }, "strategic");
    const patched = (await api.of(SECRETS).list({ labelSelector: "patched=true", fieldSelector: `metadata.namespace=${namespace}` })).items[0];
    assert.equal(Buffer.from(patched?.data?.["key"] ?? "", "base64").toString(), "two");
    await secrets.deleteCollection({ labelSelector: "patched=true" });
    assert.equal((await secrets.list({ labelSelector: unique })).items.length, 0);
  }),
  conformance("[sig-node] Lease lease API should be available", (c) =>
    operations(c, { resource: LEASES, namespaced: true, object: { spec: { holderIdentity: "holder", leaseDurationSeconds: 30, acquireTime: "2030-01-02T03:04:05.123456Z", leaseTransitions: 0 } }, change: { spec: { holderIdentity: "other", leaseTransitions: 1 } } })),

  conformance("[sig-node] Node Lifecycle should run through the lifecycle of a node", async ({ api, unique, after }) => {
    const nodes = api.of(NODES);
    await nodes.create({ metadata: { name: unique, labels: { [unique]: "x" } }, spec: { unschedulable: true } });
    after(() => nodes.delete(unique));
    assert.equal((await nodes.get(unique)).metadata.name, unique);
    assert.equal((await nodes.patch(unique, { metadata: { labels: { patched: "true" } } }, "strategic")).metadata.labels?.["patched"], "true");
    assert.deepEqual((await nodes.list({ labelSelector: `${unique},patched=true` })).items.map(({ metadata }) => metadata.name), [unique]);
    await updateFresh(nodes, unique, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, annotations: { updated: "true" } } }));
    await nodes.patch(unique, { status: { phase: "Running", capacity: { cpu: "3" } } }, "strategic", "status");
    assert.equal((await nodes.get(unique, "status")).status?.capacity?.["cpu"], "3");
    const status = await updateFresh(nodes, unique, (fresh) => ({ ...fresh, status: { ...fresh.status, capacity: { cpu: "4" } } }), "status");
    assert.equal(status.status?.capacity?.["cpu"], "4");
    await nodes.deleteCollection({ labelSelector: `${unique},patched=true` });
    await eventually("the node is gone", async () => (await nodes.list({ labelSelector: unique })).items.length === 0);
  }),

  conformance("[sig-node] PodTemplates should delete a collection of pod templates", async ({ api, namespace }) => {
    const templates = api.of(POD_TEMPLATES, namespace);
    for (const name of ["a", "b", "c"]) await templates.create({ metadata: { name, labels: { set: "yes" } }, ...template });
    assert.equal((await templates.list({ labelSelector: "set=yes" })).items.length, 3);
    await templates.deleteCollection({ labelSelector: "set=yes" });
    await eventually("all are gone", async () => (await templates.list({ labelSelector: "set=yes" })).items.length === 0);
  }),
  conformance("[sig-node] PodTemplates should replace a pod template", async ({ api, namespace }) => {
    const templates = api.of(POD_TEMPLATES, namespace);
    await templates.create({ metadata: { name: "template" }, ...template });
    const replaced = await updateFresh(templates, "template", (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, annotations: { updated: "true" } } }));
    assert.equal(replaced.metadata.annotations?.["updated"], "true");
    assert.equal((await templates.get("template")).template?.spec?.containers[0]?.image, container.image);
  }),
  conformance("[sig-node] PodTemplates should run the lifecycle of PodTemplates", (c) => operations(c, { resource: POD_TEMPLATES, namespaced: true, object: template })),

  conformance("[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu", async ({ api, namespace }) => {
    const same = { cpu: "100m", memory: "100Mi" };
    const pod = await api.of(PODS, namespace).create({ metadata: { name: "guaranteed" }, spec: { containers: [{ ...container, resources: { limits: same, requests: same } }] } });
    assert.equal(pod.status?.qosClass, "Guaranteed");
    assert.equal((await api.of(PODS, namespace).get("guaranteed")).status?.qosClass, "Guaranteed");
  }),

  conformance("[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass", async ({ api, namespace, unique }) => {
    const classes = api.of(RUNTIME_CLASSES);
    await classes.create({ metadata: { name: unique }, handler: "any" });
    await classes.delete(unique);
    await eventually("the deletion is known to admission", async () => (await refusal(api.of(PODS, namespace).create({ metadata: { generateName: "pod-" }, spec: { runtimeClassName: unique, containers: [container] } }))).reason === "Forbidden");
  }),
  conformance("[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass", async ({ api, namespace, unique }) => {
    const refused = await refusal(api.of(PODS, namespace).create({ metadata: { name: "pod" }, spec: { runtimeClassName: unique, containers: [container] } }));
    assert.equal(refused.reason, "Forbidden");
  }),
  conformance("[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead", async (c) => {
    const pod = await scheduledWithClass(c, { cpu: "10m", memory: "1Mi" });
    assert.deepEqual(pod.spec?.overhead, { cpu: "10m", memory: "1Mi" });
  }),
  conformance("[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead", async (c) => {
    const pod = await scheduledWithClass(c);
    assert.equal(pod.spec?.overhead, undefined);
  }),
  conformance("[sig-node] RuntimeClass should support RuntimeClasses API operations", (c) => operations(c, { resource: RUNTIME_CLASSES, object: { handler: "any" } })),

  conformance("[sig-node] Sysctls should reject invalid sysctls", async ({ api, namespace }) => {
    const sysctls = ["foo-", "kernel.shmmax", "safe-and-unsafe", "bar.."].map((name) => ({ name, value: "1" }));
    const refused = await refusal(api.of(PODS, namespace).create({ metadata: { name: "pod" }, spec: { securityContext: { sysctls }, containers: [container] } }));
    assert.equal(refused.reason, "Invalid");
    const fields = refused.details?.causes?.map(({ field }) => field);
    assert.ok(fields !== undefined && fields.includes("spec.securityContext.sysctls[0].name") && fields.includes("spec.securityContext.sysctls[3].name"), JSON.stringify(fields));
    assert.ok(!fields.includes("spec.securityContext.sysctls[1].name"));
  }),

  conformance("[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceClass", (c) => operations(c, { resource: DEVICE_CLASSES, object: { spec: { selectors: [{ cel: { expression: "true" } }] } } })),
  conformance("[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceTaintRule", (c) => operations<AnyObject>(c, { resource: DEVICE_TAINT_RULES, object: { spec: { deviceSelector: { driver: "driver.example.com" }, taint: { key: "example.com/k", effect: "NoSchedule" } } } }), { since: 37 }),
  conformance("[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim", (c) =>
    operations(c, {
      resource: RESOURCE_CLAIMS,
      namespaced: true,
      object: { spec: deviceClaim },
      status: { patch: { status: { allocation: { devices: { results: [{ request: "one", driver: "driver.example.com", pool: "pool", device: "device" }] } } } }, took: ({ status }) => status?.allocation?.devices?.results?.[0]?.device === "device" },
    })),
  conformance("[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate", (c) => operations(c, { resource: RESOURCE_CLAIM_TEMPLATES, namespaced: true, object: { spec: { spec: deviceClaim } } })),
  conformance("[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice", (c) =>
    operations(c, { resource: RESOURCE_SLICES, object: { spec: { driver: "driver.example.com", pool: { name: c.unique, generation: 1, resourceSliceCount: 1 }, allNodes: true, devices: [{ name: "device" }] } }, change: { spec: { devices: [{ name: "other" }] } } })),
];
