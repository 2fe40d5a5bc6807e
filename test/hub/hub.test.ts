import test from "ava";
import { CONFIG_MAPS, EVENTS, NODES, PODS, RUNTIME_CLASSES, SECRETS, SERVICE_ACCOUNTS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import type { ObservedEvent } from "../../core/wire/messages.ts";
import { nodeStatus, plane, podOn, reportOf } from "./plane.ts";

const data = (kind: "ConfigMap" | "Secret", name: string, value = "1") => ({ apiVersion: "v1", kind, metadata: { name, namespace: "default" }, ...(kind === "Secret" ? { data: { key: Buffer.from(value).toString("base64") } } : { data: { key: value } }) });

test("a device registers its node, gets its pods, reports, and is answered when the store has it", async (t) => {
  const { admin, clock, device, node, complaints } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const registered = await node("dev1");
  t.is(registered.metadata.labels?.["kubernetes.io/hostname"], "dev1");
  t.like(registered.status?.conditions?.find(({ type }) => type === "Ready"), { status: "True", reason: "KubeletReady" });
  t.deepEqual(registered.status?.capacity, { cpu: "4", memory: "1Gi", pods: "110" });

  await admin.create(CONFIG_MAPS, data("ConfigMap", "settings"));
  const pod = await admin.create(PODS, podOn("dev1", "web", { spec: { volumes: [{ name: "v", configMap: { name: "settings" } }] } }));
  await admin.create(PODS, podOn("other", "elsewhere"));
  await clock.advance(100);
  t.deepEqual([...dev.objects.keys()].toSorted(), ["v1/configmaps default settings", "v1/nodes  dev1", "v1/pods default web"]);

  const seq = await dev.observe([reportOf(pod, { phase: "Running", conditions: [{ type: "Ready", status: "True" }], podIP: "10.1.1.1" })]);
  await clock.advance(100);
  t.is(dev.accepted(), seq);
  const stored = await admin.get(PODS, { namespace: "default", name: "web" });
  t.like(stored.status, { phase: "Running", podIP: "10.1.1.1" });
  t.deepEqual(complaints, []);
});

test("a pod is told after what it refers to, and its own status is not told back", async (t) => {
  const { admin, clock, device } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  await admin.create(SECRETS, data("Secret", "key"));
  const pod = await admin.create(PODS, podOn("dev1", "web", { spec: { imagePullSecrets: [{ name: "key" }] } }));
  await clock.advance(100);
  const last = dev.messages.findLast((message) => message.type === "desired");
  t.deepEqual(last?.type === "desired" && last.put.map(({ kind }) => kind), ["Secret", "Pod"]);
  const count = dev.messages.length;
  await dev.observe([reportOf(pod, { phase: "Running" })]);
  await clock.advance(1_000);
  t.deepEqual(dev.messages.slice(count).map(({ type }) => type), ["accepted"]);
});

test("what pods refer to follows its changes, comes late, and goes with the last pod", async (t) => {
  const { admin, clock, device } = await plane(t);
  const dev = device("dev1");
  const env = [
    { name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "key" } } },
    { name: "B", valueFrom: { secretKeyRef: { name: "late", key: "key" } } },
  ];
  await admin.create(CONFIG_MAPS, data("ConfigMap", "settings"));
  await admin.create(CONFIG_MAPS, data("ConfigMap", "nobody-needs-it"));
  await admin.create(SERVICE_ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default" } });
  await admin.create(RUNTIME_CLASSES, { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "wasi" }, handler: "wasi" });
  const spec = { runtimeClassName: "wasi", serviceAccountName: "robot", containers: [{ name: "main", image: "b", env }] };
  const pod = await admin.create(PODS, podOn("dev1", "web", { spec }));
  await clock.advance(2_000);
  t.deepEqual([...dev.objects.keys()].filter((key) => !key.startsWith("v1/nodes")).toSorted(), [
    "node.k8s.io/v1/runtimeclasses  wasi",
    "v1/configmaps default settings",
    "v1/pods default web",
    "v1/serviceaccounts default robot",
  ]);
  await admin.create(SECRETS, data("Secret", "late"));
  await admin.update(CONFIG_MAPS, { namespace: "default", name: "settings" }, data("ConfigMap", "settings", "2"));
  await clock.advance(100);
  t.deepEqual(dev.objects.get("v1/configmaps default settings")?.["data"], { key: "2" });
  t.true(dev.objects.has("v1/secrets default late"));

  await admin.delete(PODS, { namespace: "default", name: "web" });
  await clock.advance(100);
  const deleting = await admin.get(PODS, { namespace: "default", name: "web" });
  t.truthy(deleting.metadata.deletionTimestamp);
  t.truthy(dev.objects.get("v1/pods default web")?.metadata.deletionTimestamp);
  await dev.observe([{ namespace: "default", name: "web", uid: pod.metadata.uid ?? "", gone: true }]);
  await clock.advance(100);
  await t.throwsAsync(admin.get(PODS, { namespace: "default", name: "web" }), { instanceOf: ApiError, message: /not found/ });
  t.deepEqual([...dev.objects.keys()], ["v1/nodes  dev1"]);
});

