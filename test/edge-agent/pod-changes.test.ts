/** What may happen to a pod that runs: containers for debugging, restarts of the whole, other resources. */
import test from "ava";
import type { Container } from "../../core/api/types.gen.ts";
import { crashing } from "./support/crashing.ts";
import { container, pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

const running = (device: TestDevice) => device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
const condition = (device: TestDevice, type: string) => device.status("web").conditions?.find((each) => each.type === type);

test("a container for debugging starts once and has no say in what becomes of the pod", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name) => (name === "debug" ? { exitAfterMs: 1000, exitCode: 7 } : undefined);
  await device.put(pod("web"));
  await running(device);
  await device.put(pod("web", { ephemeralContainers: [{ name: "debug", image: "example.com/tools:1", targetContainerName: "main" }] }, { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.status("web").ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined);
  t.is(device.runtime.plans.at(-1)?.target, device.runtime.containers().find(({ name }) => name === "main")?.id);
  await device.clock.advance(600_000);
  t.like(device.status("web"), { phase: "Running", ephemeralContainerStatuses: [{ ready: false, restartCount: 0, state: { terminated: { exitCode: 7 } } }] });
  t.is(condition(device, "Ready")?.status, "True");
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("start debug")), ["start debug#0"]);
  t.is(device.happened().find(({ reason, regarding }) => reason === "Started" && regarding.fieldPath?.includes("debug"))?.regarding.fieldPath, "spec.ephemeralContainers{debug}");
});

for (const [policy, expected] of [
  ["Always", { state: { waiting: { reason: "RunContainerError", message: "no such command" } }, lastState: { terminated: { exitCode: 128, reason: "StartError" } } }],
  ["OnFailure", { state: { waiting: { reason: "RunContainerError", message: "no such command" } } }],
  ["Never", { state: { terminated: { exitCode: 128, reason: "StartError", message: "no such command" } }, lastState: {} }],
] as const) {
  test(`a container for debugging that cannot start is shown as others of a pod with ${policy} would be, and is not tried again`, async (t) => {
    const device = await testDevice();
    t.teardown(device.close);
    device.runtime.refusesStart = (name) => (name === "debug" ? "no such command" : undefined);
    await device.put(pod("web", { restartPolicy: policy }));
    await running(device);
    await device.put(pod("web", { restartPolicy: policy, ephemeralContainers: [{ name: "debug", image: "example.com/tools:1" }] }, { resourceVersion: "2", generation: 2 }));
    await device.clock.advance(600_000);
    t.like(device.status("web"), { phase: "Running", ephemeralContainerStatuses: [expected] });
    t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("start debug")), ["start debug#0"]);
  });
}

const rerunning: Partial<Container> = { restartPolicy: "Never", restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }] };

test("an exit that restarts all containers stops the others and runs the init containers again", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name, attempt) => (name === "init" ? { exitAfterMs: 10, exitCode: 0 } : name === "main" && attempt === 0 ? { exitAfterMs: 5000, exitCode: 42 } : undefined);
  await device.put(pod("web", { restartPolicy: "Never", initContainers: [container("init")], containers: [container("main", rerunning), container("other")] }));
  await running(device);
  await device.clock.until(() => device.runtime.calls.includes("start other#1"));
  await device.clock.advance(1000);
  t.deepEqual(device.runtime.calls.filter((call) => /^(start|stop) /.test(call)), ["start init#0", "start main#0", "start other#0", "stop other 30", "start init#1", "start main#1", "start other#1"]);
  t.is(device.runtime.calls.filter((call) => call.startsWith("sandbox")).length, 1);
  const status = device.status("web");
  t.is(status.phase, "Running");
  for (const each of status.containerStatuses ?? []) t.like(each, { restartCount: 1, ready: true, lastState: { terminated: { reason: "RestartingAllContainers", exitCode: 137 } } });
  t.is(condition(device, "AllContainersRestarting")?.status, "False");
});

test("a container that makes its pod start over again and again has to wait like any other", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const gaps = crashing(device, 42);
  await device.put(pod("web", { restartPolicy: "Never", containers: [container("main", rerunning)] }));
  await device.clock.until(() => gaps().length === 4);
  t.deepEqual(gaps(), [0, 10, 20, 40]);
});

const sized = (cpu: string, more: Partial<Container> = {}) => ({ containers: [container("main", { resources: { requests: { cpu }, limits: { cpu } }, ...more })] });

test("other resources reach a container that goes on running", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web", sized("1")));
  await running(device);
  await device.put(pod("web", sized("2"), { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.happened().some(({ reason }) => reason === "ResizeCompleted"));
  t.true(device.runtime.calls.includes('resize main 0 {"requests":{"cpu":"2"},"limits":{"cpu":"2"}}'));
  t.like(device.status("web").containerStatuses?.[0], { restartCount: 0, allocatedResources: { cpu: "2" }, resources: { limits: { cpu: "2" } } });
  t.is(device.status("web").observedGeneration, 2);
  t.is(condition(device, "PodResizeInProgress"), undefined);
});

test("a resize that can never fit is Infeasible, one that does not fit yet Deferred; both leave the container alone", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const other = pod("other", sized("2"));
  await device.put(pod("web", sized("1")), other);
  await device.clock.until(() => device.runtime.containers().filter(({ state }) => state === "running").length === 2);
  await device.put(pod("web", sized("64"), { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => condition(device, "PodResizePending") !== undefined);
  t.like(condition(device, "PodResizePending"), { status: "True", reason: "Infeasible", message: "Node didn't have enough capacity: cpu, requested: 64000, capacity: 4000" });
  t.like(device.status("web").containerStatuses?.[0], { allocatedResources: { cpu: "1" }, resources: { requests: { cpu: "1" } } });
  await device.put(pod("web", sized("3"), { resourceVersion: "3", generation: 3 }));
  await device.clock.until(() => condition(device, "PodResizePending")?.reason === "Deferred");
  t.false(device.runtime.calls.some((call) => call.startsWith("resize")));
  await device.drop(other);
  await device.clock.until(() => device.runtime.calls.some((call) => call.startsWith("resize main")));
  await device.clock.advance(1000);
  t.is(condition(device, "PodResizePending"), undefined);
});

test("a resource whose policy says so is changed by a restart", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const resizePolicy = [{ resourceName: "cpu", restartPolicy: "RestartContainer" }];
  await device.put(pod("web", sized("1", { resizePolicy })));
  await running(device);
  await device.put(pod("web", sized("2", { resizePolicy }), { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.runtime.calls.includes("start main#1"));
  t.false(device.runtime.calls.some((call) => call.startsWith("resize")));
  t.true(device.happened().some(({ reason, message }) => reason === "Killing" && message === "Container main resize requires restart"));
});

test("the amounts that a pod states itself change in place, too", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const set: unknown[] = [];
  device.runtime.resizePod = async ({ spec }) => void set.push(spec?.resources?.limits);
  const of = (cpu: string) => ({ resources: { requests: { cpu: "100m" }, limits: { cpu } }, containers: [container("main")] });
  await device.put(pod("web", of("200m")));
  await running(device);
  t.deepEqual(set, []);
  t.deepEqual(device.status("web").resources, { limits: { cpu: "200m" }, requests: { cpu: "100m" } });
  await device.put(pod("web", of("300m"), { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.happened().some(({ reason }) => reason === "ResizeCompleted"));
  t.deepEqual(set, [{ cpu: "300m" }]);
  t.deepEqual(device.status("web").resources?.limits, { cpu: "300m" });
  t.deepEqual(device.status("web").allocatedResources, { cpu: "100m" });
});
