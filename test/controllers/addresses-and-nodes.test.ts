import test from "ava";
import { DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, IP_ADDRESSES, NODES, SERVICE_CIDRS, SERVICES } from "../../core/api/resources.gen.ts";
import { horizontalPodAutoscaler } from "../../core/controllers/horizontal-pod-autoscaler.ts";
import { ipAddressRepair } from "../../core/controllers/ip-address-repair.ts";
import { nodeTtl } from "../../core/controllers/node-ttl.ts";
import { serviceCidr } from "../../core/controllers/service-cidr.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane } from "../support/control-plane.ts";

const service = (name: string, clusterIP?: string) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) },
});
const range = (name: string, cidr: string) => ({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name }, spec: { cidrs: [cidr] } });
const addressNames = async ({ admin }: ControlPlane) => (await admin.list(IP_ADDRESSES)).items.map(({ metadata }) => metadata.name);
const rangeNames = async ({ admin }: ControlPlane) => (await admin.list(SERVICE_CIDRS)).items.map(({ metadata }) => metadata.name);
const runRepair = (plane: ControlPlane) => plane.run(({ informers, clock }) => ipAddressRepair({ informers, client: informers.through(plane.admin), clock }));

test("a range is ready, and stays until its last address is free", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(serviceCidr);
  await plane.admin.create(SERVICE_CIDRS, range("more", "10.99.0.0/24"));
  await plane.clock.settle();
  const made = await plane.admin.get(SERVICE_CIDRS, { name: "more" });
  t.deepEqual(made.metadata.finalizers, ["networking.k8s.io/service-cidr-finalizer"]);
  t.like(made.status?.conditions?.[0], { type: "Ready", status: "True" });
  await plane.admin.create(SERVICES, service("a", "10.99.0.7"));
  await plane.admin.delete(SERVICE_CIDRS, { name: "more" });
  await plane.clock.advance(60_000);
  t.like((await plane.admin.get(SERVICE_CIDRS, { name: "more" })).status?.conditions?.[0], { type: "Ready", status: "False", reason: "Terminating" });
  await plane.admin.delete(SERVICES, { namespace: "default", name: "a" });
  await plane.clock.settle();
  t.deepEqual(await rangeNames(plane), ["kubernetes"]);
  t.deepEqual(plane.complaints, []);
});

test("a range goes while its addresses lie in another one, too", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(serviceCidr);
  await plane.admin.create(SERVICE_CIDRS, range("inside", "10.43.5.0/24"));
  await plane.admin.create(SERVICES, service("a", "10.43.5.9"));
  await plane.admin.delete(SERVICE_CIDRS, { name: "inside" });
  await plane.clock.advance(1_000);
  t.deepEqual((await rangeNames(plane)).toSorted(), ["inside", "kubernetes"], "another server may still hand out addresses of it");
  await plane.clock.advance(10_000);
  t.deepEqual(await rangeNames(plane), ["kubernetes"]);
});

test("the address of a Service comes back; what nobody uses goes, except what others manage", async (t) => {
  const plane = await controlPlane(t);
  await runRepair(plane);
  await plane.admin.create(SERVICES, service("a", "10.43.0.7"));
  await plane.admin.delete(IP_ADDRESSES, { name: "10.43.0.7" });
  await plane.clock.settle();
  t.like((await plane.admin.get(IP_ADDRESSES, { name: "10.43.0.7" })).spec?.parentRef, { resource: "services", namespace: "default", name: "a" });

  const parentRef = { group: "", resource: "services", namespace: "default", name: "gone" };
  const leaked = (name: string, labels: object) => ({ apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name, labels }, spec: { parentRef } });
  await plane.admin.create(IP_ADDRESSES, leaked("10.43.0.8", { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" }) as never);
  await plane.admin.create(IP_ADDRESSES, leaked("10.43.0.9", {}) as never);
  await plane.clock.advance(30_000);
  t.deepEqual((await addressNames(plane)).toSorted(), ["10.43.0.7", "10.43.0.8", "10.43.0.9"], "its Service may be on the way");
  await plane.clock.advance(60_000);
  t.deepEqual((await addressNames(plane)).toSorted(), ["10.43.0.7", "10.43.0.9"]);

  await plane.admin.delete(SERVICES, { namespace: "default", name: "a" });
  await plane.clock.advance(60_000);
  t.deepEqual(await addressNames(plane), ["10.43.0.9"]);
  t.deepEqual(plane.complaints, []);
});

test("nodes keep no Secrets for later", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(nodeTtl);
  await plane.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "n", annotations: { "example.com/a": "b" } } });
  await plane.clock.settle();
  const { metadata } = await plane.admin.get(NODES, { name: "n" });
  t.deepEqual(metadata.annotations, { "example.com/a": "b", "node.alpha.kubernetes.io/ttl": "0" });
  t.deepEqual(plane.complaints, []);
});

test("an autoscaler is looked at once in each period, for the first time after one", async (t) => {
  const plane = await controlPlane(t);
  await plane.run((deps) => horizontalPodAutoscaler(deps, { usage: () => undefined }));
  const at = { namespace: "default", name: "a" };
  const make = () =>
    plane.admin.create(HORIZONTAL_POD_AUTOSCALERS, {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: at,
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "a" } },
    });
  const reason = async () => (await plane.admin.get(HORIZONTAL_POD_AUTOSCALERS, at)).status?.conditions?.[0]?.reason;
  await make();
  await plane.clock.advance(14_000);
  t.is(await reason(), undefined);
  await plane.clock.advance(1_000);
  t.is(await reason(), "FailedGetScale");

  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  await plane.admin.create(DEPLOYMENTS, { apiVersion: "apps/v1", kind: "Deployment", metadata: at, spec: { selector: { matchLabels: { app: "a" } }, template } });
  await plane.admin.patch(HORIZONTAL_POD_AUTOSCALERS, at, { type: "merge", patch: { spec: { maxReplicas: 4 } } });
  await plane.clock.advance(14_000);
  t.is(await reason(), "FailedGetScale");
  await plane.clock.advance(1_000);
  t.is(await reason(), "SucceededGetScale");

  await plane.admin.delete(HORIZONTAL_POD_AUTOSCALERS, at);
  await make();
  await plane.clock.advance(14_000);
  t.is(await reason(), undefined, "another one of the same name begins anew");
  t.deepEqual(plane.complaints, []);
});