test("a device that comes back is sent the difference only", async (t) => {
  const { admin, clock, device, network } = await plane(t);
  const dev = device("dev1");
  for (const name of ["a", "b", "c"]) await admin.create(PODS, podOn("dev1", name));
  await clock.advance(2_000);
  t.is(dev.objects.size, 4);
  // its reports move the resourceVersion of all pods, that is no news for it
  for (const name of ["a", "b", "c"]) await dev.observe([reportOf(await admin.get(PODS, { namespace: "default", name }), { phase: "Running" })]);
  await clock.advance(100);
  network.partition(true, "dev1");
  network.reset("dev1");
  await admin.delete(PODS, { namespace: "default", name: "b" }, { gracePeriodSeconds: 0 });
  await admin.create(PODS, podOn("dev1", "d"));
  await clock.advance(1_000);
  const count = dev.messages.length;
  network.partition(false, "dev1");
  await clock.advance(3_000);
  const told = dev.messages.slice(count).filter((message) => message.type === "desired");
  t.deepEqual(told.map(({ full, put, drop }) => [full, put.map(({ metadata }) => metadata.name), drop]), [[false, ["d"], [["v1/pods", "default", "b"]]]]);
  t.deepEqual([...dev.objects.keys()].toSorted(), ["v1/nodes  dev1", "v1/pods default a", "v1/pods default c", "v1/pods default d"]);
});

test("an idle device is answered once and then left alone", async (t) => {
  const { clock, device, network } = await plane(t);
  device("dev1");
  await clock.advance(5_000);
  const { up, down } = network.counters;
  await clock.advance(240_000);
  t.deepEqual([network.counters.up, network.counters.down], [up, down]);
});

test("on request a device gets everything in one full message", async (t) => {
  const { admin, clock, device } = await plane(t);
  const dev = device("dev1");
  await admin.create(PODS, podOn("dev1", "a"));
  await clock.advance(2_000);
  dev.objects.set("v1/pods default ghost", dev.objects.get("v1/pods default a") ?? (t.fail(), podOn("x", "y") as never));
  await dev.session.send({ type: "resync" });
  await clock.advance(100);
  t.deepEqual([...dev.objects.keys()].toSorted(), ["v1/nodes  dev1", "v1/pods default a"]);
});

