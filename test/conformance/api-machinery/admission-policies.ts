/** Admission policies in CEL: their own API, and what they do to a Deployment. */
import assert from "node:assert/strict";
import type { Resource } from "../../../core/api/client.ts";
import type { AnyObject, KubeObject } from "../../../core/api/meta.ts";
import { DEPLOYMENTS, FLOW_SCHEMAS, MUTATING_ADMISSION_POLICIES, MUTATING_ADMISSION_POLICY_BINDINGS, PRIORITY_LEVEL_CONFIGURATIONS, VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY_BINDINGS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { refusal } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { operations } from "../support/operations.ts";

const onDeployments = { resourceRules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["deployments"] }] };
const deployment = (name: string, replicas: number, more: object = {}) => ({ metadata: { name, ...more }, spec: { replicas, selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } } } });

type Named = Omit<Resource, "object">;

/** A policy and its binding to the test's namespace. */
async function policy(c: Context, resource: Named, bindings: Named, spec: object, bindingSpec: object): Promise<void> {
  const { api, unique, after } = c;
  await api.of<AnyObject>(resource).create({ metadata: { name: unique }, spec: { matchConstraints: onDeployments, ...spec } });
  after(() => api.of(resource).delete(unique));
  await api.of<AnyObject>(bindings).create({ metadata: { name: unique }, spec: { policyName: unique, matchResources: { namespaceSelector: { matchLabels: { "conformance-run": unique } } }, ...bindingSpec } });
  after(() => api.of(bindings).delete(unique));
}
const validating = (c: Context, spec: object) => policy(c, VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY_BINDINGS, { failurePolicy: "Fail", ...spec }, { validationActions: ["Deny"] });
const mutating = (c: Context, expression: string) =>
  policy(c, MUTATING_ADMISSION_POLICIES, MUTATING_ADMISSION_POLICY_BINDINGS, { failurePolicy: "Fail", reinvocationPolicy: "Never", mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }] }, {});

/** Creates and deletes Deployments until the policy takes part. */
const inForce = ({ api, namespace }: Context, shows: (created: Promise<KubeObject>) => Promise<boolean>, replicas = 1) =>
  eventually("the policy is in force", async () => {
    const created = api.of(DEPLOYMENTS, namespace).create(deployment("marker", replicas));
    const yes = await shows(created);
    await api.of(DEPLOYMENTS, namespace).delete("marker").catch(() => undefined);
    return yes;
  });
const refused = async (created: Promise<unknown>) => created.then(() => false, () => true);

