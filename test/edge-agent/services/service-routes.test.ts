import test from "ava";
import type { EndpointSlice, Service } from "../../../core/api/types.gen.ts";
import { listedTargets, serviceRoutes, silentTargets } from "../../../edge-agent/services/service-routes.ts";

const service = (spec: Partial<Service["spec"]>): Service => ({ kind: "Service", apiVersion: "v1", metadata: { namespace: "shop", name: "cart" }, spec: { clusterIP: "10.96.0.5", clusterIPs: ["10.96.0.5"], ports: [{ port: 80, protocol: "TCP" }], ...spec } }) as Service;

interface Given {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

const slice = (endpoints: readonly Given[], more: Partial<EndpointSlice> = {}): EndpointSlice => ({
  kind: "EndpointSlice",
  apiVersion: "discovery.k8s.io/v1",
  metadata: { namespace: "shop", name: "cart-1", labels: { "kubernetes.io/service-name": "cart" } },
  addressType: "IPv4",
  ports: [{ name: "", port: 8080, protocol: "TCP" }],
  endpoints: endpoints.map(({ ip, node = "a", ready = true, serving = ready, terminating = false }) => ({ addresses: [ip], nodeName: node, conditions: { ready, serving, terminating } })),
  ...more,
});

const routesOf = (given: Service, ...slices: readonly EndpointSlice[]) => serviceRoutes({ services: [given], slices, node: "a" });
const ips = (targets: readonly { readonly ip: string }[] = []) => targets.map(({ ip }) => ip);

test("a Service leads to its ready endpoints, at the port of the slice", (t) => {
  const [route] = routesOf(service({ type: "NodePort", ports: [{ port: 80, protocol: "TCP", nodePort: 30_080 }] }), slice([{ ip: "10.42.0.130" }, { ip: "10.42.1.130", node: "b" }, { ip: "10.42.2.130", ready: false }]));
  t.deepEqual(route, {
    name: "shop/cart",
    protocol: "tcp",
    inside: [{ ip: "10.96.0.5", port: 80 }],
    outside: [],
    nodePort: 30_080,
    insideTargets: [{ ip: "10.42.0.130", port: 8080 }, { ip: "10.42.1.130", port: 8080 }],
    outsideTargets: [{ ip: "10.42.0.130", port: 8080 }, { ip: "10.42.1.130", port: 8080 }],
    sticky: false,
  });
});

test("endpoints that end but serve count when none is ready", (t) => {
  const ending = { ready: false, serving: true, terminating: true };
  t.deepEqual(ips(routesOf(service({}), slice([{ ip: "10.0.0.1" }, { ip: "10.0.0.2", ...ending }]))[0]?.insideTargets), ["10.0.0.1"]);
  t.deepEqual(ips(routesOf(service({}), slice([{ ip: "10.0.0.1", ready: false }, { ip: "10.0.0.2", ...ending }]))[0]?.insideTargets), ["10.0.0.2"]);
});

test("traffic policies keep to this device", (t) => {
  const two = slice([{ ip: "10.0.0.1", node: "a" }, { ip: "10.0.0.2", node: "b" }]);
  const [inner] = routesOf(service({ internalTrafficPolicy: "Local" }), two);
  t.deepEqual([ips(inner?.insideTargets), ips(inner?.outsideTargets)], [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]]);
  const [outer] = routesOf(service({ externalTrafficPolicy: "Local" }), two);
  t.deepEqual([ips(outer?.insideTargets), ips(outer?.outsideTargets)], [["10.0.0.1", "10.0.0.2"], ["10.0.0.1"]]);
});

test("ports are matched by name and protocol, over all slices of the Service and no other's", (t) => {
  const given = service({ ports: [{ name: "http", port: 80, protocol: "TCP" }, { name: "dns", port: 53, protocol: "UDP" }] });
  const other = slice([{ ip: "10.0.0.9" }], { metadata: { namespace: "other", name: "cart-1", labels: { "kubernetes.io/service-name": "cart" } } });
  const routes = routesOf(given, slice([{ ip: "10.0.0.1" }], { ports: [{ name: "http", port: 8080, protocol: "TCP" }] }), slice([{ ip: "10.0.0.2" }], { ports: [{ name: "http", port: 9090, protocol: "TCP" }, { name: "dns", port: 53, protocol: "UDP" }] }), other);
  t.deepEqual(routes.map(({ name, protocol, insideTargets }) => [name, protocol, insideTargets]), [
    ["shop/cart:http", "tcp", [{ ip: "10.0.0.1", port: 8080 }, { ip: "10.0.0.2", port: 9090 }]],
    ["shop/cart:dns", "udp", [{ ip: "10.0.0.2", port: 53 }]],
  ]);
});

test("headless and external-name Services have no address to serve; IPv6 is not served", (t) => {
  t.deepEqual(routesOf(service({ clusterIP: "None", clusterIPs: ["None"] }), slice([{ ip: "10.0.0.1" }])), []);
  t.deepEqual(routesOf(service({ type: "ExternalName", externalName: "example.com", clusterIP: "", clusterIPs: [] })), []);
  t.deepEqual(routesOf(service({ clusterIP: "fd00::5", clusterIPs: ["fd00::5"] })), []);
});

test("external and load balancer addresses are outside; one that a proxy answers is not ours", (t) => {
  const given = { ...service({ externalIPs: ["192.0.2.1"] }), status: { loadBalancer: { ingress: [{ ip: "192.0.2.2" }, { ip: "192.0.2.3", ipMode: "Proxy" as const }] } } };
  t.deepEqual(ips(routesOf(given)[0]?.outside), ["192.0.2.1", "192.0.2.2"]);
});

test("silent are those that neither serve nor end; UDP has no connections to end", (t) => {
  const all = slice([{ ip: "10.0.0.1" }, { ip: "10.0.0.2", ready: false }, { ip: "10.0.0.3", ready: false, serving: true, terminating: true }]);
  t.deepEqual(ips(silentTargets({ slices: [all] })), ["10.0.0.2"]);
  t.is(listedTargets({ slices: [all] }).length, 3);
  t.deepEqual(listedTargets({ slices: [{ ...all, ports: [{ name: "", port: 53, protocol: "UDP" }] }] }), []);
});
