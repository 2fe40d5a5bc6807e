import test from "ava";
import type { LocalSubjectAccessReview, PodDisruptionBudget, TokenRequest } from "../../core/api/types.gen.ts";
import {
  LOCAL_SUBJECT_ACCESS_REVIEWS,
  PODS,
  POD_DISRUPTION_BUDGETS,
  SELF_SUBJECT_ACCESS_REVIEWS,
  SELF_SUBJECT_REVIEWS,
  SELF_SUBJECT_RULES_REVIEWS,
  SERVICE_ACCOUNTS,
  SUBJECT_ACCESS_REVIEWS,
  TOKEN_REVIEWS,
} from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import type { Attributes } from "../../core/auth/auth.ts";
import { admin, setup } from "./setup.ts";

const asked: Attributes[] = [];
const authorizer = {
  async authorize(attributes: Attributes) {
    asked.push(attributes);
    return attributes.user.name === "nobody" ? ({ allowed: false, denied: false, reason: "no" } as const) : ({ allowed: true, reason: "" } as const);
  },
  rulesFor: async () => ({ resourceRules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }], nonResourceRules: [], incomplete: false }),
};

test("access reviews ask the authorizer for the one they name", async (t) => {
  const { client } = await setup({ authorizer });
  const resourceAttributes = { verb: "get", resource: "pods", namespace: "n" };
  const other = await client.create(SUBJECT_ACCESS_REVIEWS, { spec: { user: "nobody", resourceAttributes } });
  t.deepEqual(other.status, { allowed: false, reason: "no" });
  const self = await client.create(SELF_SUBJECT_ACCESS_REVIEWS, { spec: { nonResourceAttributes: { verb: "get", path: "/healthz" } } });
  t.deepEqual(self.status, { allowed: true });
  t.deepEqual(asked.at(-1), { user: admin, verb: "get", path: "/healthz" });
  const local = { metadata: { namespace: "n" }, spec: { user: "u", resourceAttributes: { ...resourceAttributes, namespace: "other" } } } as LocalSubjectAccessReview;
  await t.throwsAsync(client.create(LOCAL_SUBJECT_ACCESS_REVIEWS, { ...local, apiVersion: "authorization.k8s.io/v1", kind: "LocalSubjectAccessReview" }, { namespace: "n" }), {
    message: /spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace/,
  });
  await t.throwsAsync(client.create(SUBJECT_ACCESS_REVIEWS, { spec: {} }), { message: /at least one of user or group must be specified/ });
});

test("an access review says who asked what, and its selectors are one thing or the other", async (t) => {
  const { client } = await setup({ authorizer });
  const ask = (more: object) => client.create(SUBJECT_ACCESS_REVIEWS, { spec: { user: "u", resourceAttributes: { verb: "list", resource: "pods", ...more } } });
  const { managedFields } = (await ask({ fieldSelector: { rawSelector: "spec.nodeName=a" } })).metadata;
  t.deepEqual(managedFields?.map(({ operation, fieldsV1 }) => [operation, Object.keys((fieldsV1 as { readonly [field: string]: object })["f:spec"] ?? {}).toSorted()]), [["Update", ["f:resourceAttributes", "f:user"]]]);
  await t.throwsAsync(ask({ fieldSelector: {} }), { message: /fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required/ });
  await t.throwsAsync(ask({ labelSelector: { rawSelector: "a", requirements: [{ key: "a", operator: "Exists" }] } }), { message: /rawSelector: Invalid value: "a": may not specified at the same time as requirements/ });
  await t.throwsAsync(ask({ labelSelector: { requirements: [{ key: "a b", operator: "In", values: ["c"] }] } }), { message: /labelSelector.requirements\[0\].key: Invalid value: "a b"/ });
});

test("a binding and an eviction name the pod of the path", async (t) => {
  const { client } = await setup({});
  const at = { namespace: "n", name: "a" };
  await t.throwsAsync(client.create(PODS, { apiVersion: "v1", kind: "Binding", metadata: { name: "b" }, target: { kind: "Node", name: "x" } }, { ...at, subresource: "binding" }), { message: "name in URL does not match name in Binding object" });
  await t.throwsAsync(client.create(PODS, { apiVersion: "policy/v1", kind: "Eviction", metadata: {} }, { ...at, subresource: "eviction" }), { message: "name in URL does not match name in Eviction object" });
});

