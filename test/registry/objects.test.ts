import test from "ava";
import { CONFIG_MAPS, CSI_DRIVERS, CSI_NODES, LEASES, NAMESPACES, NODES, PODS, PRIORITY_CLASSES, SECRETS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import { encodedOf } from "../../core/registry/encoded.ts";
import { setup } from "./setup.ts";

const configMap = (name: string, data: { readonly [key: string]: string } = { k: "v" }) => ({ metadata: { name }, data });
const inN = { namespace: "n" };
const a = { namespace: "n", name: "a" };

test("an object gets system metadata, and its bytes are its JSON", async (t) => {
  const { client } = await setup();
  const made = await client.create(CONFIG_MAPS, { metadata: { name: "a", uid: "mine", resourceVersion: "" }, data: { k: "v" } }, inN);
  t.not(made.metadata.uid, "mine");
  t.is(made.metadata.namespace, "n");
  t.regex(made.metadata.creationTimestamp ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  t.is(made.metadata.generation, undefined);
  t.deepEqual(JSON.parse(encodedOf(made).toString()), made);
  t.is(await client.get(CONFIG_MAPS, a), made, "one decoded object for all readers");
});

test("a second object of a name is refused, one in another namespace is not", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, configMap("a"), inN);
  await t.throwsAsync(client.create(CONFIG_MAPS, configMap("a"), inN), { message: 'configmaps "a" already exists' });
  await client.create(CONFIG_MAPS, configMap("a"), { namespace: "m" });
  await t.throwsAsync(client.create(CONFIG_MAPS, { metadata: { name: "b", namespace: "x" } }, inN), {
    message: "the namespace of the provided object does not match the namespace sent on the request",
  });
});

test("generateName tries other names when one is taken", async (t) => {
  const suffixes = ["aaaaa", "aaaaa", "bbbbb"];
  const entropy = { uid: () => "u", suffix: () => suffixes.shift() ?? "zzzzz", bytes: () => new Uint8Array(), fraction: () => 0 };
  const { client } = await setup({ entropy });
  const first = await client.create(CONFIG_MAPS, { metadata: { generateName: "x-" } }, inN);
  const second = await client.create(CONFIG_MAPS, { metadata: { generateName: "x-" } }, inN);
  t.deepEqual([first.metadata.name, second.metadata.name], ["x-aaaaa", "x-bbbbb"]);
});

test("a bad name and bad labels are reported together", async (t) => {
  const { client } = await setup();
  const error = await t.throwsAsync(client.create(CONFIG_MAPS, { metadata: { name: "A_", labels: { "a b": "c" } } }, inN), { instanceOf: ApiError });
  t.is(error?.reason, "Invalid");
  t.deepEqual(error?.details?.causes?.map(({ field }) => field), ["metadata.name", "metadata.labels"]);
});

test("an update must build on the stored version, names it, and is nothing when nothing changes", async (t) => {
  const { client } = await setup();
  const made = await client.create(CONFIG_MAPS, configMap("a"), inN);
  const changed = await client.update(CONFIG_MAPS, a, { ...made, data: { k: "w" } });
  t.is(changed.data?.["k"], "w");
  await t.throwsAsync(client.update(CONFIG_MAPS, a, { ...made, data: { k: "x" } }), { message: /the object has been modified/ });
  t.is(await client.update(CONFIG_MAPS, a, { ...changed }), changed, "no new version");
  await t.throwsAsync(client.update(CONFIG_MAPS, { ...a, name: "b" }, changed), { message: "the name of the object (a) does not match the name on the URL (b)" });
  await t.throwsAsync(client.update(CONFIG_MAPS, { ...a, name: "b" }, configMap("b")), { message: 'configmaps "b" not found' });
});

test("unconditional updates win, except for kinds that forbid them", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, configMap("a"), inN);
  t.is((await client.update(CONFIG_MAPS, a, configMap("a", { k: "x" }))).data?.["k"], "x");
  const lease = { metadata: { name: "a" }, spec: { holderIdentity: "h", leaseDurationSeconds: 15 } };
  const made = await client.update(LEASES, a, lease);
  t.truthy(made.metadata.uid, "leases are created by a PUT");
  await t.throwsAsync(client.update(LEASES, a, lease), { message: /must be specified for an update/ });
  await t.throwsAsync(client.update(LEASES, a, { ...made, metadata: { ...made.metadata, uid: "other" } }), { message: /Precondition failed: UID/ });
});

