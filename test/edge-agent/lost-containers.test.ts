/** What a runtime that was killed can leave: containers that it lost, or that never started in a sandbox that died. */
import test from "ava";
import { container, deleted, pod } from "./support/pods.ts";
import { testDevice } from "./support/device.ts";

for (const [kind, spec] of Object.entries({
  container: { containers: [container("a")] },
  sidecar: { initContainers: [container("a", { restartPolicy: "Always" })], containers: [container("b")] },
  "init container": { initContainers: [container("a")], containers: [container("b")] },
})) {
  test(`a ${kind} in an unknown state is ended and started again`, async (t) => {
    const device = await testDevice();
    t.teardown(device.close);
    await device.put(pod("web", { terminationGracePeriodSeconds: 5, ...spec }));
    await device.clock.until(() => device.runtime.calls.includes("start a#0"));
    await device.clock.advance(1_000);
    device.runtime.onTerm = () => ({ afterMs: 0, exitCode: 255 });
    device.runtime.lose("a");
    await device.clock.until(() => device.runtime.calls.includes("start a#1"));
    t.true(device.runtime.calls.includes("stop a 5"));
    t.true(device.happened().some(({ reason, message }) => reason === "Killing" && message === "Container a is in unknown state, try killing it before restart"));
  });
}

test("a container that never started in a sandbox that died holds up no deletion", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.failures.set("startContainer", "containerd was killed");
  await device.put(pod("web"));
  await device.clock.until(() => device.runtime.containers().some(({ state }) => state === "created"));
  device.runtime.reboot();
  device.runtime.failures.clear();
  await device.clock.until(() => device.runtime.running().includes("web"));
  await device.put(deleted(pod("web"), 1));
  await device.clock.until(() => device.told("web")?.gone === true);
  t.deepEqual(device.runtime.containers(), []);
});

test("a sandbox that died gives its address back before there is another", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web"));
  await device.clock.until(() => device.runtime.running().includes("web"));
  device.runtime.calls.length = 0;
  device.runtime.reboot();
  await device.clock.until(() => device.runtime.running().includes("web"));
  t.deepEqual(device.runtime.calls.filter((call) => call.includes("sandbox")), ["stop-sandbox web", "sandbox web#1"]);
});

test("a pod that cannot be looked at says so and holds up no other", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  // no API server lets this through; a damaged file on the device's disk may
  await device.put(pod("broken", { containers: 7 as never }), pod("fine"));
  await device.clock.until(() => device.runtime.running().includes("fine"));
  t.true(device.happened().some(({ regarding, reason }) => regarding.name === "broken" && reason === "FailedSync"));
});
