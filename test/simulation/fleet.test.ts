/**
 * A fleet through everything that happens in the field, from seeds. Whatever happened, once it is over the cluster has to
 * come to rest as the user asked: each Deployment with its replicas running, nothing running twice, nothing running that
 * nobody wants.
 */
import test from "ava";
import { DEPLOYMENTS } from "../../core/api/resources.gen.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import { simulate, type SimulatedDevice, type World } from "./world.ts";

const tolerations = ["unreachable", "not-ready"].map((key) => ({
  key: `node.kubernetes.io/${key}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 30,
}));

function deployment(name: string, replicas: number) {
  const labels = { app: name };
  const spec = { automountServiceAccountToken: false, tolerations, terminationGracePeriodSeconds: 5, containers: [{ name: "main", image: "image:1" }] };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "default" }, spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } } };
}

const isRunning = (pod: Pod) => pod.status?.phase === "Running" && pod.metadata.deletionTimestamp === undefined;

/** What runs on the devices themselves, "node/pod", whatever the API believes. */
function onDevices(devices: readonly SimulatedDevice[]): readonly string[] {
  return devices.flatMap(({ name, runtime }) => runtime.running().map((pod) => `${name}/${pod}`)).toSorted();
}

async function atRest(sim: World, devices: readonly SimulatedDevice[], wanted: ReadonlyMap<string, number>): Promise<boolean> {
  const pods = await sim.pods();
  for (const [app, replicas] of wanted) {
    const mine = pods.filter((pod) => pod.metadata.labels?.["app"] === app);
    if (mine.length !== replicas || !mine.every(isRunning)) return false;
  }
  const expected = pods.map((pod) => `${pod.spec?.nodeName}/${pod.metadata.name}`).toSorted();
  return JSON.stringify(onDevices(devices)) === JSON.stringify(expected);
}

test("a Deployment lands on devices, moves off a lost one, and nothing runs twice when it is back", async (t) => {
  const sim = await simulate(t, 1);
  const devices = [await sim.device("one"), await sim.device("two")];
  await sim.admin.create(DEPLOYMENTS, deployment("web", 4));
  const wanted = new Map([["web", 4]]);
  await sim.clock.until(() => atRest(sim, devices, wanted), 60_000);

  sim.network.partition(true, "one");
  await sim.clock.until(async () => (await sim.pods()).filter((pod) => pod.spec?.nodeName === "two" && isRunning(pod)).length === 4, 300_000);
  // what the lost device ran still runs there: nobody could tell it
  t.true(onDevices(devices).some((one) => one.startsWith("one/")));

  sim.network.partition(false, "one");
  await sim.clock.until(() => atRest(sim, devices, wanted), 300_000);
  t.deepEqual(sim.complaints, []);
});

test("a link that comes back restarts nothing", async (t) => {
  const sim = await simulate(t, 2);
  const devices = [await sim.device("one")];
  await sim.admin.create(DEPLOYMENTS, deployment("web", 3));
  const wanted = new Map([["web", 3]]);
  await sim.clock.until(() => atRest(sim, devices, wanted), 60_000);
  const before = devices[0]?.runtime.calls.length;
  for (let round = 0; round < 5; round++) {
    sim.network.partition(true);
    await sim.clock.advance(20_000);
    sim.network.partition(false);
    await sim.clock.advance(60_000);
    await sim.restartHub();
    await sim.clock.advance(60_000);
  }
  await sim.clock.until(() => atRest(sim, devices, wanted), 300_000);
  t.is(devices[0]?.runtime.calls.length, before);
});

type Trouble = (sim: World, device: SimulatedDevice) => Promise<void>;

const troubles: readonly Trouble[] = [
  async (sim, { name }) => sim.network.partition(true, name),
  async (sim, { name }) => sim.network.partition(false, name),
  async (sim, { name }) => sim.network.reset(name),
  async (sim) => sim.network.restart(5_000),
  async (sim) => sim.network.faults({ loss: 0.5, duplicate: 0.1, reorder: 0.1, delay: { from: 10, to: 2_000 } }),
  async (sim) => sim.network.faults({}),
  async (sim) => sim.restartHub(),
  async (_sim, device) => device.restartAgent(),
  async (_sim, device) => device.powerCut(20_000),
];

/** More seeds than this run as a campaign: LICHEN_SEEDS=1000. */
const SEEDS = Number(process.env["LICHEN_SEEDS"] ?? 6);

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: after any trouble the fleet comes to rest as asked`, async (t) => {
    const sim = await simulate(t, seed);
    const devices = [await sim.device("one"), await sim.device("two"), await sim.device("three")];
    const wanted = new Map<string, number>();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(sim.chance() * list.length)] as T;
    for (let step = 0; step < 12; step++) {
      const app = pick(["a", "b"]);
      const replicas = Math.floor(sim.chance() * 4);
      if (!wanted.has(app)) await sim.admin.create(DEPLOYMENTS, deployment(app, replicas));
      else await sim.admin.patch(DEPLOYMENTS, { namespace: "default", name: app }, { type: "merge", patch: { spec: { replicas } } });
      wanted.set(app, replicas);
      await pick(troubles)(sim, pick(devices));
      await sim.clock.advance(Math.floor(sim.chance() * 90_000));
    }
    sim.network.faults({});
    sim.network.partition(false);
    await sim.clock.until(() => atRest(sim, devices, wanted), 1_800_000);
    t.deepEqual(sim.complaints, []);
  });
}
