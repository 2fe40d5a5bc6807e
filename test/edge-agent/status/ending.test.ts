/** What the status says while a pod ends and after it has. */
import test from "ava";
import { container, deleted, pod } from "../support/pods.ts";
import { testDevice } from "../support/device.ts";

const keep = { finalizers: ["example.com/keep"] };

test("a pod has ended when its sandbox has, and the conditions say so before", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const seen: string[] = [];
  device.runtime.behaviour = () => ({ exitAfterMs: 1_000, exitCode: 0 });
  await device.put(pod("job", { restartPolicy: "Never" }));
  await device.clock.until(() => {
    if (device.told("job")?.status === undefined) return false;
    const { phase, conditions = [] } = device.status("job");
    const ready = conditions.find(({ type }) => type === "PodReadyToStartContainers")?.status;
    if (seen.at(-1) !== `${phase} ${ready}`) seen.push(`${phase} ${ready}`);
    return phase === "Succeeded";
  });
  t.false(seen.includes("Succeeded True"), seen.join(", "));
  t.is(seen.at(-1), "Succeeded False");
});

test("containers that never came to be are shown as lost when their pod ends", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const web = pod("web", { containers: [container("main", { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "none", key: "k" } } }] })] }, keep);
  await device.put(web);
  await device.clock.until(() => device.told("web")?.status !== undefined && device.status("web").containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
  await device.put(deleted(web, 5));
  await device.clock.until(() => device.status("web").phase === "Failed");
  const { containerStatuses = [], conditions = [] } = device.status("web");
  t.like(containerStatuses[0]?.state?.terminated, { exitCode: 137, reason: "ContainerStatusUnknown", message: "The container could not be located when the pod was terminated" });
  t.is(conditions.find(({ type }) => type === "Ready")?.reason, "ContainersNotReady");
});

test("an init container starts again by a rule of its own although its pod never restarts", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  device.runtime.behaviour = (name, attempt) => ({ exitAfterMs: 10, exitCode: name === "init" && attempt === 0 ? 42 : 0 });
  const init = container("init", { restartPolicy: "Never", restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }] });
  await device.put(pod("job", { restartPolicy: "Never", initContainers: [init] }));
  await device.clock.until(() => device.told("job")?.status !== undefined && device.status("job").phase !== "Pending" && device.status("job").phase !== "Running");
  t.is(device.status("job").phase, "Succeeded");
  t.is(device.status("job").initContainerStatuses?.[0]?.restartCount, 1);
});
