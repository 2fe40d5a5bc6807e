/** What probes do to pods, told through what the user sees; virtual time, so every second counts exactly. */
import test from "ava";
import type { Probe } from "../../core/api/types.gen.ts";
import { container, deleted, pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

const exec = (command: string, more: Partial<Probe> = {}): Probe => ({ exec: { command: [command] }, periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3, ...more });
const main = (device: TestDevice, name = "web") => device.status(name).containerStatuses?.[0];
const running = (device: TestDevice, name = "web") => device.clock.until(() => device.told(name)?.status !== undefined && device.status(name).phase === "Running");
const readyCondition = (device: TestDevice) => device.status("web").conditions?.find(({ type }) => type === "Ready")?.status;

test("a container is ready when its readiness probe says so, after the initial delay and as often as asked", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web", { containers: [container("main", { readinessProbe: exec("ready", { initialDelaySeconds: 5, successThreshold: 3 }) })] }));
  await running(device);
  const began = device.clock.monotonic();
  t.like(main(device), { ready: false, started: true });
  await device.clock.advance(4_000);
  t.false(device.runtime.calls.includes("run main ready"), "not before the delay");
  await device.clock.until(() => main(device)?.ready === true);
  t.is(Math.round((device.clock.monotonic() - began) / 1000), 25);
  t.is(readyCondition(device), "True");
});

test("readiness is lost after as many failures as allowed, and told with the probe's own words", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web", { containers: [container("main", { readinessProbe: exec("ready") })] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && main(device)?.ready === true);
  device.runtime.onRun = () => ({ exitCode: 1, output: "not yet" });
  await device.clock.advance(20_500);
  t.is(main(device)?.ready, true, "two failures are not three");
  await device.clock.advance(10_000);
  t.like(main(device), { ready: false, started: true, restartCount: 0 });
  t.is(readyCondition(device), "False");
  const unhealthy = device.happened().filter(({ reason }) => reason === "Unhealthy");
  t.deepEqual([...new Set(unhealthy.map(({ message }) => message))], ["Readiness probe failed: not yet"]);
  t.is(unhealthy.at(-1)?.count, 3);
});

test("a failing liveness probe restarts the container within the probe's own grace period", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 1 });
  device.runtime.onTerm = () => "ignore";
  await device.put(pod("web", { terminationGracePeriodSeconds: 600, containers: [container("main", { livenessProbe: exec("alive", { failureThreshold: 2, terminationGracePeriodSeconds: 7 }) })] }));
  await device.clock.until(() => device.runtime.calls.includes("start main#1"));
  t.true(device.runtime.calls.includes("stop main 7"));
  t.true(device.happened().some(({ reason, message }) => reason === "Killing" && message === "Container main failed liveness probe, will be restarted"));
  const before = device.runtime.calls.slice(0, device.runtime.calls.indexOf("start main#1"));
  t.is(before.filter((call) => call === "run main alive").length, 2, "a container that has to go is not asked again");
});

test("a probe that is out of time has failed; one that cannot be run says nothing", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 0, afterMs: 5_000 });
  await device.put(pod("web", { containers: [container("main", { livenessProbe: exec("slow", { failureThreshold: 1 }) })] }));
  await device.clock.until(() => device.runtime.calls.includes("start main#1"));
  t.true(device.happened().some(({ message }) => message === 'Liveness probe failed: command timed out: "slow" timed out after 1s'));
  await device.put(pod("odd", { containers: [container("main", { livenessProbe: { httpGet: { port: "nameless" }, failureThreshold: 1, periodSeconds: 1 } })] }));
  await running(device, "odd");
  await device.clock.advance(20_000);
  t.is(main(device, "odd")?.restartCount, 0);
  t.true(device.happened().some(({ message }) => message.startsWith("Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing \"nameless\": invalid syntax")));
});

test("until the startup probe has passed there is no readiness and no liveness", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = (_name, command) => ({ exitCode: command === "started" && device.clock.monotonic() < 35_000 ? 1 : 0 });
  await device.put(pod("web", { containers: [container("main", { startupProbe: exec("started", { failureThreshold: 30 }), livenessProbe: exec("alive"), readinessProbe: exec("ready") })] }));
  await running(device);
  await device.clock.advance(30_000);
  t.like(main(device), { ready: false, started: false });
  t.deepEqual([...new Set(device.runtime.calls.filter((call) => call.startsWith("run")))], ["run main started"]);
  await device.clock.until(() => main(device)?.ready === true);
  t.is(main(device)?.started, true);
});

