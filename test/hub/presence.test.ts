import test from "ava";
import * as fc from "fast-check";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import { isDevice, reportedLabels, reportedStatus, sameStatus, silentStatus } from "../../core/hub/node-status.ts";
import { isMovable, judge, PRESENCE_LIMITS } from "../../core/hub/judge.ts";
import type { Device } from "../../core/hub/judge.ts";
import { nodeStatus, plane, podOn } from "./plane.ts";

const seconds = (count: number) => count * 1_000;

test("a device with work that dies silently is Unknown within 15 s, and Ready at once when it returns", async (t) => {
  const { admin, clock, device, network, node, ready } = await plane(t);
  device("dev1");
  await clock.advance(seconds(2));
  await admin.create(PODS, podOn("dev1", "web"));
  await clock.advance(seconds(60));
  t.is(await ready("dev1"), "True");
  network.partition(true, "dev1");
  await clock.advance(seconds(5));
  t.is(await ready("dev1"), "True");
  await clock.advance(seconds(10));
  const { status } = await node("dev1");
  for (const type of ["Ready", "MemoryPressure"]) {
    t.like(status?.conditions?.find((one) => one.type === type), { status: "Unknown", reason: "NodeStatusUnknown", message: "Kubelet stopped posting node status." });
  }
  t.like(status?.conditions?.find(({ type }) => type === "PIDPressure"), { status: "Unknown", reason: "NodeStatusNeverUpdated" });
  network.partition(false, "dev1");
  await clock.advance(seconds(5));
  t.is(await ready("dev1"), "True");
});

test("a device whose connection closes has ten seconds to come back", async (t) => {
  const { clock, device, ready } = await plane(t);
  const first = device("dev1");
  await clock.advance(seconds(3));
  await first.stop();
  await clock.advance(seconds(7));
  t.is(await ready("dev1"), "True");
  const second = device("dev1");
  await clock.advance(seconds(20));
  t.is(await ready("dev1"), "True");
  await second.stop();
  await clock.advance(seconds(12));
  t.is(await ready("dev1"), "Unknown");
});

test("an idle device is found by its keepalive, or at once when it gets work", async (t) => {
  const { admin, clock, device, network, ready } = await plane(t);
  device("dev1");
  device("dev2");
  await clock.advance(seconds(3));
  network.partition(true);
  await clock.advance(seconds(30));
  t.is(await ready("dev1"), "True");
  await admin.create(PODS, podOn("dev1", "web"));
  await clock.advance(seconds(8));
  t.deepEqual([await ready("dev1"), await ready("dev2")], ["Unknown", "True"]);
  await clock.advance(seconds(80));
  t.is(await ready("dev2"), "Unknown");
});

test("every device can be watched like one with work", async (t) => {
  const { clock, device, network, ready } = await plane(t, { presence: { watchIdle: true } });
  device("dev1");
  await clock.advance(seconds(30));
  network.partition(true);
  await clock.advance(seconds(15));
  t.is(await ready("dev1"), "Unknown");
});

test("a broker that restarts kills nobody", async (t) => {
  const { admin, clock, device, network, ready, complaints } = await plane(t);
  const names = ["dev1", "dev2", "dev3"];
  for (const name of names) {
    device(name);
    await admin.create(PODS, podOn(name, `on-${name}`));
  }
  await clock.advance(seconds(3));
  network.restart(seconds(120));
  for (let elapsed = 0; elapsed < 200; elapsed += 4) {
    await clock.advance(seconds(4));
    for (const name of names) t.is(await ready(name), "True", `${name} after ${elapsed} s`);
  }
  t.deepEqual(complaints, []);
});

test("a server that restarts waits for its devices, asks those that stayed connected, and then judges", async (t) => {
  const { clock, device, network, ready, restartHub } = await plane(t);
  const stays = device("stays");
  const dies = device("dies");
  await clock.advance(seconds(3));
  await restartHub();
  network.partition(true, "dies");
  const before = stays.sessions();
  await clock.advance(seconds(10));
  t.is(stays.sessions(), before + 1);
  t.deepEqual([await ready("stays"), await ready("dies")], ["True", "True"]);
  await clock.advance(seconds(75));
  t.deepEqual([await ready("stays"), await ready("dies")], ["True", "Unknown"]);
  t.true(dies.sessions() > 0);
});

test("nodes that are no devices of this hub are left alone", async (t) => {
  const { admin, clock, ready } = await plane(t);
  await admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "foreign" }, status: nodeStatus() });
  await admin.update(NODES, { name: "foreign", subresource: "status" }, { ...(await admin.get(NODES, { name: "foreign" })), status: nodeStatus() });
  await clock.advance(seconds(600));
  t.is(await ready("foreign"), "True");
});

test("half of all messages lost: the device stays, or returns when the link does", async (t) => {
  const { admin, clock, device, network, ready } = await plane(t);
  device("dev1");
  await clock.advance(seconds(3));
  await admin.create(PODS, podOn("dev1", "web"));
  network.faults({ loss: 0.5, delay: { from: 100, to: 2_000 } });
  await clock.advance(seconds(300));
  network.faults({});
  await clock.advance(seconds(100));
  t.is(await ready("dev1"), "True");
});

const fresh: Device = { state: "present", heardAt: 1_000, askedAt: 0, lastAskedAt: 0, dueAt: 0, connected: true, pauseMs: 5_000 };

