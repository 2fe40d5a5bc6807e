/** Static pods of a device, as the API shows them. */
import test from "ava";
import type { Authorizer } from "../../core/auth/auth.ts";
import { PODS } from "../../core/api/resources.gen.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import { plane, podOn } from "./plane.ts";

/** A server that lets nodes show static pods; admission says which pods those are (NodeRestriction). */
const grants: Authorizer = {
  async authorize(attributes) {
    const allowed = !("path" in attributes) && attributes.verb === "create" && attributes.resource.plural === "pods";
    return allowed ? { allowed, reason: "" } : { allowed: false, denied: false, reason: "" };
  },
};
const key = { namespace: "default", name: "web-dev1" };
const manifest = { apiVersion: "v1", kind: "Pod", metadata: { ...key, uid: "of-the-device", annotations: { "kubernetes.io/config.source": "file" } }, spec: { nodeName: "dev1", containers: [{ name: "main", image: "a" }] } } as unknown as AnyObject;
const report = (uid: string, phase: string) => ({ ...key, uid, mirror: manifest, status: { phase } as unknown as AnyObject });

test("a static pod is shown as a mirror of its node's, with the status of what runs", async (t) => {
  const { admin, clock, device, node, complaints } = await plane(t, { grants });
  const dev = device("dev1");
  await clock.advance(2_000);
  const seq = await dev.observe([report("hash-1", "Running")]);
  await clock.advance(200);
  t.is(dev.accepted(), seq);
  const shown = await admin.get(PODS, key);
  t.is(shown.metadata.annotations?.["kubernetes.io/config.mirror"], "hash-1");
  t.not(shown.metadata.uid, "of-the-device");
  t.like(shown.metadata.ownerReferences?.[0], { kind: "Node", name: "dev1", uid: (await node("dev1")).metadata.uid, controller: true });
  t.is(shown.status?.phase, "Running");
  await dev.observe([report("hash-1", "Failed")]);
  await clock.advance(200);
  const again = await admin.get(PODS, key);
  t.is(again.status?.phase, "Failed");
  t.is(again.metadata.uid, shown.metadata.uid);
  t.deepEqual(complaints, []);
});

test("a mirror that is being deleted, or that shows another manifest, is made anew", async (t) => {
  const { admin, clock, device } = await plane(t, { grants });
  const dev = device("dev1");
  await clock.advance(2_000);
  await dev.observe([report("hash-1", "Running")]);
  await clock.advance(200);
  const first = (await admin.get(PODS, key)).metadata.uid;
  await admin.delete(PODS, key, { gracePeriodSeconds: 30 });
  t.not((await admin.get(PODS, key)).metadata.deletionTimestamp, undefined);
  await clock.advance(200);
  await dev.observe([report("hash-1", "Running")]);
  await clock.advance(200);
  const second = await admin.get(PODS, key);
  t.not(second.metadata.uid, first);
  t.is(second.metadata.deletionTimestamp, undefined);
  await dev.observe([report("hash-2", "Pending")]);
  await clock.advance(200);
  t.is((await admin.get(PODS, key)).metadata.annotations?.["kubernetes.io/config.mirror"], "hash-2");
});

test("a mirror goes with its file; what has taken the name meanwhile stays", async (t) => {
  const { admin, clock, device } = await plane(t, { grants });
  const dev = device("dev1");
  await clock.advance(2_000);
  await dev.observe([report("hash-1", "Running")]);
  await clock.advance(200);
  await dev.observe([{ ...key, uid: "hash-0", gone: true }]);
  await clock.advance(200);
  t.truthy(await admin.get(PODS, key), "the end of an older manifest");
  await dev.observe([{ ...key, uid: "hash-1", gone: true }]);
  await clock.advance(200);
  await t.throwsAsync(admin.get(PODS, key), { message: /not found/ });
  const own = await admin.create(PODS, podOn("dev1", key.name));
  await clock.advance(200);
  await dev.observe([report("hash-1", "Failed")]);
  await clock.advance(200);
  const kept = await admin.get(PODS, key);
  t.is(kept.metadata.uid, own.metadata.uid);
  t.not(kept.status?.phase, "Failed");
});
