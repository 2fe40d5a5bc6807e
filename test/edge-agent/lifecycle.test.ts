/** Stories of pods on one device, told through what the server and the user would see. */
import test from "ava";
import { crashing } from "./support/crashing.ts";
import { container, deleted, pod } from "./support/pods.ts";
import { testDevice } from "./support/device.ts";

const conditions = (status: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[] }) =>
  Object.fromEntries((status.conditions ?? []).map(({ type, status: value, reason }) => [type, reason === undefined ? value : `${value} ${reason}`]));

test("a pod is pulled, started and reported as running", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web"));
  await device.clock.until(() => device.status("web").phase === "Running");
  const status = device.status("web");
  t.deepEqual(device.runtime.calls, ["sandbox web#0", "pull example.com/app:1", "start main#0"]);
  t.like(status, { phase: "Running", hostIP: "192.0.2.1", qosClass: "BestEffort", observedGeneration: 1 });
  t.deepEqual(conditions(status), { PodReadyToStartContainers: "True", Initialized: "True", Ready: "True", ContainersReady: "True", PodScheduled: "True" });
  t.like(status.containerStatuses?.[0], { name: "main", ready: true, started: true, restartCount: 0, lastState: {}, resources: {} });
  t.regex(status.containerStatuses?.[0]?.containerID ?? "", /^containerd:\/\/c\d+$/);
  t.deepEqual(device.happened().map(({ reason }) => reason), ["Pulling", "Pulled", "Created", "Started"]);
});

test("containers start in order, init containers before them, one after the other", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name) => (name.startsWith("init") ? { exitAfterMs: 1000, exitCode: 0 } : undefined);
  await device.put(pod("web", { initContainers: [container("init-1"), container("proxy", { restartPolicy: "Always" }), container("init-2")], containers: [container("a"), container("b")] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").initContainerStatuses?.[0]?.state?.running !== undefined);
  t.deepEqual(conditions(device.status("web")), {
    PodReadyToStartContainers: "True",
    Initialized: "False ContainersNotInitialized",
    Ready: "False ContainersNotReady",
    ContainersReady: "False ContainersNotReady",
    PodScheduled: "True",
  });
  t.is(device.status("web").phase, "Pending");
  t.deepEqual(device.status("web").containerStatuses?.[0]?.state, { waiting: { reason: "PodInitializing" } });
  await device.clock.until(() => device.status("web").phase === "Running");
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("start")), ["start init-1#0", "start proxy#0", "start init-2#0", "start a#0", "start b#0"]);
});

test("a failing init container fails a pod that never restarts", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = () => ({ exitAfterMs: 10, exitCode: 3 });
  await device.put(pod("web", { restartPolicy: "Never", initContainers: [container("i1"), container("i2")] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Failed" && conditions(device.status("web"))["PodReadyToStartContainers"] === "False");
  t.deepEqual(conditions(device.status("web")), {
    PodReadyToStartContainers: "False",
    Initialized: "False ContainersNotInitialized",
    Ready: "False PodFailed",
    ContainersReady: "False PodFailed",
    PodScheduled: "True",
  });
  t.deepEqual(device.status("web").initContainerStatuses?.[1]?.state, { waiting: { reason: "PodInitializing" } });
});

test("a crashing container restarts at once, then after 10, 20, 40 … 300 seconds", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const gaps = crashing(device);
  await device.put(pod("web"));
  await device.clock.until(() => gaps().length === 8);
  t.deepEqual(gaps(), [0, 10, 20, 40, 80, 160, 300, 300]);
  await device.clock.advance(1000);
  const [main] = device.status("web").containerStatuses ?? [];
  t.is(device.status("web").phase, "Running");
  t.is(main?.state?.waiting?.reason, "CrashLoopBackOff");
  t.is(main?.state?.waiting?.message, "back-off 5m0s restarting failed container=main pod=web_default(uid-web)");
  t.like(main?.lastState?.terminated, { exitCode: 1, reason: "Error" });
  t.is(main?.restartCount, 8);
  t.true(device.happened().some(({ reason, message }) => reason === "BackOff" && message === "Back-off restarting failed container main in pod web_default(uid-web)"));
  t.true(device.runtime.containers().length <= 2, "dead containers are cleared away");
});

test("a container that cannot start shows why, then its back-off", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.refusesStart = () => "no such command";
  await device.put(pod("web"));
  const state = () => (device.told("web")?.status === undefined ? undefined : device.status("web").containerStatuses?.[0]);
  await device.clock.until(() => state()?.restartCount === 1 && state()?.state?.waiting !== undefined);
  t.like(state(), { state: { waiting: { reason: "RunContainerError", message: "no such command" } }, lastState: { terminated: { reason: "StartError", exitCode: 128 } } });
  await device.clock.advance(2_000);
  t.like(state(), { restartCount: 1, state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated: { reason: "StartError", exitCode: 128 } } });
});

