import test from "ava";
import { CONFIG_MAPS, CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, ENDPOINT_SLICES, JOBS, NAMESPACES, NODES, PODS, SERVICES, STATEFUL_SETS } from "../../core/api/resources.gen.ts";
import { controllers } from "../../core/controllers/all.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane, podsOf } from "../support/control-plane.ts";

async function everything(t: Parameters<typeof controlPlane>[0]): Promise<ControlPlane> {
  const plane = await controlPlane(t);
  await plane.run(...controllers(plane.deps).map((controller) => () => controller));
  await plane.admin.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } });
  return plane;
}
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };
const selector = { matchLabels: { app: "a" } };
const metadata = { namespace: "n", name: "a" };

test("all controllers together, each with its own rights, bring a namespace up, rest, and take it down", async (t) => {
  const plane = await everything(t);
  const node = await plane.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  await plane.admin.patch(NODES, { name: node.metadata.name ?? "", subresource: "status" }, { type: "merge", patch: { status: { conditions: [{ type: "Ready", status: "True" }] } } });
  await plane.admin.create(DEPLOYMENTS, { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas: 3, selector, template } });
  await plane.admin.create(STATEFUL_SETS, { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { replicas: 2, serviceName: "a", selector: { matchLabels: { app: "s" } }, template: { ...template, metadata: { labels: { app: "s" } } } } });
  await plane.admin.create(DAEMON_SETS, { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: { selector: { matchLabels: { app: "d" } }, template: { ...template, metadata: { labels: { app: "d" } } } } });
  await plane.admin.create(SERVICES, { apiVersion: "v1", kind: "Service", metadata, spec: { selector: { app: "a" }, clusterIP: "None", ports: [{ port: 80 }] } });
  await plane.admin.create(CRON_JOBS, { apiVersion: "batch/v1", kind: "CronJob", metadata, spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } } } } } });
  for (let round = 0; round < 6; round++) {
    await plane.clock.advance(1_000);
    await allRunning(plane, "n");
  }
  await plane.clock.advance(60_000);
  t.is((await podsOf(plane, "n")).length, 6);
  t.is((await plane.admin.list(ENDPOINT_SLICES, { namespace: "n" })).items[0]?.endpoints?.length, 3);
  t.is((await plane.admin.get(NODES, { name: "n1" })).spec?.podCIDR, "10.42.0.0/24");

  const revision = async () => (await plane.admin.list(CONFIG_MAPS)).metadata.resourceVersion;
  const before = await revision();
  await plane.clock.advance(3_600_000);
  t.is(await revision(), before, "at rest nothing is written");

  await plane.admin.delete(NAMESPACES, { name: "n" });
  for (let round = 0; round < 20; round++) {
    await plane.clock.advance(1_000);
    for (const pod of await podsOf(plane, "n")) {
      const { deletionTimestamp, name = "" } = pod.metadata;
      // one that has gone by itself in the meantime is as good
      if (deletionTimestamp !== undefined) await plane.admin.delete(PODS, { namespace: "n", name }, { gracePeriodSeconds: 0 }).catch(() => undefined);
    }
  }
  t.false((await plane.admin.list(NAMESPACES)).items.some(({ metadata: of }) => of.name === "n"));
  t.is((await plane.admin.list(JOBS, {})).items.length, 0);
  t.deepEqual(plane.complaints, []);
});

test("a thousand pods of a hundred Deployments come and go", async (t) => {
  const plane = await everything(t);
  await plane.clock.settle();
  for (let index = 0; index < 100; index++) {
    const labels = { app: `a${index}` };
    const spec = { replicas: 10, selector: { matchLabels: labels }, template: { ...template, metadata: { labels } } };
    await plane.admin.create(DEPLOYMENTS, { apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace: "n", name: `a${index}` }, spec });
  }
  const count = (wanted: number) => async () => (await podsOf(plane, "n")).length === wanted;
  await plane.clock.until(count(1000), 60_000);
  await plane.admin.deleteCollection(DEPLOYMENTS, { namespace: "n", propagationPolicy: "Background" });
  await plane.clock.until(count(0), 600_000);
  t.deepEqual(plane.complaints, []);
});
