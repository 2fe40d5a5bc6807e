/** What is cleared away while another pod starts. */
import test from "ava";
import { sleep } from "../../core/api/clock.ts";
import { container, pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

const NAMES = ["one", "two", "three"] as const;

/** Three pods run; how many stops of sandboxes go on, and the most of them at a time. */
async function threePods(t: { teardown(end: () => unknown): void }, stuck?: string) {
  const device = await testDevice();
  t.teardown(device.close);
  const { runtime, clock } = device;
  for (const name of NAMES) await device.put(pod(name));
  await clock.until(() => runtime.running().length === NAMES.length);
  const seen = { now: 0, most: 0 };
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  t.teardown(release);
  const stop = runtime.stopSandbox;
  runtime.stopSandbox = async (id) => {
    seen.most = Math.max(seen.most, ++seen.now);
    const of = (await runtime.pods()).find(({ sandboxId }) => sandboxId === id)?.name;
    await (of === stuck ? released : sleep(clock, 500));
    seen.now--;
    await stop(id);
  };
  const deleteAll = async () => {
    for (const name of NAMES) await device.drop(pod(name));
  };
  return { device, seen, deleteAll };
}

/** Its image is being pulled for as long as anybody looks. */
async function startSlowly(device: TestDevice): Promise<void> {
  device.runtime.pullImage = (_reference, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
  await device.put(pod("slow", { containers: [container("main", { image: "example.com/large:1" })] }));
  await device.clock.until(() => device.runtime.calls.includes("sandbox slow#0"));
}

const left = async ({ runtime }: TestDevice) => (await runtime.pods()).map(({ name }) => name).filter((name) => name !== "slow");

test("all at once where nothing starts", async (t) => {
  const { device, seen, deleteAll } = await threePods(t);
  await deleteAll();
  await device.clock.until(async () => (await left(device)).length === 0);
  t.is(seen.most, NAMES.length);
});

test("one by one beside a start, and none for ever", async (t) => {
  const { device, seen, deleteAll } = await threePods(t);
  await startSlowly(device);
  await deleteAll();
  await device.clock.until(async () => (await left(device)).length === 0, 60_000);
  t.is(seen.most, 1);
});

test("one that is stuck holds up no other", async (t) => {
  const { device, deleteAll } = await threePods(t, "one");
  await startSlowly(device);
  await deleteAll();
  await device.clock.until(async () => (await left(device)).join() === "one", 120_000);
  t.pass();
});
