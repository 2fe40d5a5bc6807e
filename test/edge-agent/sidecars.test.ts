/** Init containers that stay: when the others wait for them, and when they start again. */
import test from "ava";
import { container, pod } from "./support/pods.ts";
import { testDevice } from "./support/device.ts";

test("a sidecar that ends starts again, also when the pod's policy is Never", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name, attempt) => (name === "side" && attempt === 0 ? { exitAfterMs: 5000, exitCode: 1 } : undefined);
  await device.put(pod("web", { restartPolicy: "Never", initContainers: [container("side", { restartPolicy: "Always" })] }));
  await device.clock.until(() => device.runtime.calls.includes("start side#1"));
  await device.clock.advance(1000);
  const [side] = device.status("web").initContainerStatuses ?? [];
  t.like(side, { ready: true, started: true, restartCount: 1, lastState: { terminated: { exitCode: 1, reason: "Error" } } });
  t.is(device.status("web").phase, "Running");
});