test("a startup probe that never passes restarts the container; with policy Never it ends the pod", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: 1 });
  device.runtime.onTerm = () => ({ afterMs: 0, exitCode: 143 });
  const startupProbe = exec("started", { failureThreshold: 2 });
  await device.put(pod("web", { containers: [container("main", { startupProbe })] }), pod("job", { restartPolicy: "Never", containers: [container("once", { startupProbe })] }));
  await device.clock.until(() => device.runtime.calls.includes("start main#1") && device.status("job").phase === "Failed");
  const killed = device.happened().filter(({ reason }) => reason === "Killing").map(({ message }) => message).toSorted();
  t.deepEqual([...new Set(killed)], ["Container main failed startup probe, will be restarted", "Stopping container once"]);
});

test("containers wait for the startup probe of a sidecar", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.onRun = () => ({ exitCode: device.clock.monotonic() < 20_000 ? 1 : 0 });
  await device.put(pod("web", { initContainers: [container("side", { restartPolicy: "Always", startupProbe: exec("up", { periodSeconds: 1, failureThreshold: 60 }) })] }));
  await device.clock.advance(15_000);
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("start")), ["start side#0"]);
  await running(device);
  t.true(device.clock.monotonic() >= 20_000);
});

test("a pod that ends is not killed by its liveness probe, and is ready until its containers end", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const web = pod("web", { containers: [container("main", { livenessProbe: exec("alive", { failureThreshold: 1, periodSeconds: 1 }), readinessProbe: exec("ready", { periodSeconds: 1 }) })] });
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && main(device)?.ready === true);
  device.runtime.onTerm = () => ({ afterMs: 20_000, exitCode: 0 });
  device.runtime.onRun = (_name, command) => ({ exitCode: command === "alive" ? 1 : 0 });
  await device.put(deleted(web, 30));
  await device.clock.advance(10_000);
  t.is(main(device)?.ready, true);
  t.false(device.happened().some(({ message }) => message.includes("liveness")));
  await device.clock.until(() => device.told("web")?.gone === true);
});

test("an agent that starts again believes what was said of a container until it has asked itself", async (t) => {
  const device = await testDevice();
  await device.put(pod("web", { containers: [container("main", { startupProbe: exec("started"), readinessProbe: exec("ready") })] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && main(device)?.ready === true);
  const again = await device.restart();
  t.teardown(again.close);
  const seen = new Set<boolean | undefined>();
  for (let second = 0; second < 30; second++) {
    await again.clock.advance(1000);
    seen.add(main(again)?.ready);
  }
  t.deepEqual([...seen], [true]);
  again.runtime.onRun = () => ({ exitCode: 1 });
  await again.clock.until(() => main(again)?.ready === false);
  t.is(main(again)?.restartCount, 0);
});

test("readiness gates are opened and closed by conditions of others", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const gated = (status: string | undefined, resourceVersion: string) => ({ ...pod("web", { readinessGates: [{ conditionType: "example.com/gate" }] }, { resourceVersion }), ...(status === undefined ? {} : { status: { conditions: [{ type: "example.com/gate", status }] } }) });
  await device.put(gated(undefined, "1"));
  await running(device);
  const ready = () => device.status("web").conditions?.find(({ type }) => type === "Ready");
  t.like(ready(), { status: "False", reason: "ReadinessGatesNotReady", message: 'corresponding condition of pod readiness gate "example.com/gate" does not exist.' });
  await device.put(gated("True", "2"));
  await device.clock.until(() => ready()?.status === "True");
  await device.put(gated("False", "3"));
  await device.clock.until(() => ready()?.status === "False");
  t.false(device.status("web").conditions?.some(({ type }) => type === "example.com/gate"), "the device does not speak for others");
});

test("each answer is counted for /metrics/probes, until the pod goes", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const counted = () => device.measures.families("prober_probe_total").flatMap(({ samples }) => samples);
  const web = pod("web", { containers: [container("main", { readinessProbe: exec("ready"), livenessProbe: exec("alive") })] });
  device.runtime.onRun = (_container, command) => ({ exitCode: command === "ready" ? 1 : 0 });
  await device.put(web);
  await running(device);
  await device.clock.advance(12_000);
  const labels = { container: "main", namespace: "default", pod: "web", pod_uid: web.metadata.uid };
  t.deepEqual(counted().map((each) => [each.labels, each.value]).toSorted(), [
    [{ ...labels, probe_type: "Liveness", result: "successful" }, 2],
    [{ ...labels, probe_type: "Readiness", result: "failed" }, 2],
  ]);
  await device.put(deleted(web));
  await device.clock.until(() => device.told("web")?.gone === true);
  t.deepEqual(counted(), []);
});