test("a large set travels in several messages, what pods need before the pods", async (t) => {
  const { admin, clock, device } = await plane(t);
  const names = Array.from({ length: 8 }, (_, index) => `big-${index}`);
  for (const name of names) await admin.create(CONFIG_MAPS, data("ConfigMap", name, "x".repeat(700_000)));
  await admin.create(PODS, podOn("dev1", "web", { spec: { volumes: names.map((name) => ({ name, configMap: { name } })) } }));
  const dev = device("dev1");
  await clock.advance(5_000);
  const told = dev.messages.filter((message) => message.type === "desired");
  t.true(told.length >= 4);
  t.is(told.findIndex(({ put }) => put.some(({ kind }) => kind === "Pod")), told.length - 1);
  t.is([...dev.objects.keys()].filter((key) => key.startsWith("v1/configmaps")).length, 8);
});

test("reports can come twice and late; a pod of another life or another node is not touched", async (t) => {
  const { admin, clock, device, complaints } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const pod = await admin.create(PODS, podOn("dev1", "web"));
  const foreign = await admin.create(PODS, podOn("dev2", "foreign"));
  await clock.advance(100);
  await dev.observe([reportOf(pod, { phase: "Running" }), reportOf(foreign, { phase: "Failed" }), { ...reportOf(pod, { phase: "Failed" }), uid: "an-earlier-life" }]);
  await clock.advance(100);
  const before = await admin.get(PODS, { namespace: "default", name: "web" });
  t.is(before.status?.phase, "Running");
  await dev.observe([reportOf(pod, { phase: "Running" })]);
  await clock.advance(100);
  t.is((await admin.get(PODS, { namespace: "default", name: "web" })).metadata.resourceVersion, before.metadata.resourceVersion);
  t.not((await admin.get(PODS, { namespace: "default", name: "foreign" })).status?.phase, "Failed");
  // over is over
  await dev.observe([reportOf(pod, { phase: "Succeeded" })]);
  await dev.observe([reportOf(pod, { phase: "Running" })]);
  await clock.advance(100);
  t.is((await admin.get(PODS, { namespace: "default", name: "web" })).status?.phase, "Succeeded");
  t.like(dev.objects.get("v1/pods default web"), { status: { phase: "Succeeded" } });
  // gone without a deletion changes nothing
  await dev.observe([{ namespace: "default", name: "web", uid: pod.metadata.uid ?? "", gone: true }]);
  await clock.advance(100);
  await t.notThrowsAsync(admin.get(PODS, { namespace: "default", name: "web" }));
  t.deepEqual(complaints, []);
});

test("conditions of others survive a device's report, and a conflict is tried again", async (t) => {
  const { admin, clock, device, network } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const pod = await admin.create(PODS, podOn("dev1", "web"));
  const target = { namespace: "default", name: "web", subresource: "status" };
  const mine = { type: "example.com/gate", status: "True" };
  await admin.update(PODS, target, { ...pod, status: { ...pod.status, conditions: [mine] } });
  await clock.advance(100);
  network.faults({ delay: { from: 50, to: 50 } });
  await dev.observe([reportOf(pod, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] })]);
  await clock.advance(40);
  await admin.patch(PODS, { namespace: "default", name: "web" }, { type: "merge", patch: { metadata: { labels: { changed: "meanwhile" } } } });
  await clock.advance(200);
  const stored = await admin.get(PODS, { namespace: "default", name: "web" });
  t.deepEqual(stored.status?.conditions?.map(({ type }) => type).toSorted(), ["Ready", "example.com/gate"]);
  t.is(stored.metadata.labels?.["changed"], "meanwhile");
});