test("a container that ended because of another starts again at once, each time", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const starts: number[] = [];
  device.runtime.behaviour = (_name, attempt) => {
    starts.push(device.clock.monotonic());
    return attempt < 5 ? { exitAfterMs: 0, exitCode: 137, blameless: true } : undefined;
  };
  await device.put(pod("web"));
  await device.clock.until(() => starts.length === 6);
  t.true(starts.every((at) => at - (starts[0] ?? 0) < 5000));
  await device.clock.advance(1000);
  t.like(device.status("web").containerStatuses?.[0], { restartCount: 5, ready: true });
});

test("a container that ran for ten minutes starts over with short delays", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const starts: number[] = [];
  device.runtime.behaviour = (_name, attempt) => {
    starts.push(device.clock.monotonic());
    return attempt < 3 ? { exitAfterMs: 0, exitCode: 1 } : attempt === 3 ? { exitAfterMs: 700_000, exitCode: 1 } : undefined;
  };
  await device.put(pod("web"));
  await device.clock.until(() => starts.length === 5);
  t.is(Math.round(((starts[4] ?? 0) - (starts[3] ?? 0)) / 1000), 700);
});

for (const [policy, codes, phase] of [["Never", [0, 0], "Succeeded"], ["Never", [0, 4], "Failed"], ["OnFailure", [0, 0], "Succeeded"]] as const) {
  test(`restartPolicy ${policy} with exit codes ${codes.join(" and ")} ends as ${phase}`, async (t) => {
    const device = await testDevice();
    t.teardown(device.close);
    device.runtime.behaviour = (name) => ({ exitAfterMs: 10, exitCode: codes[name === "a" ? 0 : 1] });
    await device.put(pod("job", { restartPolicy: policy, containers: [container("a"), container("b")] }));
    await device.clock.until(() => device.told("job")?.status !== undefined && device.status("job").phase === phase && conditions(device.status("job"))["PodReadyToStartContainers"] === "False");
    const reason = phase === "Succeeded" ? "PodCompleted" : "PodFailed";
    t.deepEqual(conditions(device.status("job")), {
      PodReadyToStartContainers: "False",
      Initialized: phase === "Succeeded" ? "True PodCompleted" : "True",
      Ready: `False ${reason}`,
      ContainersReady: `False ${reason}`,
      PodScheduled: "True",
    });
    t.is(device.status("job").containerStatuses?.every(({ restartCount }) => restartCount === 0), true);
  });
}

test("an image that cannot be pulled is retried with growing delays and shown as such", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.pullable = new Set();
  await device.put(pod("web"));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").containerStatuses?.[0]?.state?.waiting?.reason === "ErrImagePull");
  await device.clock.advance(5000);
  const state = device.status("web").containerStatuses?.[0]?.state;
  t.is(state?.waiting?.reason, "ImagePullBackOff");
  t.is(state?.waiting?.message, 'Back-off pulling image "example.com/app:1": ErrImagePull: example.com/app:1: not found');
  t.is(device.status("web").phase, "Pending");
  device.runtime.pullable = undefined;
  await device.clock.until(() => device.status("web").phase === "Running");
  t.is(device.runtime.calls.filter((call) => call.startsWith("pull")).length, 2);
});

test("pull policy Never with a missing image says so", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web", { containers: [container("main", { imagePullPolicy: "Never" })] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").containerStatuses?.[0]?.state?.waiting?.reason === "ErrImageNeverPull");
  t.is(device.runtime.calls.filter((call) => call.startsWith("pull")).length, 0);
});

test("a deleted pod gets its grace period, then nothing of it is left", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const web = pod("web");
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  device.runtime.onTerm = () => ({ afterMs: 8000, exitCode: 0 });
  await device.put(deleted(web, 20));
  await device.clock.advance(3000);
  t.is(device.status("web").phase, "Running");
  t.is(conditions(device.status("web"))["Ready"], "True");
  await device.clock.until(() => device.told("web")?.gone === true);
  t.is(device.status("web").phase, "Succeeded");
  t.deepEqual(device.runtime.containers(), []);
  t.deepEqual(await device.runtime.pods(), []);
  t.true(device.happened().some(({ reason, message }) => reason === "Killing" && message === "Stopping container main"));
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("stop ")), ["stop main 20"]);
});

