import test from "ava";
import fc from "fast-check";
import { kindTable } from "../../../core/api/kind-table.ts";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../../core/api/kinds/hooks.ts";
import type { Client } from "../../../core/api/client.ts";
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "../../../core/api/resources.gen.ts";
import type { Service, ServiceSpec } from "../../../core/api/types.gen.ts";
import type { Authorizer } from "../../../core/auth/auth.ts";
import { addressNumber, addressText, contains, parseCidr } from "../../../core/registry/allocators/cidr.ts";
import { candidates } from "../../../core/registry/allocators/cluster-ips.ts";
import { openRegistry } from "../../../core/registry/registry.ts";
import { admin, setup } from "../setup.ts";

const CIDR = "10.43.0.0/24";
const range = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" }, spec: { cidrs: [CIDR] } };

async function cluster() {
  const made = await setup({ services: { serviceCidr: CIDR } });
  await made.client.create(SERVICE_CIDRS, range);
  return made;
}

const create = (client: Client, name: string, spec: object = {}, dryRun = false): Promise<Service> =>
  client.create<Service>(SERVICES, { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }, { namespace: "default", dryRun });

const target = (name: string) => ({ namespace: "default", name });
const taken = async (client: Client) => (await client.list(IP_ADDRESSES)).items.map(({ metadata }) => metadata.name);
const put = async (client: Client, name: string, change: (spec: ServiceSpec) => object): Promise<Service> => {
  const old = await client.get<Service>(SERVICES, target(name));
  return client.update<Service>(SERVICES, target(name), { ...old, spec: change(old.spec ?? {}) });
};

