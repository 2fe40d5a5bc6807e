import test from "ava";
import { CLUSTER_ROLES, CONFIG_MAPS, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS } from "../../core/api/resources.gen.ts";
import { aggregate, clusterRoleAggregation } from "../../core/controllers/cluster-role-aggregation.ts";
import { namespace } from "../../core/controllers/namespace.ts";
import { ROOT_CA, rootCaPublisher } from "../../core/controllers/root-ca-publisher.ts";
import { serviceAccount } from "../../core/controllers/service-account.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { controlPlane } from "../support/control-plane.ts";

const makeNamespace = ({ admin }: ControlPlane, name: string) => admin.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name } });

test("each namespace has its default account and the root certificates, also after they were touched", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(serviceAccount, (deps) => rootCaPublisher(deps, "PEM"));
  await makeNamespace(plane, "n");
  await plane.clock.settle();
  const account = { namespace: "n", name: "default" };
  const ca = { namespace: "n", name: ROOT_CA };
  const { metadata } = await plane.admin.get(SERVICE_ACCOUNTS, account);
  t.deepEqual((await plane.admin.get(CONFIG_MAPS, ca)).data, { "ca.crt": "PEM" });
  await plane.admin.delete(SERVICE_ACCOUNTS, account);
  await plane.admin.patch(CONFIG_MAPS, ca, { type: "merge", patch: { data: { "ca.crt": "x" } } });
  await plane.clock.settle();
  t.not((await plane.admin.get(SERVICE_ACCOUNTS, account)).metadata.uid, metadata.uid);
  const restored = await plane.admin.get(CONFIG_MAPS, ca);
  t.deepEqual(restored.data, { "ca.crt": "PEM" });
  t.regex(restored.metadata.annotations?.["kubernetes.io/description"] ?? "", /^Contains a CA bundle/);
  t.deepEqual(plane.complaints, []);
});

test("a deleted namespace loses its pods first, then the rest, then itself", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(namespace);
  await makeNamespace(plane, "n");
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }] } };
  await plane.admin.create(PODS, pod);
  await plane.admin.create(SECRETS, { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" } });
  await plane.admin.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "held", namespace: "n", finalizers: ["x.io/y"] } });
  await plane.admin.delete(NAMESPACES, { name: "n" });
  await plane.clock.advance(1_000);

  const waiting = await plane.admin.get(NAMESPACES, { name: "n" });
  t.is((await plane.admin.list(SECRETS, { namespace: "n" })).items.length, 1, "nothing is taken from under a running pod");
  t.truthy((await plane.admin.get(PODS, { namespace: "n", name: "p" })).metadata.deletionTimestamp);
  t.is(waiting.status?.conditions?.find(({ type }) => type === "NamespaceContentRemaining")?.message, "Some resources are remaining: pods. has 1 resource instances");

  await plane.admin.delete(PODS, { namespace: "n", name: "p" }, { gracePeriodSeconds: 0 });
  await plane.clock.advance(5_000);
  t.is((await plane.admin.list(SECRETS, { namespace: "n" })).items.length, 0);
  const held = await plane.admin.get(NAMESPACES, { name: "n" });
  const finalizers = held.status?.conditions?.find(({ type }) => type === "NamespaceFinalizersRemaining");
  t.like(finalizers, { status: "True", reason: "SomeFinalizersRemain", message: "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances" });

  await plane.admin.patch(CONFIG_MAPS, { namespace: "n", name: "held" }, { type: "merge", patch: { metadata: { finalizers: null } } });
  await plane.clock.advance(60_000);
  await t.throwsAsync(() => plane.admin.get(NAMESPACES, { name: "n" }), { message: /not found/ });
  t.deepEqual(plane.complaints, []);
});

const role = (name: string, labels: object, rules: readonly object[], more: object = {}) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name, labels },
  rules,
  ...more,
});
const rule = (resource: string) => ({ apiGroups: [""], resources: [resource], verbs: ["get"] });

test("an aggregating role holds the rules of those that its labels choose", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(clusterRoleAggregation);
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { to: "view" } }] };
  await plane.admin.create(CLUSTER_ROLES, role("view", {}, [], { aggregationRule }));
  await plane.admin.create(CLUSTER_ROLES, role("b", { to: "view" }, [rule("pods"), rule("secrets")]));
  await plane.admin.create(CLUSTER_ROLES, role("a", { to: "view" }, [rule("pods")]));
  await plane.admin.create(CLUSTER_ROLES, role("c", {}, [rule("nodes")]));
  await plane.clock.settle();
  t.deepEqual((await plane.admin.get(CLUSTER_ROLES, { name: "view" })).rules, [rule("pods"), rule("secrets")]);
  await plane.admin.delete(CLUSTER_ROLES, { name: "b" });
  await plane.clock.settle();
  const view = await plane.admin.get(CLUSTER_ROLES, { name: "view" });
  t.deepEqual(view.rules, [rule("pods")]);
  t.deepEqual(aggregate(view, []), []);
});