test("a second deletion shortens the grace period", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const web = pod("web");
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  device.runtime.onTerm = () => "ignore";
  await device.put(deleted(web, 60));
  await device.clock.advance(2000);
  const before = device.clock.monotonic();
  await device.put({ ...deleted(web, 1), metadata: { ...deleted(web, 1).metadata, resourceVersion: "9" } });
  await device.clock.until(() => device.told("web")?.gone === true);
  t.true(device.clock.monotonic() - before < 10_000);
  t.like(device.status("web").containerStatuses?.[0]?.state?.terminated, { exitCode: 137 });
});

test("sidecars stop after the containers, from last to first", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name) => (name === "main" ? { exitAfterMs: 2000, exitCode: 0 } : undefined);
  await device.put(pod("job", { restartPolicy: "Never", initContainers: [container("s1", { restartPolicy: "Always" }), container("s2", { restartPolicy: "Always" })] }));
  await device.clock.until(() => device.told("job")?.status !== undefined && device.status("job").phase === "Succeeded");
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("stop ")), ["stop s2 30", "stop s1 30"]);
});

test("activeDeadlineSeconds ends a pod with reason DeadlineExceeded", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("job", { activeDeadlineSeconds: 4 }));
  await device.clock.until(() => device.told("job")?.status !== undefined && device.status("job").phase === "Failed" || device.status("job").phase === "Succeeded");
  t.like(device.status("job"), { phase: "Failed", reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" });
});

test("a restarted agent adopts what runs and restarts nothing", async (t) => {
  const device = await testDevice();
  await device.put(pod("web"), pod("other"));
  await device.clock.until(() => device.runtime.containers().filter(({ state }) => state === "running").length === 2);
  const calls = [...device.runtime.calls];
  const again = await device.restart();
  t.teardown(again.close);
  await again.clock.advance(60_000);
  t.deepEqual(again.runtime.calls, calls);
  t.is(again.status("web").phase, "Running");
});

test("after a power cut without network the pods come back from the device's own disk", async (t) => {
  const device = await testDevice();
  await device.put(pod("web"), pod("job", { restartPolicy: "Never" }));
  await device.clock.until(() => device.runtime.containers().filter(({ state }) => state === "running").length === 2);
  device.runtime.reboot();
  const again = await device.restart();
  t.teardown(again.close);
  await again.clock.until(() => again.told("web")?.status !== undefined && again.status("web").phase === "Running");
  t.is(again.status("web").containerStatuses?.[0]?.restartCount, 1);
  t.is(again.status("job").phase, "Failed");
});

test("what nobody wants is stopped, but not by a device that was never told anything", async (t) => {
  const device = await testDevice();
  const web = pod("web");
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  const amnesic = await testDevice({ clock: device.clock, runtime: device.runtime });
  t.teardown(amnesic.close);
  const closing = device.agent.close();
  await amnesic.clock.advance(60_000);
  await closing;
  t.is(amnesic.runtime.containers().filter(({ state }) => state === "running").length, 1);
  await amnesic.desired.apply({ full: true, put: [], drop: [] });
  await amnesic.clock.until(() => amnesic.runtime.containers().length === 0);
  t.pass();
});

test("a changed image replaces the container in its pod", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web"));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  await device.put(pod("web", { containers: [container("main", { image: "example.com/app:2" })] }, { resourceVersion: "2", generation: 2 }));
  await device.clock.until(() => device.runtime.calls.includes("start main#1"));
  t.true(device.happened().some(({ reason, message }) => reason === "Killing" && message === "Container main definition changed, will be restarted"));
  t.is(device.runtime.containers().find(({ attempt }) => attempt === 1)?.image, "example.com/app:2");
});

test("a missing ConfigMap is CreateContainerConfigError until it is there", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const env = [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }];
  await device.put(pod("web", { containers: [container("main", { env })] }));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
  t.is(device.status("web").containerStatuses?.[0]?.state?.waiting?.message, 'configmap "c" not found');
  await device.put({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default", uid: "c", resourceVersion: "1" }, data: { k: "v" } });
  await device.clock.until(() => device.status("web").phase === "Running");
  t.deepEqual(device.runtime.plans.at(-1)?.env, [{ name: "A", value: "v" }]);
});