test("writers without a version take turns", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, configMap("a", {}), inN);
  const writers = Array.from({ length: 40 }, (_, index) => client.patch(CONFIG_MAPS, a, { type: "merge", patch: { data: { [`k${index}`]: "v" } } }));
  await Promise.all(writers);
  t.is(Object.keys((await client.get(CONFIG_MAPS, a)).data ?? {}).length, 40);
});

test("a dry run checks everything and stores nothing", async (t) => {
  const { client, store } = await setup();
  const made = await client.create(CONFIG_MAPS, configMap("a"), { ...inN, dryRun: true });
  t.is(made.metadata.resourceVersion, undefined);
  t.is(store.revision(), 0);
  await client.create(CONFIG_MAPS, configMap("a"), inN);
  await t.throwsAsync(client.create(CONFIG_MAPS, configMap("a"), { ...inN, dryRun: true }), { message: /already exists/ });
  await client.delete(CONFIG_MAPS, a, { dryRun: true });
  t.truthy(await client.get(CONFIG_MAPS, a));
});

test("the status of a node changes only through its subresource", async (t) => {
  const { client } = await setup();
  const node = await client.create(NODES, { metadata: { name: "n1" }, spec: { podCIDR: "10.0.0.0/24" } });
  const target = { name: "n1" };
  const status = { capacity: { cpu: "4" } };
  const reported = await client.update(NODES, { ...target, subresource: "status" }, { ...node, spec: { unschedulable: true }, status });
  t.deepEqual(reported.status?.capacity, { cpu: "4" });
  t.is(reported.spec?.unschedulable, undefined);
  const kept = await client.update(NODES, target, { ...reported, status: { capacity: { cpu: "8" } } });
  t.deepEqual(kept.status?.capacity, { cpu: "4" });
});

test("a deletion answers with a Status, and only for the right object", async (t) => {
  const { client } = await setup();
  const made = await client.create(SECRETS, { metadata: { name: "a" } }, inN);
  await t.throwsAsync(client.delete(SECRETS, a, { preconditions: { uid: "other" } }), { message: /the UID in the precondition \(other\) does not match/ });
  await t.throwsAsync(client.delete(SECRETS, a, { preconditions: { resourceVersion: "99" } }), { message: /the ResourceVersion in the precondition/ });
  const answer = await client.delete(SECRETS, a, { preconditions: { uid: made.metadata.uid ?? "" } });
  t.like(answer, { kind: "Status", status: "Success", details: { name: "a", kind: "secrets", uid: made.metadata.uid } });
  await t.throwsAsync(client.delete(SECRETS, a), { message: 'secrets "a" not found' });
});

test("finalizers hold an object until the last is gone; no new ones come", async (t) => {
  const { client } = await setup();
  await client.create(CONFIG_MAPS, { metadata: { name: "a", finalizers: ["x.io/y"] } }, inN);
  const marked = await client.delete(CONFIG_MAPS, a);
  t.truthy("deletionTimestamp" in marked.metadata);
  t.is(await client.delete(CONFIG_MAPS, a), marked, "a second deletion changes nothing");
  await t.throwsAsync(client.patch(CONFIG_MAPS, a, { type: "merge", patch: { metadata: { finalizers: ["x.io/y", "x.io/z"] } } }), {
    message: /no new finalizers can be added if the object is being deleted/,
  });
  await client.patch(CONFIG_MAPS, a, { type: "merge", patch: { metadata: { finalizers: null } } });
  await t.throwsAsync(client.get(CONFIG_MAPS, a), { message: /not found/ });
});

test("the propagation policy becomes a finalizer of the garbage collector", async (t) => {
  const { client } = await setup();
  for (const [policy, finalizer] of [["Orphan", "orphan"], ["Foreground", "foregroundDeletion"]] as const) {
    await client.create(CONFIG_MAPS, configMap(policy.toLowerCase()), inN);
    const marked = await client.delete(CONFIG_MAPS, { ...inN, name: policy.toLowerCase() }, { propagationPolicy: policy });
    t.deepEqual((marked as { metadata: { finalizers?: readonly string[] } }).metadata.finalizers, [finalizer]);
  }
});

test("a pod on a node has time to stop; a later deletion only shortens it", async (t) => {
  const { client } = await setup();
  const pod = { metadata: { name: "a" }, spec: { nodeName: "n1", containers: [{ name: "c", image: "x" }] } };
  await client.create(PODS, pod, inN);
  const grace = async (asked?: number) => {
    const answer = await client.delete(PODS, a, asked === undefined ? {} : { gracePeriodSeconds: asked });
    return (answer as { metadata: { deletionGracePeriodSeconds?: number } }).metadata.deletionGracePeriodSeconds;
  };
  t.is(await grace(), 30);
  t.is(await grace(5), 5);
  t.is(await grace(20), 5);
  t.is((await client.get(PODS, a)).metadata.generation, 2);
  t.is(await grace(0), 0);
  await t.throwsAsync(client.get(PODS, a), { message: /not found/ });
});

