/** Quotas: what admission refuses, and what the status says is used. */
import assert from "node:assert/strict";
import type { Resource } from "../../../core/api/client.ts";
import type { KubeObject } from "../../../core/api/meta.ts";
import { CONFIG_MAPS, PODS, REPLICATION_CONTROLLERS, REPLICA_SETS, RESOURCE_QUOTAS, SECRETS, SERVICES } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";

type Amounts = Readonly<Record<string, string>>;

const template = (labels: object) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } });
const pod = (name: string, requests?: Amounts, more: object = {}) => ({ metadata: { name }, spec: { containers: [{ name: "c", image: "i", ...(requests === undefined ? {} : { resources: { requests, limits: requests } }) }], ...more } });

/** A quota, and a wait for what its status says. Only the named amounts are compared. */
async function quota({ api, namespace }: Context, name: string, hard: Amounts, spec: object = {}) {
  const quotas = api.of(RESOURCE_QUOTAS, namespace);
  await quotas.create({ metadata: { name }, spec: { hard, ...spec } });
  const uses = (used: Amounts) => eventually(`${name} uses ${JSON.stringify(used)}`, async () => {
    const { status } = await quotas.get(name);
    return Object.entries(used).every(([resource, amount]) => status?.used?.[resource] === amount) || Promise.reject(new Error(`it uses ${JSON.stringify(status?.used)}`));
  });
  await uses(Object.fromEntries(Object.keys(hard).map((resource) => [resource, "0"])));
  return { quotas, uses };
}

/** Counting one kind: none, one, none again. */
async function life(c: Context, counted: string, resource: Resource<KubeObject>, object: object): Promise<void> {
  const { api, namespace } = c;
  const objects = api.of(resource, namespace);
  const before = (await objects.list()).items.length;
  const quotas = api.of(RESOURCE_QUOTAS, namespace);
  await quotas.create({ metadata: { name: "quota" }, spec: { hard: { [counted]: `${before + 1}` } } });
  const uses = (count: number) => eventually(`${count} are used`, async () => (await quotas.get("quota")).status?.used?.[counted] === `${count}`);
  await uses(before);
  await objects.create({ ...object, metadata: { name: "counted" } });
  await uses(before + 1);
  assert.equal((await refusal(objects.create({ ...object, metadata: { name: "too-many" } }))).reason, "Forbidden");
  await objects.delete("counted");
  await uses(before);
  await objects.create({ ...object, metadata: { name: "again" } });
}

