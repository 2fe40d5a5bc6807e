import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import { silentLog } from "../../../core/api/log.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { PodHere } from "../../../edge-agent/services/pod-policies.ts";
import { serviceProxy } from "../../../edge-agent/services/service-proxy.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const meta = (name: string, labels = {}) => ({ namespace: "shop", name, labels });
const service: AnyObject = { apiVersion: "v1", kind: "Service", metadata: meta("cart"), spec: { clusterIP: "10.96.0.5", clusterIPs: ["10.96.0.5"], ports: [{ port: 80 }] } };
const sliceOf = (...ips: readonly string[]): AnyObject => ({
  apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: meta("cart-1", { "kubernetes.io/service-name": "cart" }), addressType: "IPv4", ports: [{ port: 8080 }],
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
});

interface Setup {
  readonly refuse?: (text: string) => boolean;
  readonly pods?: readonly PodHere[];
}

async function setup({ refuse = () => false, pods = [] }: Setup = {}) {
  const clock = virtualClock(0);
  const texts: string[] = [];
  const objects = new Map<string, AnyObject>();
  let changed = () => {};
  let forwarded = 0;
  const set = (...all: readonly AnyObject[]) => {
    for (const object of all) objects.set(object.kind, object);
    changed();
  };
  const proxy = await serviceProxy({
    node: "a", table: "lichen-x", clock, log: silentLog,
    desired: { list: (resource) => [...objects.values()].filter(({ kind }) => resource.endsWith(`/${kind.toLowerCase().replace(/y$/, "ie")}s`)), onChange: (listener) => void (changed = listener) },
    async nft(text) {
      if (refuse(text)) throw new Error("Operation not permitted");
      texts.push(text);
    },
    pods: () => pods, ownPods: () => "10.42.0.0/24", clusterPods: () => ["10.42.0.0/16"], forward: async () => void forwarded++, answers: async () => false,
  });
  return { clock, texts, set, proxy, forwarded: () => forwarded };
}

test("the rules follow the endpoints, and nothing is done when nothing changed", async (t) => {
  const { clock, texts, set, forwarded } = await setup();
  set(service, sliceOf("10.42.0.130", "10.42.1.130"));
  await clock.settle();
  t.regex(texts.at(-1) ?? "", /10\.96\.0\.5 \. tcp \. 80 : goto i0[\s\S]*numgen random mod 2 map \{ 0 : 10\.42\.0\.130 \. 8080, 1 : 10\.42\.1\.130 \. 8080 \}/);
  const before = texts.length;
  set(service, sliceOf("10.42.1.130", "10.42.0.130"));
  await clock.settle();
  t.is(texts.length, before);
  set(sliceOf("10.42.1.130"));
  await clock.settle();
  t.regex(texts.at(-1) ?? "", /set gone \{[^}]*10\.42\.0\.130 \. 8080/);
  set(sliceOf());
  await clock.settle();
  t.regex(texts.at(-1) ?? "", /set refused \{[^}]*10\.96\.0\.5 \. tcp \. 80/);
  t.is(forwarded(), 0, "no traffic from outside");
});

test("a kernel that refuses is asked again", async (t) => {
  let broken = false;
  const { clock, texts, set } = await setup({ refuse: () => broken });
  broken = true;
  set(service, sliceOf("10.42.0.130"));
  await clock.settle();
  const before = texts.length;
  broken = false;
  await clock.advance(10_000);
  t.is(texts.length, before + 1);
});

test("traffic from outside needs forwarding; what closes leaves the rules, what is removed does not", async (t) => {
  const { clock, texts, set, proxy, forwarded } = await setup();
  set({ ...service, spec: { ...(service["spec"] as object), type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] } }, sliceOf("10.42.0.130"));
  await clock.settle();
  t.is(forwarded(), 1);
  t.regex(texts.at(-1) ?? "", /tcp \. 30080 : goto o0/);
  const before = texts.length;
  await proxy.close();
  t.is(texts.length, before);
  await proxy.remove();
  t.is(texts.at(-1), "table ip lichen-x\ndelete table ip lichen-x\n");
});

test("a device that may not says so and does nothing", async (t) => {
  const { proxy, texts, set, clock } = await setup({ refuse: () => true });
  t.false(proxy.works);
  set(service, sliceOf("10.42.0.130"));
  await clock.settle();
  t.deepEqual(texts, []);
});

const pod = { apiVersion: "v1", kind: "Pod", metadata: { namespace: "shop", name: "db", labels: { app: "db" } }, spec: { containers: [] } } as Pod;
const policy: AnyObject = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace: "shop", name: "closed" }, spec: { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ ipBlock: { cidr: "10.42.1.130/32" } }], ports: [{ protocol: "TCP", port: 5432 }] }] } };

test("a pod's policies hold before it starts; a device that cannot says which one does not", async (t) => {
  const pods: PodHere[] = [];
  const { proxy, texts, set } = await setup({ pods });
  set(policy);
  pods.push({ pod, ips: ["10.42.0.130"] });
  t.is(await proxy.isolate(pod), undefined);
  t.regex(texts.at(-1) ?? "", /chain into0 \{\s+ip saddr 10\.42\.0\.130 return\s+ip saddr \{ 10\.42\.1\.130 \} tcp dport 5432 return\s+reject with icmp type admin-prohibited/);
  const without = await setup({ refuse: () => true, pods });
  without.set(policy);
  t.regex((await without.proxy.isolate(pod)) ?? "", /^NetworkPolicy closed selects this pod, and this device cannot enforce it: Operation not permitted$/);
  t.is(await without.proxy.isolate({ ...pod, metadata: { ...pod.metadata, labels: {} } }), undefined);
});

test("a pod does not start while its policies cannot be made to hold", async (t) => {
  let broken = false;
  const pods: PodHere[] = [];
  const { proxy, set, clock } = await setup({ refuse: () => broken, pods });
  set(policy);
  await clock.settle();
  broken = true;
  pods.push({ pod, ips: ["10.42.0.130"] });
  await t.throwsAsync(proxy.isolate(pod), { message: /^NetworkPolicy closed could not be enforced yet/ });
});
