/** Whatever the network does while pods come and go: after it is quiet, each device has its set and the store its word. */
import test from "ava";
import * as fc from "fast-check";
import { CONFIG_MAPS, PODS } from "../../core/api/resources.gen.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import { isReason } from "../../core/api/status.ts";
import { plane, podOn, reportOf } from "./plane.ts";
import type { TestDevice } from "./plane.ts";

const NODES = ["dev0", "dev1", "dev2"];
const action = fc.oneof(
  fc.record({ type: fc.constant("create" as const), node: fc.constantFrom(...NODES), name: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ type: fc.constant("delete" as const), name: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ type: fc.constant("config" as const), value: fc.integer() }),
  fc.record({ type: fc.constant("faults" as const), loss: fc.double({ min: 0, max: 0.4, noNaN: true }), duplicate: fc.double({ min: 0, max: 0.3, noNaN: true }), reorder: fc.double({ min: 0, max: 0.3, noNaN: true }) }),
  fc.record({ type: fc.constant("cut" as const), node: fc.constantFrom(...NODES), cut: fc.boolean() }),
  fc.record({ type: fc.constant("reset" as const), node: fc.constantFrom(...NODES) }),
  fc.record({ type: fc.constant("hub" as const) }),
  fc.record({ type: fc.constant("broker" as const) }),
  fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
);

/** What an agent does: runs what it is told, says so, and says when a deleted pod is gone. */
function behave(dev: TestDevice): void {
  const told = new Map<string, string>();
  const tell = (objects: Iterable<AnyObject>) => {
    for (const object of objects) {
      if (object.kind !== "Pod") continue;
      const { uid = "", deletionTimestamp } = object.metadata;
      const word = deletionTimestamp === undefined ? "Running" : "gone";
      if (told.get(uid) === word) continue;
      told.set(uid, word);
      const report = reportOf(object as unknown as Pod, { phase: "Running" });
      dev.observe([word === "gone" ? { ...report, gone: true } : report]).catch(() => told.delete(uid));
    }
  };
  dev.session.onStart(() => {
    told.clear();
    tell(dev.objects.values());
  });
  dev.session.onMessage((body) => {
    if (body.type === "desired") tell(body.put);
  });
}

test("devices and store converge", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
      const ends: (() => Promise<void>)[] = [];
      const { admin, clock, device, network, restartHub, ready } = await plane({ teardown: (end) => void ends.push(end) });
      const devices = new Map(NODES.map((name) => [name, device(name)]));
      for (const dev of devices.values()) behave(dev);
      await admin.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "shared", namespace: "default" }, data: {} });
      const spec = { volumes: [{ name: "v", configMap: { name: "shared" } }] };
      for (const one of actions) {
        if (one.type === "create") await admin.create(PODS, podOn(one.node, `p${one.name}`, { spec })).catch((error: unknown) => t.true(isReason(error, "AlreadyExists")));
        if (one.type === "delete") await admin.delete(PODS, { namespace: "default", name: `p${one.name}` }).catch((error: unknown) => t.true(isReason(error, "NotFound")));
        if (one.type === "config") await admin.patch(CONFIG_MAPS, { namespace: "default", name: "shared" }, { type: "merge", patch: { data: { value: String(one.value) } } });
        if (one.type === "faults") network.faults({ ...one, delay: { from: 1, to: 300 } });
        if (one.type === "cut") network.partition(one.cut, one.node);
        if (one.type === "reset") network.reset(one.node);
        if (one.type === "hub") await restartHub();
        if (one.type === "broker") network.restart(3_000);
        await clock.advance(one.type === "wait" ? one.ms : 50);
      }
      network.faults({});
      network.partition(false);
      await clock.advance(400_000);

      const { items } = await admin.list(PODS, { namespace: "default" });
      for (const [name, dev] of devices) {
        const mine = items.filter((pod) => pod.spec?.nodeName === name);
        const has = [...dev.objects.values()].filter(({ kind }) => kind === "Pod");
        t.deepEqual(has.map(({ metadata }) => metadata.uid).toSorted(), mine.map(({ metadata }) => metadata.uid).toSorted());
        t.true(mine.every((pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.phase === "Running"));
        const config = await admin.get(CONFIG_MAPS, { namespace: "default", name: "shared" });
        if (mine.length > 0) t.deepEqual(dev.objects.get("v1/configmaps default shared")?.["data"], config["data" as never]);
        t.is(await ready(name), "True");
      }
      for (const end of ends) await end();
    }),
    { numRuns: 8 },
  );
});
