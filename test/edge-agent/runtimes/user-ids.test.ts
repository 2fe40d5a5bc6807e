import test from "ava";
import { IDS_PER_POD, userIds, userNamespace } from "../../../edge-agent/runtimes/containerd/user-ids.ts";

test("each pod has a block of its own, keeps it, and gives it back", async (t) => {
  const ids = userIds(async () => [["earlier", 2 * IDS_PER_POD]]);
  const [a, b] = await Promise.all([ids.claim("a"), ids.claim("b")]);
  t.deepEqual([a, b], [IDS_PER_POD, 3 * IDS_PER_POD], "the block of a pod from before this agent is not free");
  t.is(await ids.claim("a"), IDS_PER_POD);
  t.is(await ids.claim("earlier"), 2 * IDS_PER_POD);
  ids.release("a");
  t.is(await ids.claim("c"), IDS_PER_POD);
});

test("a runtime that does not answer is asked again", async (t) => {
  let asked = 0;
  const ids = userIds(async () => {
    if (++asked === 1) throw new Error("connection refused");
    return [];
  });
  await t.throwsAsync(ids.claim("a"), { message: "connection refused" });
  t.is(await ids.claim("a"), IDS_PER_POD);
});

test("more pods than ids are told so", async (t) => {
  const ids = userIds(async () => Array.from({ length: 65_534 }, (_, index) => [`pod${index}`, (index + 1) * IDS_PER_POD] as const));
  await t.throwsAsync(ids.claim("one more"), { message: /no host ids are left/ });
});

test("root of the pod is the first id of its block", (t) => {
  t.deepEqual(userNamespace(131_072), { mode: 0, uids: [{ host_id: 131_072, container_id: 0, length: 65_536 }], gids: [{ host_id: 131_072, container_id: 0, length: 65_536 }] });
  t.deepEqual(userNamespace(undefined), { mode: 2 });
});
