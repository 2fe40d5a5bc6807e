/** Hooks of containers, and the graces within which they run. */
import test from "ava";
import { container, deleted, pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

const run = (command: string) => ({ exec: { command: [command] } });
const running = (device: TestDevice, name = "web") => device.clock.until(() => device.told(name)?.status !== undefined && device.status(name).phase === "Running");

test("a container runs once its postStart hook has ended, and the next one starts then", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 0, afterMs: 5_000 });
  await device.put(pod("web", { containers: [container("a", { lifecycle: { postStart: run("greet") } }), container("b")] }));
  await device.clock.until(() => device.runtime.calls.includes("run a greet"));
  await device.clock.advance(3_000);
  t.is(device.status("web").containerStatuses?.[0]?.state?.waiting?.reason, "ContainerCreating");
  t.is(device.status("web").phase, "Pending");
  await running(device);
  t.deepEqual(device.runtime.calls.slice(-3), ["start a#0", "run a greet", "start b#0"]);
});

test("a container whose postStart hook fails is killed and starts again as its policy says", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 3 });
  device.runtime.onTerm = () => ({ afterMs: 0, exitCode: 143 });
  await device.put(pod("web", { restartPolicy: "Never", containers: [container("main", { lifecycle: { postStart: run("greet") } })] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Failed");
  const told = device.happened().map(({ reason, message }) => `${reason}: ${message}`);
  t.true(told.includes("FailedPostStartHook: PostStartHook failed"));
  t.true(told.includes("Killing: FailedPostStartHook"));
});

test("the preStop hook runs before the signal, and its time is part of the grace period", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 0, afterMs: 12_000 });
  const web = pod("web", { containers: [container("main", { lifecycle: { preStop: run("leave") } })] });
  await device.put(web);
  await running(device);
  await device.put(deleted(web, 30));
  await device.clock.until(() => device.told("web")?.gone === true);
  t.deepEqual(device.runtime.calls.filter((call) => /^(run|stop) /.test(call)), ["run main leave", "stop main 18"]);
});

test("a preStop hook that fails or takes too long does not keep the container", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = (name) => (name === "bad" ? { exitCode: 1 } : { exitCode: 0, afterMs: 3_600_000 });
  const both = pod("web", { containers: [container("bad", { lifecycle: { preStop: run("x") } }), container("endless", { lifecycle: { preStop: run("y") } })] });
  await device.put(both);
  await running(device);
  const began = device.clock.monotonic();
  await device.put(deleted(both, 10));
  await device.clock.until(() => device.told("web")?.gone === true);
  t.true(device.clock.monotonic() - began < 20_000);
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("stop ")), ["stop bad 10", "stop endless 2"]);
  t.deepEqual(device.happened().filter(({ reason }) => reason === "FailedPreStopHook").map(({ regarding }) => regarding.fieldPath), ["spec.containers{bad}", "spec.containers{endless}"]);
});

test("a sleeping preStop hook is cut short by a second deletion and does not run again", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const web = pod("web", { terminationGracePeriodSeconds: 100, containers: [container("main", { lifecycle: { preStop: { sleep: { seconds: 90 } } } })] });
  await device.put(web);
  await running(device);
  await device.put(deleted(web, 100));
  await device.clock.advance(5_000);
  const began = device.clock.monotonic();
  const hurried = deleted(web, 2);
  await device.put({ ...hurried, metadata: { ...hurried.metadata, resourceVersion: "9" } });
  await device.clock.until(() => device.told("web")?.gone === true);
  t.true(device.clock.monotonic() - began < 10_000);
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("stop ")), ["stop main 2"]);
});

test("a container that ends by itself runs no preStop hook; one that is replaced does", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const spec = (image: string) => ({ containers: [container("main", { image, lifecycle: { preStop: run("leave") } })] });
  await device.put(pod("web", spec("example.com/app:1")));
  await running(device);
  device.runtime.end("main", 0);
  await device.clock.until(() => device.runtime.calls.includes("start main#1"));
  t.false(device.runtime.calls.includes("run main leave"));
  await device.put(pod("web", spec("example.com/app:2"), { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.runtime.calls.includes("start main#2"));
  t.true(device.runtime.calls.includes("run main leave"));
});
