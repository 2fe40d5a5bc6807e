/** Pods as clients see them while they run: their life, generation, streams, taints. */
import assert from "node:assert/strict";
import WebSocket from "ws";
import { NODES } from "../../../core/api/resources.gen.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { readAccess } from "../../../core/cli/kubeconfig.ts";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";
import { isReady, output, podOf, podsOf, running, untilPod } from "../support/pods.ts";

const gone = (c: Context, name = "pod") => eventually(`${name} is gone`, async () => (await podsOf(c).list({ fieldSelector: `metadata.name=${name}` })).items.length === 0);

/** The messages of a WebSocket until the server closes it. */
function webSocket({ kubeconfig, api }: Context, path: string, protocol: string): Promise<readonly Buffer[]> {
  const { ca, certificate, key } = readAccess({ dataDir: "", kubeconfig });
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(new URL(path, api.server), protocol, { ca, cert: certificate, key });
    const messages: Buffer[] = [];
    socket.on("message", (data: Buffer) => void messages.push(data));
    socket.on("error", reject);
    socket.on("close", () => resolve(messages));
  });
}

/** All values of metadata.generation that the pod's node has seen are its current one. */
const observed = (c: Context, generation: number) =>
  untilPod(c, "pod", ({ metadata, status }) => metadata.generation === generation && status?.observedGeneration === generation && status.conditions?.every((condition) => condition.observedGeneration === generation || condition.type === "PodScheduled") !== false, `generation ${generation} is observed`);

/** The one node, tainted so that only this test's pods have to go; the taint's time is now. */
const instant = () => new Date().toISOString().replace(/\.\d+/, "");

async function taint(c: Context, key: string): Promise<{ remove(): Promise<void> }> {
  const nodes = c.api.of(NODES);
  const name = (await nodes.list()).items[0]?.metadata.name ?? "";
  const remove = async () => void (await updateFresh(nodes, name, (fresh) => ({ ...fresh, spec: { ...fresh.spec, taints: (fresh.spec?.taints ?? []).filter((one) => one.key !== key) } })));
  await updateFresh(nodes, name, (fresh) => ({ ...fresh, spec: { ...fresh.spec, taints: [...(fresh.spec?.taints ?? []), { key, value: "evict", effect: "NoExecute" as const, timeAdded: instant() }] } }));
  c.after(remove);
  return { remove };
}
const tolerating = (key: string, tolerationSeconds: number) => ({ tolerations: [{ key, operator: "Equal", value: "evict", effect: "NoExecute", tolerationSeconds }] });

