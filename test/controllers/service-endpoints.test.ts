import test from "ava";
import { ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES } from "../../core/api/resources.gen.ts";
import type { EndpointSlice, Pod, Service } from "../../core/api/types.gen.ts";
import { endpointSlice, planSlices, SLICE_SIZE } from "../../core/controllers/endpoint-slice.ts";
import { endpointsOf } from "../../core/controllers/endpoint-state.ts";
import { endpoints } from "../../core/controllers/endpoints.ts";
import { endpointSliceMirroring } from "../../core/controllers/endpointslice-mirroring.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane, reportRunning } from "../support/control-plane.ts";

const service = (spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name: "a" },
  spec: { selector: { app: "a" }, ports: [{ port: 80 }], clusterIP: "None", ...spec },
});
const makePod = ({ admin }: ControlPlane, name: string, spec: object = {}) =>
  admin.create(PODS, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name, labels: { app: "a" } },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "i", ports: [{ name: "web", containerPort: 8080 }] }], ...spec },
  });
const slices = async ({ admin }: ControlPlane) => (await admin.list(ENDPOINT_SLICES, { namespace: "default" })).items;

test("a Service without pods has an empty slice and empty Endpoints; ready pods fill both", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(endpointSlice, endpoints);
  await plane.admin.create(SERVICES, service({ ports: [{ name: "x", port: 80, targetPort: "web" }] }));
  await plane.clock.advance(100);
  t.deepEqual((await slices(plane)).map((slice) => slice.endpoints ?? []), [[]]);
  t.is((await plane.admin.get(ENDPOINTS, { namespace: "default", name: "a" })).subsets, undefined);
  const pod = await makePod(plane, "p", { hostname: "h", subdomain: "a" });
  await reportRunning(plane, pod);
  await plane.clock.advance(100);
  const [slice, ...others] = await slices(plane);
  t.is(others.length, 0);
  t.like(slice, {
    addressType: "IPv4",
    metadata: { labels: { "kubernetes.io/service-name": "a", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io", "service.kubernetes.io/headless": "" } },
  });
  t.deepEqual(slice?.ports, [{ name: "x", port: 8080, protocol: "TCP" }]);
  const targetRef = { kind: "Pod", namespace: "default", name: "p", uid: pod.metadata.uid ?? "" };
  t.deepEqual(slice?.endpoints, [{ addresses: ["10.42.0.7"], conditions: { ready: true, serving: true, terminating: false }, hostname: "h", nodeName: "n1", targetRef }]);
  t.deepEqual((await plane.admin.get(ENDPOINTS, { namespace: "default", name: "a" })).subsets, [
    { addresses: [{ ip: "10.42.0.7", hostname: "h", nodeName: "n1", targetRef }], ports: [{ name: "x", port: 8080, protocol: "TCP" }] },
  ]);

  await plane.admin.delete(PODS, { namespace: "default", name: "p" });
  await plane.clock.advance(100);
  t.deepEqual((await slices(plane))[0]?.endpoints?.[0]?.conditions, { ready: false, serving: true, terminating: true });
  t.is((await plane.admin.get(ENDPOINTS, { namespace: "default", name: "a" })).subsets, undefined);
  await plane.admin.delete(SERVICES, { namespace: "default", name: "a" });
  await plane.clock.advance(100);
  t.is((await plane.admin.list(ENDPOINTS, { namespace: "default" })).items.length, 0);
  t.deepEqual(plane.complaints, []);
});

test("unready pods, pods published anyway, and Services that look after themselves", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(endpointSlice, endpoints);
  await plane.admin.create(SERVICES, service());
  await plane.admin.create(SERVICES, { ...service({ publishNotReadyAddresses: true }), metadata: { namespace: "default", name: "all" } });
  await plane.admin.create(SERVICES, { apiVersion: "v1", kind: "Service", metadata: { namespace: "default", name: "none" }, spec: { clusterIP: "None", ports: [{ port: 80 }] } });
  await reportRunning(plane, await makePod(plane, "p"), { conditions: [] });
  await plane.clock.advance(100);
  const found = new Map((await slices(plane)).map((slice) => [slice.metadata.labels?.["kubernetes.io/service-name"], slice.endpoints?.[0]?.conditions]));
  t.deepEqual(found.get("a"), { ready: false, serving: false, terminating: false });
  t.deepEqual(found.get("all"), { ready: true, serving: false, terminating: false });
  t.false(found.has("none"));
});

test("Endpoints written by hand are mirrored and followed", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(endpointSliceMirroring);
  await plane.admin.create(SERVICES, { apiVersion: "v1", kind: "Service", metadata: { namespace: "default", name: "m" }, spec: { clusterIP: "None", ports: [{ port: 80 }] } });
  const ports = [{ port: 80, protocol: "TCP" }];
  await plane.admin.create(ENDPOINTS, { apiVersion: "v1", kind: "Endpoints", metadata: { namespace: "default", name: "m" }, subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports }] });
  await plane.clock.advance(100);
  const addresses = async () => (await slices(plane)).flatMap((slice) => slice.endpoints ?? []).map((endpoint) => endpoint.addresses[0]);
  t.deepEqual(await addresses(), ["192.0.2.1"]);
  const subsets = [{ addresses: [{ ip: "192.0.2.2" }], notReadyAddresses: [{ ip: "2001:db8::1" }], ports }];
  await plane.admin.patch(ENDPOINTS, { namespace: "default", name: "m" }, { type: "merge", patch: { subsets } });
  await plane.clock.advance(100);
  t.deepEqual((await addresses()).toSorted(), ["192.0.2.2", "2001:db8::1"]);
  await plane.admin.patch(ENDPOINTS, { namespace: "default", name: "m" }, { type: "merge", patch: { subsets: null } });
  await plane.clock.advance(100);
  t.deepEqual(await addresses(), []);
  t.deepEqual(plane.complaints, []);
});

const podAt = (index: number): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "default", name: `p${String(index).padStart(4, "0")}`, uid: `u${index}` },
  spec: { containers: [] },
  status: { phase: "Running", podIP: `10.0.${Math.floor(index / 250)}.${index % 250}`, conditions: [{ type: "Ready", status: "True" }] },
});

test("slices are bounded, and a change touches one of them", (t) => {
  const object = service() as unknown as Service;
  const pods = Array.from({ length: 250 }, (_, index) => podAt(index));
  const plan = (members: readonly Pod[], existing: readonly EndpointSlice[]) => planSlices(object, "IPv4", endpointsOf(object, members, "IPv4"), existing, () => undefined);
  const first = plan(pods, []);
  t.deepEqual(first.create.map(({ endpoints: list }) => list?.length), [SLICE_SIZE, SLICE_SIZE, 50]);
  const existing = first.create.map((slice, index) => ({ ...slice, metadata: { ...slice.metadata, name: `a-${index}` } }));
  t.deepEqual(plan(pods, existing), { create: [], update: [], remove: [] });
  const less = plan(pods.slice(1), existing);
  t.deepEqual(less.update.map(({ metadata, endpoints: list }) => [metadata.name, list?.length]), [["a-0", 99]]);
  const more = plan([...pods, podAt(999)], existing);
  t.deepEqual(more.update.map(({ metadata, endpoints: list }) => [metadata.name, list?.length]), [["a-2", 51]]);
});