test("a service gets an address, and gives it back", async (t) => {
  const { client } = await cluster();
  const { spec } = await create(client, "a");
  t.like(spec, { type: "ClusterIP", ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" });
  t.deepEqual(spec?.clusterIPs, [spec?.clusterIP ?? ""]);
  t.true(contains(parseCidr(CIDR), spec?.clusterIP ?? ""));
  t.deepEqual(await taken(client), [spec?.clusterIP]);
  await client.delete(SERVICES, target("a"));
  t.deepEqual(await taken(client), []);
});

test("an address is given once", async (t) => {
  const { client } = await cluster();
  await create(client, "a", { clusterIP: "10.43.0.5" });
  await t.throwsAsync(create(client, "b", { clusterIP: "10.43.0.5" }), { message: 'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.5"]: failed to allocate IP 10.43.0.5: provided IP is already allocated' });
  await t.throwsAsync(create(client, "c", { clusterIP: "10.99.0.5" }), { message: /the provided network does not match the current range/ });
});

test("what a refused service took is free again", async (t) => {
  const { client } = await cluster();
  await t.throwsAsync(create(client, "a", { clusterIP: "10.43.0.5", ports: [] }), { message: /spec.ports: Required value/ });
  await t.throwsAsync(create(client, "a", { type: "NodePort", ports: [{ port: 1, name: "a", nodePort: 30_001 }, { port: 2, name: "b", nodePort: 80 }] }), {
    message: 'Service "a" is invalid: spec.ports[1].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  });
  t.deepEqual(await taken(client), []);
  const { spec } = await create(client, "b", { type: "NodePort", clusterIP: "10.43.0.5", ports: [{ port: 1, nodePort: 30_001 }] });
  t.is(spec?.ports?.[0]?.nodePort, 30_001);
});

test("a dry run takes nothing", async (t) => {
  const { client } = await cluster();
  const { spec } = await create(client, "a", { type: "NodePort" }, true);
  t.truthy(spec?.clusterIP);
  t.truthy(spec?.ports?.[0]?.nodePort);
  t.deepEqual(await taken(client), []);
});

test("node ports follow the type of the service", async (t) => {
  const { client } = await cluster();
  await create(client, "a");
  const opened = await put(client, "a", (spec) => ({ ...spec, type: "NodePort" }));
  const nodePort = opened.spec?.ports?.[0]?.nodePort ?? 0;
  t.true(nodePort >= 30_000 && nodePort <= 32_767);
  await t.throwsAsync(create(client, "b", { type: "NodePort", ports: [{ port: 80, nodePort }] }), { message: /provided port is already allocated/ });
  const kept = await put(client, "a", (spec) => ({ ...spec, ports: [{ port: 81 }] }));
  t.is(kept.spec?.ports?.[0]?.nodePort, nodePort);
  const closed = await put(client, "a", (spec) => ({ ...spec, type: "ClusterIP" }));
  t.is(closed.spec?.ports?.[0]?.nodePort, undefined);
  t.is((await create(client, "b", { type: "NodePort", ports: [{ port: 80, nodePort }] })).spec?.ports?.[0]?.nodePort, nodePort);
});

test("one port by two protocols has one node port", async (t) => {
  const { client } = await cluster();
  const { spec } = await create(client, "a", { type: "NodePort", ports: [{ port: 53, name: "u", protocol: "UDP" }, { port: 53, name: "t" }] });
  const [first, second] = spec?.ports ?? [];
  t.is(first?.nodePort, second?.nodePort);
  t.truthy(first?.nodePort);
});

test("an external name has no address, and gets one when it stops being one", async (t) => {
  const { client } = await cluster();
  await create(client, "a", { type: "ExternalName", externalName: "a.example.com" });
  t.deepEqual(await taken(client), []);
  const inside = await put(client, "a", () => ({ type: "ClusterIP", ports: [{ port: 80 }] }));
  t.deepEqual(await taken(client), [inside.spec?.clusterIP]);
  const outside = await put(client, "a", (spec) => ({ ...spec, type: "ExternalName", externalName: "b.example.com" }));
  t.is(outside.spec?.clusterIP, undefined);
  t.deepEqual(await taken(client), []);
});

test("a headless service may name families that the cluster does not have", async (t) => {
  const { client } = await cluster();
  t.like((await create(client, "a", { clusterIP: "None" })).spec, { clusterIPs: ["None"], ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] });
  t.like((await create(client, "b", { clusterIP: "None", selector: { a: "b" } })).spec, { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] });
  await t.throwsAsync(create(client, "c", { ipFamilies: ["IPv6"] }), { message: /spec.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster/ });
  await t.throwsAsync(create(client, "d", { ipFamilyPolicy: "RequireDualStack" }), { message: /this cluster is not configured for dual-stack services/ });
});

test("a local load balancer has a port for health checks", async (t) => {
  const { client } = await cluster();
  const { spec } = await create(client, "a", { type: "LoadBalancer", externalTrafficPolicy: "Local" });
  t.truthy(spec?.healthCheckNodePort);
  t.not(spec?.healthCheckNodePort, spec?.ports?.[0]?.nodePort);
});

test("two servers over one store never give the same address or port", async (t) => {
  const { client, store, clock } = await cluster();
  const allow: Authorizer = { authorize: async () => ({ allowed: true, reason: "" }) };
  const second = openRegistry({ store, clock, kinds: kindTable(builtinKinds(builtInHooks)), authorizer: allow, admission: [], services: { serviceCidr: CIDR } });
  const clients = [client, second.clientFor(admin)];
  const made = await Promise.all(Array.from({ length: 60 }, (_, index) => create(clients[index % 2] ?? client, `s${index}`, { type: "NodePort" })));
  t.is(new Set(made.map(({ spec }) => spec?.clusterIP)).size, made.length);
  t.is(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size, made.length);
});

test("a range that is full says so, and what a dead server took is found", async (t) => {
  const { client, clock, store } = await setup({ services: { serviceCidr: "10.43.0.0/30" } });
  await client.create(SERVICE_CIDRS, { ...range, spec: { cidrs: ["10.43.0.0/30"] } });
  await create(client, "a");
  const { spec } = await create(client, "b");
  await t.throwsAsync(create(client, "c"), { message: /range is full/ });
  // the service goes without anybody letting go of its address, as when a server dies
  const key = "/registry/core/services/default/b";
  await store.delete(key, store.get(key)?.revision ?? 0);
  await t.throwsAsync(create(client, "c"), { message: /range is full/ });
  await clock.advance(61_000);
  t.is((await create(client, "c")).spec?.clusterIP, spec?.clusterIP);
});

test("addresses and numbers are the same", (t) => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (number) => addressNumber(addressText(number, "IPv4")) === number));
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (number) => addressNumber(addressText(number, "IPv6")) === number));
  fc.assert(fc.property(fc.ipV6(), (address) => addressNumber(addressText(addressNumber(address), "IPv6")) === addressNumber(address)));
  t.is(addressText(1n, "IPv6"), "::1");
  t.is(addressText(addressNumber("2001:db8::1:0:0:1"), "IPv6"), "2001:db8::1:0:0:1");
});

test("every address of a range is tried once, those for people last", (t) => {
  const cidr = parseCidr("10.0.0.0/24");
  const all = [...candidates(cidr, 0.5)].map((number) => addressText(number, "IPv4"));
  t.is(new Set(all).size, 254);
  t.is(all.at(-1), "10.0.0.16");
  t.false(all.includes("10.0.0.0") || all.includes("10.0.0.255"));
});