test("a namespace stays Terminating until its contents are gone", async (t) => {
  const { client } = await setup();
  await client.create(NAMESPACES, { metadata: { name: "x" }, spec: { finalizers: ["kubernetes"] } });
  const marked = await client.delete(NAMESPACES, { name: "x" });
  t.like(marked, { status: { phase: "Terminating" } });
  await client.update(NAMESPACES, { name: "x", subresource: "finalize" }, { ...marked, spec: { finalizers: [] } });
  await t.throwsAsync(client.get(NAMESPACES, { name: "x" }), { message: /not found/ });
});

test("a refusal names user, verb and place", async (t) => {
  const authorizer = { authorize: async () => ({ allowed: false, denied: false, reason: "" }) as const };
  const { client } = await setup({ authorizer });
  await t.throwsAsync(client.get(CONFIG_MAPS, a), {
    message: 'configmaps "a" is forbidden: User "admin" cannot get resource "configmaps" in API group "" in the namespace "n"',
  });
  await t.throwsAsync(client.list(NODES), { message: 'nodes is forbidden: User "admin" cannot list resource "nodes" in API group "" at the cluster scope' });
});

test("some kinds count only their birth, some only what follows", async (t) => {
  const { client } = await setup();
  const priority = await client.create(PRIORITY_CLASSES, { metadata: { name: "p" }, value: 1 });
  const described = await client.update(PRIORITY_CLASSES, { name: "p" }, { ...priority, description: "d" });
  t.deepEqual([priority.metadata.generation, described.metadata.generation], [1, 1]);
  const driver = await client.create(CSI_DRIVERS, { metadata: { name: "d" }, spec: {} });
  const later = await client.update(CSI_DRIVERS, { name: "d" }, { ...driver, spec: { ...driver.spec, requiresRepublish: true } });
  t.deepEqual([driver.metadata.generation, later.metadata.generation], [undefined, 1]);
});

test("an owner that is named twice is one owner, and whoever wrote it is told", async (t) => {
  const { client } = await setup();
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
  const warned: string[] = [];
  const warn = (text: string) => void warned.push(text);
  const made = await client.create(CONFIG_MAPS, { metadata: { name: "a", ownerReferences: [owner, owner] } }, { ...inN, warn });
  t.deepEqual(made.metadata.ownerReferences, [owner]);
  await client.update(CONFIG_MAPS, a, { ...made, metadata: { ...made.metadata, ownerReferences: [owner, { ...owner, name: "q" }, owner] } }, { warn });
  t.is(warned.length, 2);
  t.regex(warned[1] ?? "", /duplicate UID\(s\) observed: u$/);
  t.is((await client.get(CONFIG_MAPS, a)).metadata.ownerReferences?.length, 2);
});

test("a dry run shows what would be read of it", async (t) => {
  const { client } = await setup();
  const node = { metadata: { name: "n" }, spec: { drivers: [] } };
  t.is((await client.create(CSI_NODES, node, { dryRun: true })).spec.drivers as unknown, null);
  const made = await client.create(CSI_NODES, { ...node, spec: { drivers: [{ name: "d", nodeID: "i" }] } });
  t.is((await client.update(CSI_NODES, { name: "n" }, { ...made, spec: { drivers: [] } }, { dryRun: true })).spec.drivers as unknown, null);
});

test("a dry run shows the version that it was given, a write never", async (t) => {
  const { client } = await setup();
  const given = { metadata: { name: "a", resourceVersion: "x" } };
  t.is((await client.create(CONFIG_MAPS, given, { ...inN, dryRun: true })).metadata.resourceVersion, "x");
  t.not((await client.create(CONFIG_MAPS, given, inN)).metadata.resourceVersion, "x");
});

test("a namespace is in itself: a role there may allow what is done with it", async (t) => {
  const asked: (string | undefined)[] = [];
  const { client } = await setup({ authorizer: { authorize: async (attributes) => (asked.push("resource" in attributes ? attributes.resource.namespace : undefined), { allowed: true, reason: "" }) } });
  await client.create(NAMESPACES, { metadata: { name: "here" } });
  await client.get(NAMESPACES, { name: "here" });
  await client.list(NAMESPACES);
  t.deepEqual(asked, [undefined, "here", undefined]);
});
