import test from "ava";
import type { NetworkPolicy, NetworkPolicySpec, Pod } from "../../../core/api/types.gen.ts";
import { isolatedPods } from "../../../edge-agent/services/pod-policies.ts";
import { policyChains } from "../../../edge-agent/services/policy-rules.ts";

const pod = (labels: { readonly [key: string]: string }, spec: Partial<Pod["spec"]> = {}) => ({ kind: "Pod", apiVersion: "v1", metadata: { namespace: "shop", name: "p", labels }, spec: { containers: [{ name: "c", ports: [{ name: "web", containerPort: 8080 }] }], ...spec } }) as Pod;
const policy = (spec: NetworkPolicySpec, namespace = "shop") => ({ kind: "NetworkPolicy", apiVersion: "networking.k8s.io/v1", metadata: { namespace, name: "n" }, spec }) as NetworkPolicy;
const of = (...policies: readonly NetworkPolicy[]) => isolatedPods([{ pod: pod({ app: "db" }), ips: ["10.0.0.9"] }], policies);
const to = (cidr: string, except?: readonly string[]) => ({ ipBlock: { cidr, ...(except === undefined ? {} : { except }) } });

test("only pods that a policy of their namespace selects are isolated, and only in its directions", (t) => {
  t.deepEqual(of(), []);
  t.deepEqual(of(policy({ podSelector: {} }, "other")), []);
  t.deepEqual(of(policy({ podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"] })), []);
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Ingress"] })), [{ ip: "10.0.0.9", ingress: [] }]);
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Egress"] })), [{ ip: "10.0.0.9", egress: [] }]);
  t.deepEqual(isolatedPods([{ pod: pod({}, { hostNetwork: true }), ips: ["192.0.2.1"] }], [policy({ podSelector: {}, policyTypes: ["Ingress"] })]), [], "the node is no pod");
});

test("policies add up", (t) => {
  const [isolated] = of(policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [to("10.1.0.0/16", ["10.1.2.0/24"])] }] }), policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ protocol: "UDP", port: 53 }] }] }));
  t.deepEqual(isolated?.ingress, [{ blocks: [{ cidr: "10.1.0.0/16", except: ["10.1.2.0/24"] }] }, { ports: [{ protocol: "udp", first: 53, last: 53 }] }]);
});

test("a rule without peers and ports is for all; one that names nobody that is there is for none", (t) => {
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] }))[0]?.ingress, [{}]);
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [to("2001:db8::/32")] }] }))[0]?.ingress, []);
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ protocol: "TCP", port: "nothing" }] }] }))[0]?.ingress, []);
});

test("ports have names and ranges", (t) => {
  const ports = [{ protocol: "TCP", port: "web" }, { protocol: "TCP", port: 9000, endPort: 9010 }, { protocol: "UDP" }] as const;
  t.deepEqual(of(policy({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports }] }))[0]?.ingress, [{ ports: [{ protocol: "tcp", first: 8080, last: 8080 }, { protocol: "tcp", first: 9000, last: 9010 }, { protocol: "udp" }] }]);
});

test("as rules: single addresses are one look-up, ranges a rule each, and the rest is refused", (t) => {
  const text = policyChains([{ ip: "10.0.0.9", egress: [{ blocks: [{ cidr: "10.0.0.1/32", except: [] }, { cidr: "10.0.0.2/32", except: [] }, { cidr: "10.0.0.0/8", except: ["10.9.0.0/16"] }], ports: [{ protocol: "tcp", first: 80, last: 80 }, { protocol: "udp", first: 1, last: 9 }] }, {}] }], "10.0.0.128/25");
  t.deepEqual(text.split("\n").map((line) => line.trim()).filter((line) => line !== ""), [
    "chain outof0 {", "ip daddr 10.0.0.9 return",
    "ip daddr { 10.0.0.1, 10.0.0.2 } tcp dport 80 return", "ip daddr { 10.0.0.1, 10.0.0.2 } udp dport 1-9 return",
    "ip daddr 10.0.0.0/8 ip daddr != 10.9.0.0/16 tcp dport 80 return", "ip daddr 10.0.0.0/8 ip daddr != 10.9.0.0/16 udp dport 1-9 return",
    "return", "reject with icmp type admin-prohibited", "}",
    "chain policies {", "ct state established,related return", "ip saddr vmap { 10.0.0.9 : jump outof0 }", "}",
  ]);
});
