import test from "ava";
import * as fc from "fast-check";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import { encodeEnvelope } from "../../core/wire/codec.ts";
import { plane, podOn } from "./plane.ts";

test("whatever bytes a device sends, the hub serves the others and touches nothing of theirs", async (t) => {
  const { admin, clock, device, network, ready } = await plane(t);
  const honest = device("honest");
  await clock.advance(2_000);
  const pod = await admin.create(PODS, podOn("honest", "web"));
  await clock.advance(100);
  const before = (await admin.get(PODS, { namespace: "default", name: "web" })).metadata.resourceVersion;
  const evil = network.device("evil");
  await clock.advance(2_000);

  const body = fc.oneof(
    fc.record({ type: fc.constant("hello"), instance: fc.string(), agentVersion: fc.string(), have: fc.array(fc.tuple(fc.string(), fc.string(), fc.string(), fc.string(), fc.string()), { maxLength: 3 }) }),
    fc.record({
      type: fc.constant("observed"),
      full: fc.boolean(),
      node: fc.record({ labels: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), status: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }) }),
      pods: fc.array(fc.record({ namespace: fc.constant("default"), name: fc.constant("web"), uid: fc.constant(pod.metadata.uid), status: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), gone: fc.boolean() }), { maxLength: 3 }),
      events: fc.constant([]),
    }),
    fc.record({ type: fc.constantFrom("resync", "pong", "renew", "token", "desired") }),
    fc.jsonValue(),
  );
  let seq = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), body), async (message) => {
      const payload = message instanceof Uint8Array ? message : encodeEnvelope({ v: 1, session: "evil", seq: ++seq, at: 0, body: message });
      if (typeof message === "object" && message !== null && "type" in message && message.type === "hello") seq = 1;
      await evil.publish(payload).catch(() => {});
      await clock.advance(60);
    }),
    { numRuns: 300 },
  );
  await clock.advance(30_000);
  t.is((await admin.get(PODS, { namespace: "default", name: "web" })).metadata.resourceVersion, before);
  t.is(await ready("honest"), "True");
  const { items } = await admin.list(NODES);
  t.true(items.every(({ metadata }) => metadata.name === "honest" || metadata.name === "evil"));
  const seen = await honest.observe([]);
  await clock.advance(100);
  t.is(honest.accepted(), seen);
});