test("a missing Secret of a volume delays the sandbox and is told as FailedMount", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web", { volumes: [{ name: "s", secret: { secretName: "keys" } }, { name: "unused", secret: { secretName: "nobody-needs-it" } }], containers: [container("main", { volumeMounts: [{ name: "s", mountPath: "/s" }] })] }));
  await device.clock.until(() => device.happened().some(({ reason }) => reason === "FailedMount"));
  t.is(conditions(device.status("web"))["PodReadyToStartContainers"], "False");
  t.deepEqual(device.status("web").containerStatuses?.[0]?.state, { waiting: { reason: "ContainerCreating" } });
  t.deepEqual(device.runtime.calls, []);
  await device.put({ apiVersion: "v1", kind: "Secret", metadata: { name: "keys", namespace: "default", uid: "s", resourceVersion: "1" }, data: { k: "dg==" } });
  await device.clock.until(() => device.status("web").phase === "Running");
  t.pass();
});

test("a failing sandbox is retried and told", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.failures.set("startSandbox", "no address left");
  await device.put(pod("web"));
  await device.clock.until(() => device.happened().some(({ reason, message }) => reason === "FailedCreatePodSandBox" && message === "Failed to create pod sandbox: no address left"));
  device.runtime.failures.clear();
  await device.clock.until(() => device.status("web").phase === "Running");
  t.pass();
});

test("a runtime that does not answer is no reason to start pods twice", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  await device.put(pod("web"));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  device.runtime.failures.set("pods", "connection refused");
  await device.clock.advance(120_000);
  device.runtime.failures.clear();
  await device.clock.advance(30_000);
  t.deepEqual(device.runtime.calls.filter((call) => call.startsWith("start")), ["start main#0"]);
});

test("an idle device reports nothing and writes nothing", async (t) => {
  let writes = 0;
  const device = await testDevice({ file: { read: async () => undefined, write: async () => void writes++ } });
  t.teardown(device.close);
  await device.put(pod("web"));
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").phase === "Running");
  device.told("web");
  const before = writes;
  await device.clock.advance(600_000);
  t.is(device.report.next(), undefined);
  t.is(device.events.size(), 0);
  t.is(writes, before);
});

for (const [what, spec, reason, message] of [
  ["more CPU than there is", { containers: [container("main", { resources: { requests: { cpu: "5" } } })] }, "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000"],
  ["more memory than there is", { containers: [container("main", { resources: { requests: { memory: "2Gi" } } })] }, "OutOfmemory", undefined],
  ["another operating system", { os: { name: "windows" } }, "PodOSNotSupported", undefined],
] as const) {
  test(`a pod that wants ${what} is refused with ${reason}`, async (t) => {
    const device = await testDevice();
    t.teardown(device.close);
    await device.put(pod("big", spec));
    await device.clock.until(() => device.told("big")?.status !== undefined);
    const status = device.status("big");
    t.like(status, { phase: "Failed", reason });
    if (message !== undefined) t.is(status.message, message);
    t.is(status.containerStatuses, undefined);
    t.deepEqual(device.runtime.calls, []);
    t.true(device.happened().some((event) => event.reason === reason));
  });
}

test("the second pod with a host port is refused, and gets it when the first is gone", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const withPort = (name: string) => pod(name, { containers: [container("main", { ports: [{ containerPort: 80, hostPort: 80 }] })] });
  await device.put(withPort("first"));
  await device.clock.until(() => device.told("first")?.status !== undefined && device.status("first").phase === "Running");
  await device.put(withPort("second"));
  await device.clock.until(() => device.told("second")?.status !== undefined);
  t.like(device.status("second"), { phase: "Failed", reason: "NodePorts" });
  await device.put(deleted(withPort("first")));
  await device.clock.until(() => device.told("first")?.gone === true);
  await device.drop(withPort("first"));
  await device.put(withPort("third"));
  await device.clock.until(() => device.told("third")?.status !== undefined && device.status("third").phase === "Running");
  t.pass();
});

test("a pod that is deleted before all of its containers ran ends as failed and leaves nothing", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name) => (name === "stays" ? undefined : { exitAfterMs: 10, exitCode: 0 });
  const env = [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }];
  const web = pod("web", { restartPolicy: "Never", initContainers: [container("init")], containers: [container("quick"), container("stuck", { env })] });
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").containerStatuses?.[1]?.state?.waiting?.reason === "CreateContainerConfigError");
  await device.clock.until(() => device.status("web").containerStatuses?.[0]?.state?.terminated !== undefined);
  await device.put(deleted(web, 5));
  const states = new Set<string>();
  await device.clock.until(() => {
    states.add(Object.keys(device.status("web").containerStatuses?.[0]?.state ?? {})[0] ?? "");
    return device.told("web")?.gone === true;
  });
  t.deepEqual([...states], ["terminated"], "a container that has ended is never shown as anything else");
  t.is(device.status("web").phase, "Failed");
});
