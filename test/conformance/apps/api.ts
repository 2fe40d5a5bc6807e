/** Workloads as far as no pod has to run. */
import assert from "node:assert/strict";
import { CRON_JOBS, JOBS, POD_DISRUPTION_BUDGETS, REPLICATION_CONTROLLERS, RESOURCE_QUOTAS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { conformance } from "../support/conformance.ts";
import { operations, updateFresh } from "../support/operations.ts";

const container = { name: "main", image: "registry.example/image:1" };
const cronJob = (schedule: string, more: object = {}) => ({ spec: { schedule, jobTemplate: { spec: { template: { spec: { restartPolicy: "OnFailure", containers: [container] } } } }, ...more } });
const budget = { spec: { minAvailable: 1, selector: { matchLabels: { app: "budget" } } } };

export const appsApi = [
  conformance("[sig-apps] CronJob should not schedule jobs when suspended", async ({ api, namespace }) => {
    const crons = api.of(CRON_JOBS, namespace);
    // two of the same age, of which one is held back: when the other has started a job, this one would have too
    await crons.create({ metadata: { name: "suspended" }, ...cronJob("*/1 * * * *", { suspend: true }) });
    await crons.create({ metadata: { name: "running" }, ...cronJob("*/1 * * * *") });
    await eventually("the other starts a job", async () => (await api.of(JOBS, namespace).list()).items.some(({ metadata }) => metadata.ownerReferences?.[0]?.name === "running"), 90_000);
    assert.deepEqual((await api.of(JOBS, namespace).list()).items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === "suspended"), []);
    assert.equal((await crons.get("suspended")).status?.active, undefined);
    await crons.delete("suspended");
    await crons.delete("running");
  }, { slow: "waits for the next minute" }),
  conformance("[sig-apps] CronJob should support CronJob API operations", (c) =>
    operations(c, {
      resource: CRON_JOBS,
      namespaced: true,
      object: cronJob("0 0 1 1 *"),
      change: { spec: { successfulJobsHistoryLimit: 1 } },
      status: { patch: { status: { lastScheduleTime: "2030-01-02T03:04:05Z" } }, took: ({ status }) => status?.lastScheduleTime === "2030-01-02T03:04:05Z" },
    })),

  conformance("[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets", async ({ api, namespace, unique }) => {
    const budgets = api.of(POD_DISRUPTION_BUDGETS, namespace);
    const labelSelector = `set=${unique}`;
    for (const name of ["a", "b", "c"]) await budgets.create({ metadata: { name, labels: { set: unique } }, ...budget });
    assert.equal((await api.of(POD_DISRUPTION_BUDGETS).list({ labelSelector })).items.length, 3);
    await budgets.deleteCollection({ labelSelector });
    await eventually("all are gone", async () => (await api.of(POD_DISRUPTION_BUDGETS).list({ labelSelector })).items.length === 0);
  }),
  conformance("[sig-apps] DisruptionController should create a PodDisruptionBudget", async ({ api, namespace }) => {
    const budgets = api.of(POD_DISRUPTION_BUDGETS, namespace);
    await budgets.create({ metadata: { name: "budget" }, ...budget });
    const observed = () => eventually("the controller saw it", async () => {
      const { status, metadata } = await budgets.get("budget");
      return status?.observedGeneration === metadata.generation;
    });
    await observed();
    await updateFresh(budgets, "budget", (fresh) => ({ ...fresh, spec: { ...fresh.spec, minAvailable: 2 } }));
    await observed();
    const patched = await budgets.patch("budget", { spec: { minAvailable: "50%" } }, "strategic");
    assert.equal(patched.spec?.minAvailable, "50%");
    await observed();
    await budgets.delete("budget");
    assert.equal((await budgets.list()).items.length, 0);
  }),
  conformance("[sig-apps] DisruptionController should update/patch PodDisruptionBudget status", async ({ api, namespace }) => {
    const budgets = api.of(POD_DISRUPTION_BUDGETS, namespace);
    await budgets.create({ metadata: { name: "budget" }, ...budget });
    await eventually("the controller saw it", async () => (await budgets.get("budget")).status?.observedGeneration === 1);
    const updated = await updateFresh(budgets, "budget", (fresh) => ({ ...fresh, status: { ...fresh.status, expectedPods: fresh.status?.expectedPods ?? 0, currentHealthy: fresh.status?.currentHealthy ?? 0, desiredHealthy: fresh.status?.desiredHealthy ?? 0, disruptionsAllowed: 0, disruptedPods: { first: "2030-01-02T03:04:05Z" } } }), "status");
    assert.deepEqual(Object.keys(updated.status?.disruptedPods ?? {}), ["first"]);
    const patched = await budgets.patch("budget", { status: { disruptedPods: { first: null, second: "2030-01-02T03:04:05Z" } } }, "merge", "status");
    assert.deepEqual(Object.keys(patched.status?.disruptedPods ?? {}), ["second"]);
  }),

  conformance("[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota", async ({ api, namespace }) => {
    const quotas = api.of(RESOURCE_QUOTAS, namespace);
    const controllers = api.of(REPLICATION_CONTROLLERS, namespace);
    await quotas.create({ metadata: { name: "two-pods" }, spec: { hard: { pods: "2" } } });
    await eventually("the quota is known", async () => (await quotas.get("two-pods")).status?.hard?.["pods"] === "2");
    await controllers.create({ metadata: { name: "three" }, spec: { replicas: 3, selector: { app: "three" }, template: { metadata: { labels: { app: "three" } }, spec: { containers: [container] } } } });
    const failure = async () => (await controllers.get("three")).status?.conditions?.find(({ type }) => type === "ReplicaFailure");
    assert.equal((await eventually("the failure shows", failure)).status, "True");
    await updateFresh(controllers, "three", (fresh) => ({ ...fresh, spec: { ...fresh.spec, replicas: 2 } }));
    await eventually("the failure is gone", async () => (await failure()) === undefined);
  }),
];