export const resourceQuota = [
  conformance("[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status", async (c) => {
    const { quotas } = await quota(c, "quota", { pods: "5", services: "10" });
    const watch = await quotas.watch({ resourceVersion: (await quotas.list()).metadata.resourceVersion ?? "" });
    await quotas.patch("quota", { status: { hard: { pods: "7", services: "12" } } }, "merge", "status");
    const changed = await watch.until("MODIFIED", ({ status }) => status?.hard?.["pods"] === "7");
    assert.equal(changed.object.status?.hard?.["services"], "12");
    await watch.until("MODIFIED", ({ status }) => status?.hard?.["pods"] === "5");
    await updateFresh(quotas, "quota", (fresh) => ({ ...fresh, status: { ...fresh.status, hard: { pods: "8", services: "12" } } }), "status");
    await watch.until("MODIFIED", ({ status }) => status?.hard?.["pods"] === "8");
    await watch.until("MODIFIED", ({ status }) => status?.hard?.["pods"] === "5");
    watch.close();
    assert.deepEqual((await quotas.get("quota", "status")).spec?.hard, { pods: "5", services: "10" });
  }),
  conformance("[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota.", async (c) => {
    const { quotas } = await quota(c, "quota", { cpu: "1", memory: "500Mi" });
    await updateFresh(quotas, "quota", (fresh) => ({ ...fresh, spec: { hard: { cpu: "2", memory: "1Gi" } } }));
    assert.deepEqual((await quotas.get("quota")).spec?.hard, { cpu: "2", memory: "1Gi" });
    await quotas.delete("quota");
    assert.equal((await refusal(quotas.get("quota"))).reason, "NotFound");
  }),
  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap.", (c) => life(c, "count/configmaps", CONFIG_MAPS, { data: { a: "b" } })),
  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set.", (c) =>
    life(c, "count/replicasets.apps", REPLICA_SETS, { spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template: template({ a: "b" }) } })),
  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller.", (c) =>
    life(c, "replicationcontrollers", REPLICATION_CONTROLLERS, { spec: { replicas: 0, selector: { a: "b" }, template: template({ a: "b" }) } })),
  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret.", (c) => life(c, "secrets", SECRETS, { stringData: { a: "b" } })),

  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service.", async (c) => {
    const { uses } = await quota(c, "quota", { services: "2", "services.nodeports": "1", "services.loadbalancers": "0" });
    const services = c.api.of(SERVICES, c.namespace);
    const service = (name: string, type: string) => ({ metadata: { name }, spec: { type, ports: [{ port: 80 }] } });
    await services.create(service("cluster", "ClusterIP"));
    await services.create(service("node", "NodePort"));
    assert.equal((await refusal(services.create(service("balanced", "LoadBalancer")))).reason, "Forbidden");
    await uses({ services: "2", "services.nodeports": "1", "services.loadbalancers": "0" });
    await services.delete("cluster");
    await services.delete("node");
    await uses({ services: "0", "services.nodeports": "0" });
  }),

  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod.", async (c) => {
    const extended = "requests.example.com/dongle";
    const { uses } = await quota(c, "quota", { pods: "2", cpu: "1", memory: "500Mi", "requests.ephemeral-storage": "50Gi", [extended]: "3" });
    const pods = c.api.of(PODS, c.namespace);
    const requests = { cpu: "500m", memory: "252Mi", "ephemeral-storage": "30Gi", "example.com/dongle": "2" };
    await pods.create(pod("first", requests));
    const used = { pods: "1", cpu: "500m", memory: "252Mi", "requests.ephemeral-storage": "30Gi", [extended]: "2" };
    await uses(used);
    for (const [resource, amount] of Object.entries({ cpu: "600m", memory: "300Mi", "ephemeral-storage": "30Gi", "example.com/dongle": "2" })) {
      const small = { cpu: "1m", memory: "1Mi", "ephemeral-storage": "1Gi", "example.com/dongle": "1", [resource]: amount };
      assert.equal((await refusal(pods.create(pod("too-much", small)))).reason, "Forbidden", resource);
    }
    await pods.patch("first", { metadata: { labels: { touched: "true" } } });
    assert.equal((await refusal(pods.patch("first", { spec: { containers: [{ name: "c", resources: { requests: { cpu: "100m" } } }] } }, "strategic"))).reason, "Invalid");
    await uses(used);
    await pods.delete("first", { gracePeriodSeconds: 0 });
    await uses({ pods: "0", cpu: "0", memory: "0", "requests.ephemeral-storage": "0", [extended]: "0" });
  }),

  conformance("[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.", async (c) => {
    await quota(c, "quota", { pods: "5", services: "3", cpu: "1" });
    assert.deepEqual((await c.api.of(RESOURCE_QUOTAS, c.namespace).get("quota")).status, { hard: { pods: "5", services: "3", cpu: "1" }, used: { pods: "0", services: "0", cpu: "0" } });
  }),

  conformance("[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota", async (c) => {
    const { api, namespace, unique } = c;
    const quotas = api.of(RESOURCE_QUOTAS, namespace);
    await quotas.create({ metadata: { name: "quota", labels: { [unique]: "x" } }, spec: { hard: { cpu: "1", memory: "500Mi" } } });
    assert.equal((await quotas.get("quota")).spec?.hard?.["cpu"], "1");
    assert.equal((await api.of(RESOURCE_QUOTAS).list({ labelSelector: unique })).items.length, 1);
    const patched = await quotas.patch("quota", { metadata: { labels: { patched: "true" } }, spec: { hard: { memory: "750Mi" } } });
    assert.deepEqual(patched.spec?.hard, { cpu: "1", memory: "750Mi" });
    await quotas.deleteCollection({ labelSelector: `${unique},patched=true` });
    assert.equal((await quotas.list({ labelSelector: unique })).items.length, 0);
  }),

  conformance("[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope.", async (c) => {
    const best = await quota(c, "best-effort", { pods: "5" }, { scopes: ["BestEffort"] });
    const other = await quota(c, "not-best-effort", { pods: "5" }, { scopes: ["NotBestEffort"] });
    const pods = c.api.of(PODS, c.namespace);
    await pods.create(pod("best"));
    await best.uses({ pods: "1" });
    await other.uses({ pods: "0" });
    await pods.delete("best", { gracePeriodSeconds: 0 });
    await best.uses({ pods: "0" });
    await pods.create(pod("burstable", { cpu: "100m", memory: "10Mi" }));
    await other.uses({ pods: "1" });
    await best.uses({ pods: "0" });
    await pods.delete("burstable", { gracePeriodSeconds: 0 });
    await other.uses({ pods: "0" });
  }),
  conformance("[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes.", async (c) => {
    const terminating = await quota(c, "terminating", { pods: "5", "requests.cpu": "2", "limits.memory": "1Gi" }, { scopes: ["Terminating"] });
    const lasting = await quota(c, "not-terminating", { pods: "5", "requests.cpu": "2", "limits.memory": "1Gi" }, { scopes: ["NotTerminating"] });
    const pods = c.api.of(PODS, c.namespace);
    const amounts = { cpu: "500m", memory: "200Mi" };
    const used = { pods: "1", "requests.cpu": "500m", "limits.memory": "200Mi" };
    const unused = { pods: "0", "requests.cpu": "0", "limits.memory": "0" };
    await pods.create(pod("lasting", amounts));
    await lasting.uses(used);
    await terminating.uses(unused);
    await pods.delete("lasting", { gracePeriodSeconds: 0 });
    await lasting.uses(unused);
    await pods.create(pod("terminating", amounts, { activeDeadlineSeconds: 3600 }));
    await terminating.uses(used);
    await lasting.uses(unused);
    await pods.delete("terminating", { gracePeriodSeconds: 0 });
    await terminating.uses(unused);
  }),
];