export const admissionPolicies = [
  conformance("[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment", async (c) => {
    await validating(c, { validations: [{ expression: "object.spec.replicas > 1", messageExpression: "'wants ' + string(object.spec.replicas) + ', needs more than one'" }, { expression: "namespaceObject.metadata.name == object.metadata.namespace" }] });
    await inForce(c, refused);
    const deployments = c.api.of(DEPLOYMENTS, c.namespace);
    await deployments.create(deployment("two", 2));
    const status = await refusal(deployments.create(deployment("one", 1)));
    assert.equal(status.reason, "Invalid");
    assert.match(status.message ?? "", /wants 1, needs more than one/);
    assert.match((await refusal(deployments.patch("two", { spec: { replicas: 0 } }))).message ?? "", /wants 0/);
  }),
  conformance("[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables.", async (c) => {
    await validating(c, { variables: [{ name: "replicas", expression: "object.spec.replicas" }, { name: "odd", expression: "variables.replicas % 2 == 1" }], validations: [{ expression: "variables.replicas > 1" }, { expression: "variables.odd" }] });
    await inForce(c, refused);
    const deployments = c.api.of(DEPLOYMENTS, c.namespace);
    await deployments.create(deployment("three", 3));
    assert.match((await refusal(deployments.create(deployment("one", 1)))).message ?? "", /failed expression: variables.replicas > 1/);
    assert.match((await refusal(deployments.create(deployment("four", 4)))).message ?? "", /failed expression: variables.odd/);
  }),
  conformance("[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations", (c) =>
    operations(c, {
      resource: VALIDATING_ADMISSION_POLICIES,
      object: { spec: { failurePolicy: "Ignore", matchConstraints: { ...onDeployments, namespaceSelector: { matchLabels: { "conformance-run": c.unique } } }, validations: [{ expression: "true" }] } },
      status: { patch: { status: { conditions: [{ type: "Patched", status: "True", reason: "E2E", message: "", lastTransitionTime: "2030-01-02T03:04:05Z" }] } }, took: ({ status }) => status?.conditions?.some(({ type }) => type === "Patched") === true },
    })),
  conformance("[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations", (c) =>
    operations(c, { resource: VALIDATING_ADMISSION_POLICY_BINDINGS, object: { spec: { policyName: `${c.unique}-none`, validationActions: ["Audit"] } } })),

  conformance("[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment", async (c) => {
    await mutating(c, "Object{spec: Object.spec{replicas: object.spec.replicas + 100}}");
    await inForce(c, async (created) => (await created as AnyObject & { readonly spec: { readonly replicas: number } }).spec.replicas === 101);
    const made = await c.api.of(DEPLOYMENTS, c.namespace).create(deployment("two", 2));
    assert.equal(made.spec?.replicas, 102);
    assert.equal(made.spec.template.spec?.containers[0]?.image, "i");
  }),
  conformance("[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations", async (c) => {
    await mutating(c, `Object{metadata: Object.metadata{annotations: {"example.com/mutated": "by " + request.operation}}}`);
    await inForce(c, async (created) => (await created).metadata.annotations?.["example.com/mutated"] === "by CREATE");
    const made = await c.api.of(DEPLOYMENTS, c.namespace).create(deployment("two", 2, { annotations: { own: "stays" } }));
    assert.deepEqual([made.metadata.annotations?.["own"], made.metadata.annotations?.["example.com/mutated"]], ["stays", "by CREATE"]);
  }),
  conformance("[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations", (c) =>
    operations(c, {
      resource: MUTATING_ADMISSION_POLICIES,
      object: { spec: { failurePolicy: "Ignore", reinvocationPolicy: "Never", matchConstraints: { ...onDeployments, namespaceSelector: { matchLabels: { "conformance-run": c.unique } } }, mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{}" } }] } },
    })),
  conformance("[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations", (c) =>
    operations(c, { resource: MUTATING_ADMISSION_POLICY_BINDINGS, object: { spec: { policyName: `${c.unique}-none` } } })),

  conformance("[sig-api-machinery] API priority and fairness should support FlowSchema API operations", (c) =>
    operations(c, {
      resource: FLOW_SCHEMAS,
      object: { spec: { matchingPrecedence: 9999, priorityLevelConfiguration: { name: "global-default" }, distinguisherMethod: { type: "ByUser" } } },
      change: { spec: { matchingPrecedence: 9998 } },
      status: { patch: { status: { conditions: [{ type: "Patched", status: "True", reason: "E2E" }] } }, took: ({ status }) => status?.conditions?.some(({ type }) => type === "Patched") === true },
    })),
  conformance("[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations", (c) =>
    operations(c, {
      resource: PRIORITY_LEVEL_CONFIGURATIONS,
      object: { spec: { type: "Limited", limited: { nominalConcurrencyShares: 2, limitResponse: { type: "Reject" } } } },
      change: { spec: { limited: { nominalConcurrencyShares: 4 } } },
      status: { patch: { status: { conditions: [{ type: "Patched", status: "True", reason: "E2E" }] } }, took: ({ status }) => status?.conditions?.some(({ type }) => type === "Patched") === true },
    })),
  conformance("[sig-api-machinery] StorageVersionMigration CRUD Tests storagemigration.k8s.io/v1 StorageVersionMigration", (c) =>
    operations<AnyObject>(c, { resource: { group: "storagemigration.k8s.io", version: "v1", plural: "storageversionmigrations" }, object: { spec: { resource: { group: "", resource: "configmaps" } } } }), { since: 37 }),
];
