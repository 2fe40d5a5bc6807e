import test from "ava";
import type { Namespace, NetworkPolicy, NetworkPolicySpec, Pod } from "../../core/api/types.gen.ts";
import { resolvedPolicy, selects } from "../../core/hub/resolved-policy.ts";

const pod = (namespace: string, app: string, ip: string, more: { readonly spec?: object; readonly status?: object } = {}) =>
  ({ kind: "Pod", apiVersion: "v1", metadata: { namespace, name: `${app}-${ip}`, labels: { app } }, spec: { containers: [{ name: "c", ports: [{ name: "web", containerPort: app === "odd" ? 9090 : 8080 }] }], ...more.spec }, status: { phase: "Running", podIP: ip, podIPs: [{ ip }], ...more.status } }) as Pod;
const all = [pod("shop", "web", "10.0.0.1"), pod("shop", "db", "10.0.0.2"), pod("shop", "odd", "10.0.0.3"), pod("other", "web", "10.0.1.1"), pod("shop", "web", "10.0.0.4", { status: { phase: "Succeeded" } }), pod("shop", "web", "192.0.2.1", { spec: { hostNetwork: true } })];
const namespaces = [{ kind: "Namespace", apiVersion: "v1", metadata: { name: "shop", labels: { team: "a" } } }, { kind: "Namespace", apiVersion: "v1", metadata: { name: "other", labels: { team: "b" } } }] as readonly Namespace[];
const peers = { pods: (namespace: string | undefined) => all.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace), namespaces: () => namespaces };
const policy = (spec: NetworkPolicySpec) => ({ kind: "NetworkPolicy", apiVersion: "networking.k8s.io/v1", metadata: { namespace: "shop", name: "n" }, spec: { podSelector: {}, ...spec } }) as NetworkPolicy;
const resolve = (spec: NetworkPolicySpec) => resolvedPolicy(policy(spec), peers).spec;
const block = (ip: string) => ({ ipBlock: { cidr: `${ip}/32` } });
const web = { podSelector: { matchLabels: { app: "web" } } };

test("selectors become the addresses of the pods that they find", (t) => {
  t.deepEqual(resolve({ ingress: [{ from: [web] }] })?.ingress, [{ from: [block("10.0.0.1")] }], "of its own namespace, without those that ended and the node's");
  t.deepEqual(resolve({ ingress: [{ from: [{ ...web, namespaceSelector: {} }] }] })?.ingress, [{ from: [block("10.0.0.1"), block("10.0.1.1")] }]);
  t.deepEqual(resolve({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "b" } } }] }] })?.ingress, [{ from: [block("10.0.1.1")] }]);
  t.deepEqual(resolve({ egress: [{ to: [{ ipBlock: { cidr: "192.0.2.0/24" } }, web], ports: [{ port: 80 }] }] })?.egress, [{ to: [{ ipBlock: { cidr: "192.0.2.0/24" } }, block("10.0.0.1")], ports: [{ port: 80 }] }]);
});

test("a rule for everybody stays one; a rule that finds nobody never becomes one", (t) => {
  t.deepEqual(resolve({ ingress: [{}], egress: [{ ports: [{ port: 53 }] }] }), { podSelector: {}, ingress: [{}], egress: [{ ports: [{ port: 53 }] }] });
  const nobody = { podSelector: { matchLabels: { app: "nobody" } } };
  t.deepEqual(resolve({ ingress: [{ from: [nobody] }], egress: [{ to: [nobody] }] }), { podSelector: {}, ingress: [], egress: [] });
});

test("a named port of a way out is each target's own number", (t) => {
  t.deepEqual(resolve({ egress: [{ to: [{ podSelector: {} }], ports: [{ port: "web", protocol: "TCP" }, { port: 53, protocol: "UDP" }] }] })?.egress, [
    { to: [block("10.0.0.1"), block("10.0.0.2"), block("10.0.0.3")], ports: [{ port: 53, protocol: "UDP" }] },
    { ports: [{ protocol: "TCP", port: 8080 }], to: [block("10.0.0.1"), block("10.0.0.2")] },
    { ports: [{ protocol: "TCP", port: 9090 }], to: [block("10.0.0.3")] },
  ]);
  t.deepEqual(resolve({ egress: [{ ports: [{ port: "web" }] }] })?.egress, [], "of everybody it is no number");
});

test("a policy selects pods of its namespace that are not the node itself", (t) => {
  const [own, , , foreign, , node] = all as [Pod, Pod, Pod, Pod, Pod, Pod];
  t.true(selects(policy({}), own));
  t.false(selects(policy({}), foreign));
  t.false(selects(policy({}), node));
  t.false(selects(policy({ podSelector: { matchLabels: { app: "db" } } }), own));
});