test("a user learns who they are and what they may", async (t) => {
  const { client } = await setup({ authorizer });
  t.like(await client.create(SELF_SUBJECT_REVIEWS, {}), { status: { userInfo: { username: "admin", groups: ["system:masters"] } } });
  t.like(await client.create(SELF_SUBJECT_RULES_REVIEWS, { spec: { namespace: "n" } }), { status: { incomplete: false, resourceRules: [{ verbs: ["get"] }] } });
});

test("a token is issued for an account, bound to an object that exists", async (t) => {
  const tokens = { issuer: "https://issuer", issue: async ({ ttlSeconds }: { readonly ttlSeconds?: number | undefined }) => ({ token: `t${ttlSeconds}`, expires: 0 }) };
  const { client } = await setup({ tokens });
  await client.create(SERVICE_ACCOUNTS, { metadata: { name: "default" } }, { namespace: "n" });
  const ask = (spec: object) =>
    client.create(SERVICE_ACCOUNTS, { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec }, { namespace: "n", name: "default", subresource: "token" });
  t.like((await ask({})) as unknown as TokenRequest, { spec: { audiences: ["https://issuer"], expirationSeconds: 3600 }, status: { token: "t3600" } });
  await t.throwsAsync(ask({ expirationSeconds: 5 }), { message: /may not specify a duration less than 10 minutes/ });
  await t.throwsAsync(ask({ boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "none" } }), { message: 'pods "none" not found' });
  await t.throwsAsync(ask({ boundObjectRef: { kind: "ConfigMap", apiVersion: "v1", name: "x" } }), { message: "cannot bind token to object of type /v1, Kind=ConfigMap" });
});

test("a token review never fails because the token is bad", async (t) => {
  const { client } = await setup({
    async verifyToken(token) {
      if (token === "bad") throw new ApiError("Unauthorized", "Unauthorized");
      return { user: { name: "jane", groups: [] }, audiences: ["a"] };
    },
  });
  const review = (token: string) => client.create(TOKEN_REVIEWS, { spec: { token } });
  t.like(await review("good"), { status: { authenticated: true, user: { username: "jane" }, audiences: ["a"] } });
  t.like(await review("bad"), { status: { error: "invalid bearer token" } });
});

test("an eviction uses up the budget, then waits", async (t) => {
  const { client } = await setup();
  const inN = { namespace: "n" };
  const budget = { metadata: { name: "b" }, spec: { minAvailable: 1, selector: { matchLabels: { app: "a" } } } };
  const made = await client.create(POD_DISRUPTION_BUDGETS, budget, inN);
  const status = { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  await client.update(POD_DISRUPTION_BUDGETS, { ...inN, name: "b", subresource: "status" }, { ...made, status } as PodDisruptionBudget);
  for (const name of ["a", "b"]) {
    await client.create(PODS, { metadata: { name, labels: { app: "a" } }, spec: { nodeName: "n1", containers: [{ name: "c", image: "x" }] } }, inN);
    const running = { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } };
    await client.patch(PODS, { ...inN, name, subresource: "status" }, { type: "merge", patch: running });
  }
  const evict = (name: string) => client.create(PODS, { apiVersion: "policy/v1", kind: "Eviction", metadata: { name } }, { ...inN, name, subresource: "eviction" });
  const outcomes = await Promise.allSettled([evict("a"), evict("b")]);
  t.deepEqual(outcomes.map((outcome) => outcome.status).toSorted(), ["fulfilled", "rejected"]);
  const refused = outcomes.find((outcome) => outcome.status === "rejected")?.reason as ApiError;
  t.is(refused.code, 429);
  t.is(refused.details?.causes?.[0]?.message, "The disruption budget b needs 1 healthy pods and has 2 currently");
  const left = await client.get(POD_DISRUPTION_BUDGETS, { ...inN, name: "b" });
  t.is(left.status?.disruptionsAllowed ?? 0, 0);
  const going = (await client.list(PODS, inN)).items.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  t.is(going[0]?.status?.conditions?.at(-1)?.type, "DisruptionTarget");
});