test("events are written once, and counted up", async (t) => {
  const { admin, clock, device } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const pod = await admin.create(PODS, podOn("dev1", "web"));
  const event = (count: number): ObservedEvent => ({
    regarding: { apiVersion: "v1", kind: "Pod", namespace: "default", name: "web", uid: pod.metadata.uid ?? "" },
    type: "Warning",
    reason: "BackOff",
    message: "Back-off restarting failed container",
    count,
    first: clock.now() - 1_000,
    last: clock.now(),
  });
  const first = event(1);
  await dev.observe([], { events: [first] });
  await dev.observe([], { events: [{ ...first, count: 2 }] });
  await clock.advance(100);
  const { items } = await admin.list(EVENTS, { namespace: "default" });
  t.is(items.length, 1);
  t.like(items[0], { reason: "BackOff", count: 2, source: { component: "kubelet", host: "dev1" }, involvedObject: { name: "web" } });
  const flood = Array.from({ length: 1_000 }, (_, index) => ({ ...event(1), message: `message ${index}` }));
  const other = { ...event(1), regarding: { ...event(1).regarding, name: "quiet", uid: "of-a-quiet-pod" }, message: "once" };
  await dev.observe([], { events: [...flood, other] });
  await clock.advance(1_000);
  const told = (await admin.list(EVENTS, { namespace: "default" })).items.map(({ involvedObject }) => involvedObject.name);
  t.true(told.filter((name) => name === "web").length <= 60, "one that repeats itself is cut short");
  t.is(told.filter((name) => name === "quiet").length, 1, "and takes nothing from the others");
});

test("a token for a pod of the device is issued, for others refused", async (t) => {
  const { admin, clock, device } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const foreign = await admin.create(PODS, podOn("dev2", "foreign", { spec: { serviceAccountName: "robot" } }));
  await clock.advance(100);
  await dev.session.send({ type: "token", id: 4, namespace: "default", serviceAccount: "robot", pod: "foreign", podUid: foreign.metadata.uid ?? "", audiences: [], expirationSeconds: 3_600 });
  await clock.advance(100);
  t.like(dev.messages.at(-1), { type: "token", id: 4, error: "pod default/foreign with service account robot is not on this node" });
});

test("renewal over the live link", async (t) => {
  const asked: string[] = [];
  const { clock, device } = await plane(t, {
    renew: async (node, csr) => {
      asked.push(`${node} ${csr}`);
      return "CERTIFICATE";
    },
  });
  const dev = device("dev1");
  await clock.advance(2_000);
  await dev.session.send({ type: "renew", csr: "CSR" });
  await clock.advance(100);
  t.deepEqual(asked, ["dev1 CSR"]);
  t.deepEqual(dev.messages.at(-1), { type: "certificate", pem: "CERTIFICATE" });
});

test("a deleted node's device is disconnected; when it returns it registers again", async (t) => {
  const { admin, clock, device, network } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  const before = dev.sessions();
  const connected: boolean[] = [];
  network.hub.onPresence((_node, present) => connected.push(present));
  await admin.delete(NODES, { name: "dev1" });
  await clock.advance(3_000);
  t.deepEqual(connected, [false, true]);
  t.is(dev.sessions(), before + 1);
  await t.notThrowsAsync(admin.get(NODES, { name: "dev1" }));
});

test("two lives of one device: the later one is heard, work of the earlier one stops", async (t) => {
  const { admin, clock, device } = await plane(t);
  const pod = await admin.create(PODS, podOn("dev1", "web"));
  const first = device("dev1");
  await clock.advance(2_000);
  const second = device("dev1");
  await clock.advance(2_000);
  await t.throwsAsync(first.observe([reportOf(pod, { phase: "Failed" })]));
  await second.observe([reportOf(pod, { phase: "Running" })]);
  await clock.advance(100);
  t.is((await admin.get(PODS, { namespace: "default", name: "web" })).status?.phase, "Running");
});

test("a device that says too much is cut short and recovers", async (t) => {
  const { clock, device, hub, complaints } = await plane(t);
  const dev = device("dev1");
  await clock.advance(2_000);
  for (let burst = 0; burst < 10; burst++) {
    await Promise.all(Array.from({ length: 50 }, () => dev.session.send({ type: "pong" }).catch(() => {})));
  }
  await clock.advance(100);
  t.true(hub().counters().sessions.refusedRate > 0);
  await clock.advance(60_000);
  await dev.observe([], { node: { labels: { again: "there" }, status: nodeStatus() } });
  await clock.advance(2_000);
  t.is(dev.accepted() > 0, true);
  t.deepEqual(complaints, []);
});
