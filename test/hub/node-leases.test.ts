import test from "ava";
import { LEASES, NODES } from "../../core/api/resources.gen.ts";
import { isReason } from "../../core/api/status.ts";
import type { Lease, Node } from "../../core/api/types.gen.ts";
import { nextLease, periodOf } from "../../core/hub/node-leases.ts";
import { plane } from "./plane.ts";

const NAMESPACE = "kube-node-lease";
const expired = ({ spec }: Lease, now: number) => Date.parse(spec?.renewTime ?? "") + (spec?.leaseDurationSeconds ?? 0) * 1_000 < now;

test("a node has a lease that holds while its device is there, is renewed, and ends with it", async (t) => {
  const { admin, clock, device, node } = await plane(t);
  const lease = () => admin.get(LEASES, { namespace: NAMESPACE, name: "dev1" });
  const dev1 = device("dev1");
  await clock.advance(3_000);
  const first = await lease();
  t.is(first.spec?.holderIdentity, "dev1");
  t.like(first.metadata.ownerReferences, [{ apiVersion: "v1", kind: "Node", name: "dev1", uid: (await node("dev1")).metadata.uid }]);
  t.false(expired(first, clock.now()));

  await clock.advance(300_000);
  const second = await lease();
  t.true((second.spec?.renewTime ?? "") > (first.spec?.renewTime ?? ""), "within the five minutes that clients wait");
  await clock.advance(3_600_000);
  t.false(expired(await lease(), clock.now()));

  await dev1.stop();
  await clock.advance(15_000);
  t.true(expired(await lease(), clock.now()), "who waits for the end of the lease knows as soon as the node does");
  device("dev1");
  await clock.advance(5_000);
  t.false(expired(await lease(), clock.now()));
});

test("a lease that somebody took away is there again, one of a deleted node is not written", async (t) => {
  const { admin, clock, device } = await plane(t);
  const lease = () => admin.get(LEASES, { namespace: NAMESPACE, name: "dev1" });
  const dev1 = device("dev1");
  await clock.advance(3_000);
  await admin.delete(LEASES, { namespace: NAMESPACE, name: "dev1" });
  await clock.advance(periodOf(1));
  t.is((await lease()).spec?.holderIdentity, "dev1");

  await dev1.stop();
  await admin.delete(NODES, { name: "dev1" });
  await admin.delete(LEASES, { namespace: NAMESPACE, name: "dev1" });
  await clock.advance(2 * periodOf(1));
  t.true(isReason(await lease().then(() => undefined, (error: unknown) => error), "NotFound"));
});

const node = (ready: string | undefined): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name: "n", uid: "u" }, spec: {}, status: ready === undefined ? {} : { conditions: [{ type: "Ready", status: ready }] } });
const at = (now: number) => ({ now, periodMs: 240_000 });

test("a device that is not ready is there all the same; one that never said anything has no lease", (t) => {
  t.truthy(nextLease(undefined, node("False"), at(0)));
  t.is(nextLease(undefined, node(undefined), at(0)), undefined);
  t.is(nextLease(undefined, node("Unknown"), at(0)), undefined);
});

test("what is as it should be is not written again", (t) => {
  const granted = nextLease(undefined, node("True"), at(0));
  t.is(granted?.spec?.leaseDurationSeconds, 960);
  t.is(nextLease(granted, node("True"), at(1_000)), undefined);
  t.truthy(nextLease(granted, node("True"), at(240_000)));
  t.truthy(nextLease(granted, node("True"), at(-1_000)), "the clock was set back");
  t.truthy(nextLease(granted, { ...node("True"), metadata: { name: "n", uid: "another" } }, at(1_000)), "a node that was made anew");
  const ended = nextLease(granted, node("Unknown"), at(1_000));
  t.is(ended?.spec?.leaseDurationSeconds, 1);
  t.is(ended?.spec?.renewTime, granted?.spec?.renewTime, "when it was last vouched for");
  t.is(nextLease(ended, node("Unknown"), at(2_000)), undefined);
});

test("the more nodes, the more rarely", (t) => {
  t.is(periodOf(0), 240_000);
  t.is(periodOf(12), 240_000);
  t.is(periodOf(1_000) / 240_000, 84);
});
