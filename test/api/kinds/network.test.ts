import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { NetworkPolicy, Service } from "../../../core/api/types.gen.ts";
import { cells, created, type Given, refusals, updateRefusals, warnings } from "./support.ts";

/** A Service as the allocator hands it on: with its address. */
const service = (spec: object = {}, metadata: object = {}): Given => ({
  apiVersion: "v1",
  kind: "Service",
  metadata,
  spec: { clusterIP: "10.43.0.7", clusterIPs: ["10.43.0.7"], ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack", ports: [{ port: 80 }], ...spec },
});
const slice = (endpoints: readonly object[], more: object = {}): Given => ({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", endpoints, ...more });
const endpoints = (subset: object): Given => ({ apiVersion: "v1", kind: "Endpoints", subsets: [subset] });
const ingress = (spec: object, metadata: object = {}): Given => ({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata, spec });
const backend = { service: { name: "s", port: { number: 80 } } };
const pathTo = (path: object): Given => ingress({ rules: [{ http: { paths: [{ path: "/", pathType: "Prefix", backend, ...path }] } }] });
const policy = (spec: object): Given => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", spec: { podSelector: {}, ...spec } });
const ipClass = (spec: object): Given => ({ apiVersion: "networking.k8s.io/v1", kind: "IngressClass", spec });
const range = (...cidrs: readonly string[]): Given => ({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", spec: { cidrs } });
const address = (name: string): Given => ({ apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name }, spec: { parentRef: { resource: "services", namespace: "n", name: "s" } } });

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a service without ports", service({ ports: [] }), ["spec.ports: Required value"]],
  ["two ports without names", service({ ports: [{ port: 1 }, { port: 2, name: "b" }] }), ["spec.ports[0].name: Required value"]],
  ["a port twice", service({ ports: [{ port: 1, name: "a" }, { port: 1, name: "b" }] }), ['spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}']],
  ["a node port inside the cluster", service({ ports: [{ port: 1, nodePort: 30_001 }] }), ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
  ["an external name with an address", service({ type: "ExternalName", externalName: "a.b", ports: [], ipFamilies: [], ipFamilyPolicy: undefined }), ["spec.clusterIPs: Forbidden: may not be set for ExternalName services"]],
  ["affinity for a day and a second", service({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } }), ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"]],
  ["source ranges without a load balancer", service({ loadBalancerSourceRanges: ["10.0.0.0/8"] }), ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"]],
  ["an address with leading zeros", service({ externalIPs: ["010.0.0.1"] }), ['spec.externalIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s']],
  ["IPv4 inside IPv6", service({ externalIPs: ["::ffff:10.0.0.1"] }), ['spec.externalIPs[0]: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address']],
  ["bits beyond the prefix", service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.1/8"] }), ['spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length']],
  ["a range of the annotation", service({ type: "LoadBalancer" }, { annotations: { "service.beta.kubernetes.io/load-balancer-source-ranges": "x" } }), ['metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
  ["a headless node port", service({ type: "NodePort", clusterIP: "None", clusterIPs: ["None"] }), ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"]],
  ["a special external address", service({ externalIPs: ["169.254.1.1"] }), ['spec.externalIPs[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)']],
  ["endpoints that are nowhere", endpoints({}), ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]],
  ["an endpoint on the loopback", endpoints({ addresses: [{ ip: "127.0.0.1" }] }), ['subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']],
  ["an endpoint without address", slice([{ addresses: [] }]), ["endpoints[0].addresses: Required value: must contain at least 1 address"]],
  ["a port name twice", slice([], { ports: [{ port: 1 }, { port: 2 }] }), ['ports[1].name: Duplicate value: ""']],
  ["an ingress to nowhere", ingress({}), ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]],
  ["a host that is an address", ingress({ rules: [{ host: "10.0.0.1" }] }), ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address']],
  ["a path up", pathTo({ path: "/a/../b" }), ["spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b\": must not contain '/../'"]],
  ["a relative path", pathTo({ path: "a", pathType: "ImplementationSpecific" }), ['spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path']],
  ["a backend without port", pathTo({ backend: { service: { name: "s" } } }), ["spec.rules[0].http.paths[0].backend: Required value: port name or number is required"]],
  ["two classes", ingress({ ingressClassName: "x", defaultBackend: backend }, { annotations: { "kubernetes.io/ingress.class": "y" } }), ['annotations.kubernetes.io/ingress.class: Invalid value: "y": must match `ingressClassName` when both are specified']],
  ["an exception outside its block", policy({ ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }] }), ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`']],
  ["a peer that is nobody", policy({ egress: [{ to: [{}] }] }), ["spec.egress[0].to[0]: Required value: must specify a peer"]],
  ["a range that ends before it begins", policy({ ingress: [{ ports: [{ port: 9, endPort: 4 }] }] }), ["spec.ingress[0].ports[0].endPort: Invalid value: 9: must be greater than or equal to `port`"]],
  ["a class without a domain", ipClass({ controller: "x" }), ['spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']],
  ["parameters in no namespace", ipClass({ controller: "a.b/c", parameters: { kind: "X", name: "y", scope: "Namespace" } }), ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]],
  ["a service range of hosts", range("10.1.2.3/16"), ['spec.cidrs[0]: Invalid value: "10.1.2.3/16": must not have bits set beyond the prefix length']],
  ["a service range in capitals", range("2001:DB8::/64"), ['spec.cidrs[0]: Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")']],
  ["an endpoint of the other family", slice([{ addresses: ["2001:db8::1"] }]), ['endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address']],
  ["a hint twice", slice([{ addresses: ["10.0.0.1"], hints: { forNodes: [{ name: "n" }, { name: "n" }] } }]), ['endpoints[0].hints.forNodes[1].name: Duplicate value: "n"']],
  ["two ranges of one family", range("10.1.0.0/16", "10.2.0.0/16"), ['spec.cidrs: Invalid value: ["10.1.0.0/16","10.2.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64']],
  ["an address in long form", address("2001:db8:0::1"), ['metadata.name: Invalid value: "2001:db8:0::1": must be in canonical form ("2001:db8::1")']],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

for (const given of [service(), service({ type: "NodePort" }), slice([{ addresses: ["192.0.2.1"] }]), pathTo({}), policy({}), ipClass({ controller: "a.b/c", parameters: { kind: "X", name: "y" } }), range("10.1.0.0/16", "2001:db8::/112"), address("2001:db8::1")]) {
  test(`accepts ${given.kind} ${JSON.stringify(given["spec"] ?? given["endpoints"])}`, (t) => t.deepEqual(refusals(given), []));
}

test("a service says what it means", (t) => {
  const { spec } = created(service({ type: "LoadBalancer" })) as unknown as Service;
  t.like(spec, { sessionAffinity: "None", internalTrafficPolicy: "Cluster", externalTrafficPolicy: "Cluster", allocateLoadBalancerNodePorts: true, ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] });
});

test("a policy with egress rules is about both directions", (t) => {
  const { spec } = created(policy({ egress: [{ ports: [{ port: 53 }] }] })) as unknown as NetworkPolicy;
  t.deepEqual(spec?.policyTypes, ["Ingress", "Egress"]);
  t.is(spec?.egress?.[0]?.ports?.[0]?.protocol, "TCP");
});

const changed = (fields: object) => (object: AnyObject) => ({ ...object, spec: { ...(object["spec"] as object), ...fields } });

test("the address of a service stays", (t) => {
  const other = changed({ clusterIP: "10.43.0.8", clusterIPs: ["10.43.0.8"] });
  t.deepEqual(updateRefusals(service(), other), ['spec.clusterIPs[0]: Invalid value: ["10.43.0.8"]: may not change once set']);
});

test("a service that becomes an external name loses what only others have", (t) => {
  const external = changed({ type: "ExternalName", externalName: "a.example.com" });
  t.deepEqual(updateRefusals(service({ type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }), external), []);
});

test("only load balancers report addresses", (t) => {
  const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
  t.deepEqual(updateRefusals(service(), (object) => ({ ...object, status }), "status"), ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"]);
  t.deepEqual(updateRefusals(service({ type: "LoadBalancer" }), (object) => ({ ...object, status }), "status"), []);
});

test("the controller of a class stays", (t) => {
  t.deepEqual(updateRefusals(ipClass({ controller: "a.b/c" }), changed({ controller: "z.z/z" })), ['spec.controller: Invalid value: "z.z/z": field is immutable']);
});

test("deprecated fields warn", (t) => {
  t.deepEqual(warnings(service({ externalIPs: ["192.0.2.4"] })), ["spec.externalIPs is deprecated and may no longer be implemented in some clusters"]);
  t.deepEqual(warnings(service({ trafficDistribution: "PreferClose" })), ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']);
});

test("tables", (t) => {
  t.like(cells(created(service({ ports: [{ name: "a", port: 80 }, { name: "b", port: 53, protocol: "UDP" }], selector: { b: "2", a: "1" } }))), {
    "Cluster-IP": "10.43.0.7",
    "External-IP": "<none>",
    "Port(s)": "80/TCP,53/UDP",
    Selector: "a=1,b=2",
  });
  t.like(cells(created(ingress({ rules: ["a.b", "c.d", "e.f", "g.h"].map((host) => ({ host })) }))), { Hosts: "a.b,c.d,e.f + 1 more...", Ports: "80" });
  t.like(cells(created(policy({ podSelector: { matchLabels: { b: "c", a: "d" }, matchExpressions: [{ key: "x", operator: "In", values: ["1", "2"] }] } }))), { "Pod-Selector": "a=d,b=c,x in (1,2)" });
  t.like(cells(created(slice([{ addresses: ["192.0.2.1"] }], { ports: [{ port: 80 }] }))), { Ports: "80", Endpoints: "192.0.2.1" });
  t.like(cells(created(address("10.43.0.9"))), { ParentRef: "services/n/s" });
});

test("affinity that a service does not have brings no configuration", (t) => {
  const spec = (more: object) => created(service(more)).spec as { sessionAffinityConfig?: unknown };
  t.is(spec({ sessionAffinity: "None", sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } }).sessionAffinityConfig, undefined);
  t.deepEqual(spec({ sessionAffinity: "ClientIP", sessionAffinityConfig: {} }).sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
});

test("a service says what it ignores", (t) => {
  t.deepEqual(warnings(service({ externalName: "x" })), ['spec.externalName is ignored when spec.type is not "ExternalName"']);
  t.deepEqual(warnings(service({ externalIPs: ["2001:DB8::1"], clusterIP: "None", clusterIPs: ["None"] })), [
    "spec.externalIPs is ignored for headless services",
    'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ]);
  t.deepEqual(warnings(slice([], { addressType: "FQDN" })), ["spec.addressType: FQDN endpoints are deprecated"]);
});