export const podTestsOfNode = [
  conformance("[sig-node] Pods should allow activeDeadlineSeconds to be updated", async (c) => {
    await running(c, {});
    await updateFresh(podsOf(c), "pod", (fresh) => ({ ...fresh, spec: { ...fresh.spec, containers: fresh.spec?.containers ?? [], activeDeadlineSeconds: 2 } }));
    const pod = await untilPod(c, "pod", ({ status }) => status?.phase === "Failed", "its time is over");
    assert.equal(pod.status?.reason, "DeadlineExceeded");
  }),
  conformance("[sig-node] Pods should be submitted and removed", async (c) => {
    const watch = await podsOf(c).watch({ labelSelector: c.unique, resourceVersion: (await podsOf(c).list()).metadata.resourceVersion ?? "" });
    await running(c, { metadata: { labels: { [c.unique]: "x" } }, spec: { terminationGracePeriodSeconds: 30 } });
    await watch.until("ADDED");
    await podsOf(c).delete("pod", { gracePeriodSeconds: 30 });
    await watch.until("MODIFIED", ({ metadata }) => metadata.deletionTimestamp !== undefined);
    const { object } = await watch.until("DELETED");
    watch.close();
    assert.notEqual(object.metadata.deletionTimestamp, undefined);
    assert.notEqual(object.spec?.terminationGracePeriodSeconds, undefined);
    assert.equal((await podsOf(c).list({ labelSelector: c.unique })).items.length, 0);
  }),
  conformance("[sig-node] Pods should be updated", async (c) => {
    await running(c, { metadata: { labels: { time: "one" } } });
    await updateFresh(podsOf(c), "pod", (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, labels: { time: "two" } } }));
    assert.equal((await podsOf(c).list({ labelSelector: "time=two" })).items.length, 1);
    await untilPod(c, "pod", isReady);
  }),
  conformance("[sig-node] Pods should delete a collection of pods", async (c) => {
    for (const name of ["a", "b", "c"]) await podsOf(c).create(podOf({ name, metadata: { labels: { set: "yes" } } }));
    for (const name of ["a", "b", "c"]) await untilPod(c, name, isReady);
    await podsOf(c).deleteCollection({ labelSelector: "set=yes" });
    await eventually("all are gone", async () => (await podsOf(c).list({ labelSelector: "set=yes" })).items.length === 0);
  }),
  conformance("[sig-node] Pods should get a host IP", async (c) => {
    const { status, spec } = await running(c, {});
    const node = await c.api.of(NODES).get(spec?.nodeName ?? "");
    assert.equal(status?.hostIP, node.status?.addresses?.find(({ type }) => type === "InternalIP")?.address);
  }),
  conformance("[sig-node] Pods should patch a pod status", async (c) => {
    await running(c, {});
    const condition = { type: "example.com/ready", status: "True", reason: "Patched", message: "by a test" };
    const patched = await podsOf(c).patch("pod", { status: { conditions: [condition] } }, "strategic", "status");
    assert.equal(patched.status?.conditions?.find(({ type }) => type === condition.type)?.message, "by a test");
    await podsOf(c).patch("pod", { status: { message: "Patched by a test" } }, "merge", "status");
    assert.equal((await podsOf(c).get("pod", "status")).metadata.name, "pod");
  }),
  conformance("[sig-node] Pods should run through the lifecycle of Pods and PodStatus", async (c) => {
    const watch = await podsOf(c).watch({ labelSelector: c.unique, resourceVersion: (await podsOf(c).list()).metadata.resourceVersion ?? "" });
    await running(c, { metadata: { labels: { [c.unique]: "x" } } });
    await watch.until("ADDED");
    await watch.until("MODIFIED", isReady);
    await podsOf(c).patch("pod", { metadata: { labels: { patched: "true" } }, spec: { terminationGracePeriodSeconds: 1 } }, "strategic");
    await watch.until("MODIFIED", ({ metadata }) => metadata.labels?.["patched"] === "true");
    assert.equal((await c.api.send<Pod>("GET", `${podsOf(c).path}/pod/status`)).json.status?.phase, "Running");
    const updated = await updateFresh(podsOf(c), "pod", (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: (fresh.status?.conditions ?? []).map((one) => (one.type === "Ready" ? { ...one, status: "False" } : one)) } }), "status");
    assert.equal(isReady(updated), false);
    await podsOf(c).deleteCollection({ labelSelector: c.unique });
    await watch.until("DELETED");
    watch.close();
  }),

  conformance("[sig-node] Pods should support remote command execution over websockets", async (c) => {
    await running(c, {});
    const query = "command=sh&command=-c&command=echo%20remote%3B%20echo%20problem%20%3E%262&stdout=1&stderr=1&container=main";
    const messages = await webSocket(c, `${podsOf(c).path}/pod/exec?${query}`, "v4.channel.k8s.io");
    const channel = (number: number) => Buffer.concat(messages.filter((one) => one[0] === number).map((one) => one.subarray(1))).toString();
    assert.deepEqual([channel(1), channel(2)], ["remote\n", "problem\n"]);
    assert.equal((JSON.parse(channel(3)) as { readonly status: string }).status, "Success");
  }),
  conformance("[sig-node] Pods should support retrieving logs from the container over websockets", async (c) => {
    await output(c, { script: "echo container is alive" });
    const messages = await webSocket(c, `${podsOf(c).path}/pod/log?container=main`, "binary.k8s.io");
    assert.equal(Buffer.concat(messages).toString(), "container is alive\n");
  }),

  conformance("[sig-node] Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update [MinimumKubeletVersion:1.34]", async (c) => {
    const made = await podsOf(c).create(podOf({ metadata: { generation: 100 } }));
    assert.equal(made.metadata.generation, 1);
    await observed(c, 1);
    const image = "registry.lichen.internal/busybox:1";
    await podsOf(c).patch("pod", { spec: { activeDeadlineSeconds: 5000 } });
    await podsOf(c).patch("pod", { spec: { containers: [{ name: "main", image: `${image}` }], tolerations: [{ key: "new", operator: "Exists", effect: "NoSchedule" }] } }, "strategic");
    await observed(c, 3);
    await podsOf(c).patch("pod", { metadata: { labels: { not: "the-spec" } } });
    await observed(c, 3);
  }),
  conformance("[sig-node] Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete", async (c) => {
    const made = await podsOf(c).create(podOf({ metadata: { generation: 100, finalizers: ["example.com/hold"] } }));
    assert.equal(made.metadata.generation, 1);
    await untilPod(c, "pod", isReady);
    await podsOf(c).delete("pod");
    assert.equal((await podsOf(c).get("pod")).metadata.generation, 2);
    await podsOf(c).patch("pod", { metadata: { finalizers: null } });
    await gone(c);
  }),
  conformance("[sig-node] Pods Extended (pod generation) Pod Generation issue 500 podspec updates and verify generation and observedGeneration eventually converge [MinimumKubeletVersion:1.34]", async (c) => {
    await running(c, {});
    for (let count = 1; count <= 500; count++) await podsOf(c).patch("pod", { spec: { activeDeadlineSeconds: 10_000 - count } });
    await observed(c, 501);
  }),

  conformance("[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction", async (c) => {
    const key = `${c.unique}/evict`;
    const seconds = 8;
    const pod = await running(c, { spec: tolerating(key, seconds) });
    const { remove } = await taint(c, key);
    await remove();
    // another pod's deadline shows that the time of the first would be over
    await running(c, { name: "timer", spec: { activeDeadlineSeconds: seconds + 1 } });
    await untilPod(c, "timer", ({ status }) => status?.reason === "DeadlineExceeded", "its time is over");
    assert.equal((await podsOf(c).get("pod")).metadata.deletionTimestamp, undefined);
    assert.equal((await podsOf(c).get("pod")).metadata.uid, pod.metadata.uid);
  }, { alone: true }),
  conformance("[sig-node] NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds", async (c) => {
    const key = `${c.unique}/evict`;
    await running(c, { name: "short", spec: tolerating(key, 2) });
    await running(c, { name: "long", spec: tolerating(key, 1000) });
    const { remove } = await taint(c, key);
    await gone(c, "short");
    assert.equal((await podsOf(c).get("long")).metadata.deletionTimestamp, undefined);
    await remove();
  }, { alone: true }),
];
