import test from "ava";
import type { AnyObject } from "../../core/api/meta.ts";
import type { Container } from "../../core/api/types.gen.ts";
import { environment, expand } from "../../edge-agent/environment.ts";
import { podDns, podHostname } from "../../edge-agent/network/names.ts";
import { milli, quantity, whole } from "../../edge-agent/quantity.ts";
import { qosClass } from "../../edge-agent/qos.ts";
import { container, pod } from "./support/pods.ts";

const objects: readonly AnyObject[] = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { A: "config", B: "config", "any name": "x", "no=name": "x" }, binaryData: { BIN: "AAEC" } },
  { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" }, data: { B: Buffer.from("secret").toString("base64") } },
  { apiVersion: "v1", kind: "Service", metadata: { name: "kubernetes", namespace: "default" }, spec: { clusterIP: "10.96.0.1", ports: [{ name: "https", port: 443 }] } },
];
const source = {
  get: (resource: string, namespace: string, name: string) =>
    objects.find(({ kind, metadata }) => `v1/${kind.toLowerCase()}s` === resource && metadata.namespace === namespace && metadata.name === name),
  list: (resource: string) => objects.filter(({ kind }) => `v1/${kind.toLowerCase()}s` === resource),
};
const of = (more: Partial<Container>) => {
  const facts = { pod: pod("web", { enableServiceLinks: false }), nodeName: "edge-1", hostIPs: ["192.0.2.1"], podIPs: ["10.0.0.2"], allocatable: { cpu: "4", memory: "1Gi" } };
  return Object.fromEntries(environment(facts, container("main", more), source));
};

test("later sources win, references see what was set before them, names are checked", (t) => {
  const variables = of({
    envFrom: [{ configMapRef: { name: "c" } }, { secretRef: { name: "s" } }],
    env: [{ name: "X", value: "$(B)-$(LATER)-$$(B)" }, { name: "LATER", value: "y" }, { name: "A", value: "own" }],
  });
  t.like(variables, { A: "own", B: "secret", X: "secret-$(LATER)-$(B)", LATER: "y" });
  t.is(variables["any name"], "x");
  t.false("no=name" in variables);
});

test("the API server is always announced", (t) => {
  t.like(of({}), { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443", KUBERNETES_SERVICE_PORT_HTTPS: "443", KUBERNETES_PORT: "tcp://10.96.0.1:443", KUBERNETES_PORT_443_TCP_PROTO: "tcp" });
});

test("fields and resources of the pod itself", (t) => {
  const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });
  t.like(
    of({
      resources: { requests: { cpu: "1500m" } },
      env: [
        { name: "IP", valueFrom: field("status.podIP") },
        { name: "NODE", valueFrom: field("spec.nodeName") },
        { name: "CPU", valueFrom: { resourceFieldRef: { resource: "requests.cpu", divisor: "1m" } } },
        { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
      ],
    }),
    { IP: "10.0.0.2", NODE: "edge-1", CPU: "1500", MEMORY: "1024" },
  );
});

test("what is missing is named, unless it is optional", (t) => {
  const from = (name: string, key: string, optional?: boolean) => [{ name: "V", valueFrom: { secretKeyRef: { name, key, ...(optional === undefined ? {} : { optional }) } } }];
  t.throws(() => of({ env: from("none", "k") }), { message: 'secret "none" not found' });
  t.throws(() => of({ env: from("s", "k") }), { message: "couldn't find key k in Secret default/s" });
  t.false("V" in of({ env: from("none", "k", true) }));
});

test("binary data of a ConfigMap is for volumes: no variable holds it", (t) => {
  t.false("BIN" in of({ envFrom: [{ configMapRef: { name: "c" } }] }));
  t.throws(() => of({ env: [{ name: "V", valueFrom: { configMapKeyRef: { name: "c", key: "BIN" } } }] }), { message: "couldn't find key BIN in ConfigMap default/c" });
});

test("expansion leaves what it does not know", (t) => {
  t.is(expand("$(A)$(NO)$$(A)$", new Map([["A", "a"]])), "a$(NO)$(A)$");
});

test("DNS policies", (t) => {
  const cluster = { servers: ["10.96.0.10"], domain: "cluster.local" };
  const host = { servers: ["192.0.2.53"], searches: ["example.org"], options: ["rotate"] };
  t.deepEqual(podDns(pod("a"), cluster, host), { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.org"], options: ["ndots:5"] });
  t.deepEqual(podDns(pod("a", { dnsPolicy: "Default" }), cluster, host), host);
  t.deepEqual(podDns(pod("a", { hostNetwork: true }), cluster, host), host);
  t.deepEqual(podDns(pod("a", { dnsPolicy: "None", dnsConfig: { nameservers: ["9.9.9.9"], options: [{ name: "ndots", value: "1" }] } }), cluster, host), { servers: ["9.9.9.9"], searches: [], options: ["ndots:1"] });
  t.deepEqual(podDns(pod("a"), { ...cluster, servers: [] }, host), host, "a cluster without DNS");
});

test("host names", (t) => {
  t.is(podHostname(pod("a".repeat(70)), "d"), "a".repeat(63));
  t.is(podHostname(pod("a", { hostname: "h", subdomain: "s", setHostnameAsFQDN: true }), "cluster.local"), "h.s.default.svc.cluster.local");
  t.throws(() => podHostname(pod("a", { subdomain: "s".repeat(50), setHostnameAsFQDN: true }), "cluster.local"), { message: /64 characters is the max/ });
});

test("quantities", (t) => {
  t.deepEqual(["100m", "0.1", "1", "2k"].map(milli), [100, 100, 1000, 2_000_000]);
  t.deepEqual(["64Mi", "1e6", "0.5Gi", "128974848", "1.5k"].map(whole), [67_108_864, 1_000_000, 536_870_912, 128_974_848, 1500]);
  t.throws(() => quantity("1 GB"));
});

test("quality of service classes", (t) => {
  const classOf = (resources: Container["resources"]) => qosClass(pod("a", { containers: [container("main", resources === undefined ? {} : { resources })] }));
  t.is(classOf(undefined), "BestEffort");
  t.is(classOf({ limits: { cpu: "1", memory: "1Gi" } }), "Guaranteed");
  t.is(classOf({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1000m", memory: "1024Mi" } }), "Guaranteed");
  t.is(classOf({ limits: { memory: "1Gi" } }), "Burstable");
});
