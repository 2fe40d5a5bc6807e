import test from "ava";
import type { ExecutionContext } from "ava";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import { simulate } from "../simulation/world.ts";
import type { SimulatedDevice } from "../simulation/world.ts";

async function world(t: ExecutionContext) {
  const sim = await simulate(t, 1);
  const bind = async (name: string, node: string, annotations: Record<string, string>) => {
    await sim.admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", annotations }, spec: { nodeName: node, containers: [{ name: "c", image: "example.com/c:1" }] } }, { namespace: "default" });
  };
  return { sim, bind };
}

function hear(device: SimulatedDevice, filter = "#", namespace = "default"): string[] {
  const heard: string[] = [];
  device.messages.subscribe(namespace, filter, ({ topic, payload }) => void heard.push(`${topic} ${Buffer.from(payload).toString()}`));
  return heard;
}

const message = (pod: string, topic: string, payload: string) => ({ namespace: "default", pod, topic, payload: Buffer.from(payload) });

test("a message goes to devices with a pod that may hear it, and to no other", async (t) => {
  const { sim, bind } = await world(t);
  const [from, to, other] = [await sim.device("from"), await sim.device("to"), await sim.device("other")];
  await sim.clock.until(async () => (await sim.admin.list(NODES, {})).items.filter(({ status }) => status?.conditions?.some((one) => one.type === "Ready" && one.status === "True")).length === 3);
  await bind("sensor", "from", { "wasi.lichen.dev/publish": "plant/+" });
  await bind("screen", "to", { "wasi.lichen.dev/subscribe": "plant/#" });
  await bind("stranger", "other", { "wasi.lichen.dev/subscribe": "weather" });
  const [here, there, elsewhere] = [hear(from), hear(to), hear(other)];
  await sim.clock.advance(5000);
  from.messages.publish(message("sensor", "plant/a", "21"));
  await sim.clock.until(() => there.length > 0);
  t.deepEqual([here, there, elsewhere], [["plant/a 21"], ["plant/a 21"], []]);

  // a device that was taken over: a topic that was not granted, a pod that is not its own
  from.messages.publish(message("sensor", "weather", "storm"));
  other.messages.publish(message("sensor", "plant/a", "999"));
  from.messages.publish(message("sensor", "plant/b", "22"));
  await sim.clock.until(() => there.length > 1);
  t.deepEqual([there, elsewhere], [["plant/a 21", "plant/b 22"], ["plant/a 999"]]);
});
