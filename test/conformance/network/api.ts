/** Networking kinds and their controllers, without traffic. */
import assert from "node:assert/strict";
import { ENDPOINTS, ENDPOINT_SLICES, INGRESSES, INGRESS_CLASSES, IP_ADDRESSES, SERVICES, SERVICE_CIDRS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { conformance } from "../support/conformance.ts";
import { operations, updateFresh } from "../support/operations.ts";

const selectorless = { spec: { ports: [{ name: "web", port: 80, protocol: "TCP" }] } };
const ofService = (name: string) => ({ labelSelector: `kubernetes.io/service-name=${name}` });

export const networkApi = [
  conformance("[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server", async ({ api }) => {
    const endpoints = await api.of(ENDPOINTS, "default").get("kubernetes");
    const addresses = endpoints.subsets?.flatMap((subset) => subset.addresses?.map(({ ip }) => ip) ?? []) ?? [];
    assert.ok(addresses.length > 0);
    const slices = (await api.of(ENDPOINT_SLICES, "default").list(ofService("kubernetes"))).items;
    assert.deepEqual(slices.flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)).toSorted(), addresses.toSorted());
    assert.deepEqual(slices[0]?.ports?.map(({ name, port }) => ({ name, port })), endpoints.subsets?.[0]?.ports?.map(({ name, port }) => ({ name, port })));
  }),
  conformance("[sig-network] API Server should provide secure master service", async ({ api }) => {
    const service = await api.of(SERVICES, "default").get("kubernetes");
    assert.ok(service.spec?.ports?.some(({ name, port }) => name === "https" && port === 443));
  }),

  conformance("[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods", async ({ api, namespace }) => {
    const slices = api.of(ENDPOINT_SLICES, namespace);
    await api.of(SERVICES, namespace).create({ metadata: { name: "empty" }, spec: { selector: { app: "nobody" }, ports: [{ port: 80 }] } });
    const found = await eventually("a slice", async () => (await slices.list(ofService("empty"))).items[0]);
    assert.deepEqual(found.endpoints ?? [], []);
    assert.equal(found.metadata.labels?.["endpointslice.kubernetes.io/managed-by"], "endpointslice-controller.k8s.io");
    await api.of(SERVICES, namespace).delete("empty");
    await eventually("no slice", async () => (await slices.list(ofService("empty"))).items.length === 0);
  }),
  conformance("[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods", async ({ api, namespace }) => {
    const endpoints = api.of(ENDPOINTS, namespace);
    await api.of(SERVICES, namespace).create({ metadata: { name: "empty" }, spec: { selector: { app: "nobody" }, ports: [{ port: 80 }] } });
    const found = await eventually("endpoints", () => endpoints.get("empty"));
    assert.deepEqual(found.subsets ?? [], []);
    await api.of(SERVICES, namespace).delete("empty");
    await eventually("no endpoints", async () => (await endpoints.list()).items.length === 0);
  }),
  conformance("[sig-network] EndpointSlice should support creating EndpointSlice API operations", (c) =>
    operations(c, { resource: ENDPOINT_SLICES, namespaced: true, object: { addressType: "IPv4", endpoints: [{ addresses: ["192.0.2.1"] }], ports: [{ name: "web", port: 80 }] } })),

  conformance("[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete", async ({ api, namespace }) => {
    const slices = api.of(ENDPOINT_SLICES, namespace);
    const endpoints = api.of(ENDPOINTS, namespace);
    await api.of(SERVICES, namespace).create({ metadata: { name: "custom" }, ...selectorless });
    const ports = [{ name: "web", port: 80, protocol: "TCP" }] as const;
    const mirrored = async () => (await slices.list(ofService("custom"))).items.flatMap((slice) => (slice.metadata.labels?.["endpointslice.kubernetes.io/managed-by"] === "endpointslicemirroring-controller.k8s.io" ? (slice.endpoints ?? []).flatMap(({ addresses }) => addresses) : [])).join();
    await endpoints.create({ metadata: { name: "custom" }, subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports }] });
    await eventually("it is mirrored", async () => (await mirrored()) === "192.0.2.1");
    await updateFresh(endpoints, "custom", (fresh) => ({ ...fresh, subsets: [{ addresses: [{ ip: "192.0.2.2" }], ports }] }));
    await eventually("the change is mirrored", async () => (await mirrored()) === "192.0.2.2");
    await endpoints.delete("custom");
    await eventually("the mirror is gone", async () => (await slices.list(ofService("custom"))).items.length === 0);
  }),
  conformance("[sig-network] Endpoints should test the lifecycle of an Endpoint", async ({ api, namespace, unique }) => {
    const endpoints = api.of(ENDPOINTS, namespace);
    const ports = [{ name: "http", port: 80, protocol: "TCP" }];
    const watch = await endpoints.watch({ labelSelector: unique, resourceVersion: (await endpoints.list()).metadata.resourceVersion ?? "" });
    await endpoints.create({ metadata: { name: "one", labels: { [unique]: "x" } }, subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports }] });
    await watch.until("ADDED");
    assert.equal((await api.of(ENDPOINTS).list({ labelSelector: unique })).items.length, 1);
    await updateFresh(endpoints, "one", (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, labels: { ...fresh.metadata.labels, updated: "true" } } }));
    await watch.until("MODIFIED", ({ metadata }) => metadata.labels?.["updated"] === "true");
    const patched = await endpoints.patch("one", { subsets: [{ addresses: [{ ip: "192.0.2.9" }], ports: [{ name: "other", port: 8080 }] }] }, "strategic");
    assert.deepEqual(patched.subsets, [{ addresses: [{ ip: "192.0.2.9" }], ports: [{ name: "other", port: 8080, protocol: "TCP" }] }]);
    await watch.until("MODIFIED", ({ subsets }) => subsets?.[0]?.addresses?.[0]?.ip === "192.0.2.9");
    await endpoints.deleteCollection({ labelSelector: unique });
    await watch.until("DELETED");
    watch.close();
    assert.equal((await refusal(endpoints.get("one"))).reason, "NotFound");
  }),

  conformance("[sig-network] Ingress API should support creating Ingress API operations", (c) =>
    operations(c, {
      resource: INGRESSES,
      namespaced: true,
      object: { spec: { defaultBackend: { service: { name: "backend", port: { number: 80 } } }, rules: [{ host: "example.com", http: { paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "backend", port: { number: 80 } } } }] } }] } },
      status: { patch: { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } }, took: ({ status }) => status?.loadBalancer?.ingress?.[0]?.ip === "192.0.2.1" },
    })),
  conformance("[sig-network] IngressClass API should support creating IngressClass API operations", (c) => operations(c, { resource: INGRESS_CLASSES, object: { spec: { controller: "example.com/controller" } } })),

  conformance("[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations", async ({ api, unique, after }) => {
    const addresses = api.of(IP_ADDRESSES);
    const name = `192.0.2.${1 + (Buffer.from(unique).at(-1) ?? 0)}`;
    const parentRef = { group: "example.com", resource: "things", name: "thing" };
    await addresses.create({ metadata: { name, labels: { [unique]: "x" } }, spec: { parentRef } });
    after(() => addresses.deleteCollection({ labelSelector: unique }));
    assert.deepEqual((await addresses.get(name)).spec?.parentRef, parentRef);
    assert.equal((await addresses.list({ labelSelector: unique })).items.length, 1);
    const watch = await addresses.watch({ labelSelector: unique, resourceVersion: (await addresses.list()).metadata.resourceVersion ?? "" });
    assert.equal((await addresses.patch(name, { metadata: { annotations: { patched: "true" } } })).metadata.annotations?.["patched"], "true");
    await watch.until("MODIFIED");
    await updateFresh(addresses, name, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, annotations: { ...fresh.metadata.annotations, updated: "true" } } }));
    await watch.until("MODIFIED", ({ metadata }) => metadata.annotations?.["updated"] === "true");
    assert.equal((await refusal(addresses.create({ metadata: { name: "not-an-address" }, spec: { parentRef } }))).reason, "Invalid");
    await addresses.deleteCollection({ labelSelector: unique });
    await watch.until("DELETED");
    watch.close();
  }),
  conformance("[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations", (c) =>
    operations(c, {
      resource: SERVICE_CIDRS,
      object: { spec: { cidrs: ["198.51.100.0/24"] } },
      status: { patch: { status: { conditions: [{ type: "Patched", status: "True", reason: "E2E", message: "", lastTransitionTime: "2030-01-02T03:04:05Z" }] } }, took: ({ status }) => status?.conditions?.some(({ type }) => type === "Patched") === true },
    })),

  conformance("[sig-network] Services should complete a service status lifecycle", async ({ api, namespace, unique }) => {
    const services = api.of(SERVICES, namespace);
    const watch = await services.watch({ labelSelector: unique, resourceVersion: (await services.list()).metadata.resourceVersion ?? "" });
    await services.create({ metadata: { name: "service", labels: { [unique]: "x" } }, spec: { type: "LoadBalancer", ports: [{ port: 80 }] } });
    await watch.until("ADDED");
    assert.equal((await api.of(SERVICES).list({ labelSelector: unique })).items.length, 1);
    await services.patch("service", { metadata: { annotations: { patchedstatus: "true" } }, status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } } }, "merge", "status");
    await watch.until("MODIFIED", ({ status }) => status?.loadBalancer?.ingress?.[0]?.ip === "203.0.113.1");
    assert.equal((await services.get("service", "status")).status?.loadBalancer?.ingress?.[0]?.ip, "203.0.113.1");
    const condition = { type: "StatusUpdate", status: "True", reason: "E2E", message: "set", lastTransitionTime: "2030-01-02T03:04:05Z" };
    const updated = await updateFresh(services, "service", (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [condition] } }), "status");
    assert.equal(updated.status?.conditions?.[0]?.type, "StatusUpdate");
    await watch.until("MODIFIED", ({ status }) => status?.conditions?.[0]?.type === "StatusUpdate");
    await services.patch("service", { metadata: { labels: { patched: "true" } } }, "strategic");
    await watch.until("MODIFIED", ({ metadata }) => metadata.labels?.["patched"] === "true");
    await services.delete("service");
    await watch.until("DELETED");
    watch.close();
  }),
  conformance("[sig-network] Services should delete a collection of services", async ({ api, namespace }) => {
    const services = api.of(SERVICES, namespace);
    for (const name of ["a", "b", "c"]) await services.create({ metadata: { name, labels: { set: name === "c" ? "other" : "yes" } }, ...selectorless });
    await services.deleteCollection({ labelSelector: "set=yes" });
    await eventually("the chosen ones are gone", async () => (await services.list()).items.map(({ metadata }) => metadata.name).join() === "c");
  }),
  conformance("[sig-network] Services should find a service from listing all namespaces", async ({ api, namespace }) => {
    await api.of(SERVICES, namespace).create({ metadata: { name: "service" }, ...selectorless });
    const all = (await api.of(SERVICES).list()).items;
    assert.ok(all.some(({ metadata }) => metadata.name === "kubernetes" && metadata.namespace === "default"));
    assert.ok(all.some(({ metadata }) => metadata.name === "service" && metadata.namespace === namespace));
  }),
];