test("judge: silence is asked, questions are repeated, no answer is a loss", (t) => {
  const { askAfterMs, askIdleAfterMs, askAgainMs, patienceMs } = PRESENCE_LIMITS;
  t.is(judge(fresh, 1_000 + askAfterMs - 1, true, PRESENCE_LIMITS), "fine");
  t.is(judge(fresh, 1_000 + askAfterMs, true, PRESENCE_LIMITS), "ask");
  t.is(judge(fresh, 1_000 + askAfterMs, false, PRESENCE_LIMITS), "fine");
  t.is(judge(fresh, 1_000 + askIdleAfterMs, false, PRESENCE_LIMITS), "ask");
  const asked = { ...fresh, askedAt: 9_000, lastAskedAt: 9_000 };
  t.is(judge(asked, 9_000 + askAgainMs - 1, true, PRESENCE_LIMITS), "fine");
  t.is(judge(asked, 9_000 + askAgainMs, true, PRESENCE_LIMITS), "ask");
  t.is(judge(asked, 9_000 + patienceMs, true, PRESENCE_LIMITS), "lose");
  t.is(judge({ ...fresh, state: "away", dueAt: 4_000 }, 3_999, true, PRESENCE_LIMITS), "fine");
  t.is(judge({ ...fresh, state: "away", dueAt: 4_000 }, 4_000, true, PRESENCE_LIMITS), "lose");
  t.is(judge({ ...fresh, state: "lost" }, 4_999, true, PRESENCE_LIMITS), "fine");
  t.is(judge({ ...fresh, state: "lost" }, 5_000, true, PRESENCE_LIMITS), "ask");
  t.is(judge({ ...fresh, state: "lost", connected: false }, 1e9, true, PRESENCE_LIMITS), "fine");
});

test("judge: whoever answered within the patience is never lost, whoever never answers is lost in time", (t) => {
  const { patienceMs, askAfterMs } = PRESENCE_LIMITS;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: patienceMs - 1_000 }), fc.boolean(), (delay, dead) => {
      const device = { ...fresh, heardAt: 0 };
      let answerAt = Number.POSITIVE_INFINITY;
      for (let now = 0; now <= askAfterMs + patienceMs + 1_000; now += 500) {
        if (now >= answerAt) {
          Object.assign(device, { heardAt: now, askedAt: 0 });
          answerAt = Number.POSITIVE_INFINITY;
        }
        const verdict = judge(device, now, true, PRESENCE_LIMITS);
        if (verdict === "ask") {
          if (device.askedAt === 0) device.askedAt = now;
          device.lastAskedAt = now;
          if (!dead && answerAt === Number.POSITIVE_INFINITY) answerAt = now + delay;
        }
        if (verdict === "lose") {
          t.true(dead);
          return;
        }
      }
      t.false(dead);
    }),
  );
});

test("pods that no other device would take over are no reason to ask", (t) => {
  const pod = (metadata: object, status: object = {}): Pod => ({ apiVersion: "v1", kind: "Pod", metadata, status }) as Pod;
  t.true(isMovable(pod({})));
  t.true(isMovable(pod({ ownerReferences: [{ kind: "ReplicaSet", name: "r", apiVersion: "apps/v1", uid: "u", controller: true }] })));
  t.false(isMovable(pod({ ownerReferences: [{ kind: "DaemonSet", name: "d", apiVersion: "apps/v1", uid: "u", controller: true }] })));
  t.false(isMovable(pod({}, { phase: "Succeeded" })));
  t.false(isMovable(pod({ annotations: { "kubernetes.io/config.mirror": "hash" } })));
});

test("transition times are the server's and move only with the status", (t) => {
  const at = Date.UTC(2030, 0, 1);
  const first = reportedStatus(undefined, { conditions: [{ type: "Ready", status: "True", lastTransitionTime: "1970-01-01T00:00:07Z" }] }, at);
  t.is(first.conditions?.[0]?.lastTransitionTime, "2030-01-01T00:00:00Z");
  const second = reportedStatus(first, { conditions: [{ type: "Ready", status: "True" }] }, at + seconds(60));
  t.is(second.conditions?.[0]?.lastTransitionTime, "2030-01-01T00:00:00Z");
  t.true(sameStatus(first, second));
  const lost = silentStatus(second, at + seconds(90));
  t.is(lost?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime, "2030-01-01T00:01:30Z");
  t.is(silentStatus(lost, at + seconds(99)), undefined);
  t.false(isDevice({ apiVersion: "v1", kind: "Node", metadata: { name: "x" } }));
});

test("what a device does not tell of itself any more its node does not keep", (t) => {
  t.deepEqual(
    reportedLabels({ "lichen.dev/board": "raspberry-pi-5", "lichen.dev/board-of": "mine", "lichen.dev/runtime-wasi": "true", role: "press", "kubernetes.io/os": "linux" }, { "kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64" }),
    { "lichen.dev/board-of": "mine", role: "press", "kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64" },
  );
  const next = reportedStatus({ runtimeHandlers: [{ name: "wasi" }], features: { supplementalGroupsPolicy: true }, volumesInUse: ["v"] }, {}, 0);
  t.deepEqual(next, { volumesInUse: ["v"], conditions: [] });
});
