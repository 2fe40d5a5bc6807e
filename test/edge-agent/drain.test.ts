/** A device that is shut down: it stops its pods, and leaves nothing behind that runs. */
import test from "ava";
import { sleep } from "../../core/api/clock.ts";
import { pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

const ready = async ({ runtime }: TestDevice) => (await runtime.pods()).filter((each) => each.ready).map(({ name }) => name);

/** Time goes on until the agent is closed. */
async function shutDown({ agent, clock }: TestDevice): Promise<void> {
  let over = false;
  void agent.close({ drain: true }).finally(() => (over = true));
  await clock.until(() => over);
}

test("every pod is stopped, also one whose container the runtime fails to stop", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  for (const name of ["one", "two"]) await device.put(pod(name));
  await device.clock.until(() => device.runtime.running().length === 2);
  const [stuck] = (await device.runtime.pods())[0]?.containers ?? [];
  const { stopContainer } = device.runtime;
  device.runtime.stopContainer = (id, grace) => (id === stuck?.id ? Promise.reject(new Error("ttrpc: closed")) : stopContainer(id, grace));
  await shutDown(device);
  t.deepEqual(await ready(device), []);
});

test("a sandbox that is on its way when the device is shut down is stopped when it is there", async (t) => {
  const device = await testDevice();
  t.teardown(device.close);
  const { startSandbox } = device.runtime;
  let asked = false;
  device.runtime.startSandbox = async (...args) => {
    asked = true;
    await sleep(device.clock, 2_000);
    return startSandbox(...args);
  };
  await device.put(pod("late"));
  await device.clock.until(() => asked);
  await shutDown(device);
  t.deepEqual(await ready(device), []);
});
