/**
 * Whatever a user who may write roles and bindings does with them, nobody ends up with more than that user had: a model of
 * who holds what, against the real registry with all admission plugins.
 */
import test from "ava";
import fc from "fast-check";
import type { Resource } from "../../core/api/client.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import { kindTable } from "../../core/api/kind-table.ts";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../core/api/kinds/hooks.ts";
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, ROLE_BINDINGS, ROLES } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from "../../core/api/types.gen.ts";
import { AUTHENTICATED, MASTERS } from "../../core/api/user.ts";
import type { User } from "../../core/api/user.ts";
import { authorizerChain, mastersAuthorizer } from "../../core/auth/authz/chain.ts";
import { rbacAuthorizer } from "../../core/auth/authz/rbac.ts";
import { admissionPlugins } from "../../core/compose/admission.ts";
import { aggregate } from "../../core/controllers/cluster-role-aggregation.ts";
import { openRegistry } from "../../core/registry/registry.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const admin: User = { name: "admin", groups: [MASTERS, AUTHENTICATED] };
const jane: User = { name: "jane", groups: [AUTHENTICATED] };
const people: readonly User[] = [jane, { name: "bob", groups: [AUTHENTICATED, "dev"] }];

/** What jane holds: all of RBAC's objects, and little else. */
const janes: readonly PolicyRule[] = [
  { apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles", "clusterroles", "rolebindings", "clusterrolebindings"], verbs: ["get", "list", "create", "update", "patch", "delete"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] },
  { apiGroups: [""], resources: ["secrets"], resourceNames: ["own"], verbs: ["get"] },
  { nonResourceURLs: ["/metrics"], verbs: ["get"] },
];

async function open() {
  const clock = virtualClock();
  const kinds = kindTable(builtinKinds(builtInHooks));
  const store = await openStore(memoryDriver(), { clock });
  const held = { clusterRoles: [] as readonly ClusterRole[], clusterRoleBindings: [] as readonly ClusterRoleBinding[], roles: [] as readonly Role[], roleBindings: [] as readonly RoleBinding[] };
  const rbac = rbacAuthorizer({
    clusterRoleBindings: () => held.clusterRoleBindings,
    roleBindings: (namespace) => held.roleBindings.filter(({ metadata }) => metadata.namespace === namespace),
    clusterRole: (name) => held.clusterRoles.find(({ metadata }) => metadata.name === name),
    role: (namespace, name) => held.roles.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  });
  const authorizer = authorizerChain([mastersAuthorizer, rbac]);
  const registry = openRegistry({
    store,
    kinds,
    clock,
    authorizer,
    admission: (lookup, revise) => admissionPlugins({ lookup, revise, authorizer, rbac: () => rbac, entropy: systemEntropy, tolerationSeconds: 300, clock } as Parameters<typeof admissionPlugins>[0]),
  });
  const root = registry.clientFor(admin);
  const refresh = async () => {
    const roles = (await root.list(CLUSTER_ROLES)).items;
    // as the aggregation controller would have it in the end
    held.clusterRoles = roles.map((role) => (role.aggregationRule === undefined ? role : { ...role, rules: aggregate(role, roles) }));
    held.clusterRoleBindings = (await root.list(CLUSTER_ROLE_BINDINGS)).items;
    held.roles = (await root.list(ROLES)).items;
    held.roleBindings = (await root.list(ROLE_BINDINGS)).items;
  };
  await root.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await root.create(CLUSTER_ROLES, { apiVersion, kind: "ClusterRole", metadata: { name: "janes" }, rules: janes });
  await root.create(CLUSTER_ROLES, { apiVersion, kind: "ClusterRole", metadata: { name: "all", labels: { a: "b" } }, rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }, { nonResourceURLs: ["*"], verbs: ["*"] }] });
  await root.create(CLUSTER_ROLE_BINDINGS, { apiVersion, kind: "ClusterRoleBinding", metadata: { name: "janes" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "janes" }, subjects: [{ kind: "User", name: "jane", apiGroup: "rbac.authorization.k8s.io" }] });
  await refresh();
  return { registry, authorizer, refresh };
}

const some = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });
const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    apiGroups: some(["", "*", "apps", "rbac.authorization.k8s.io"]),
    resources: some(["configmaps", "secrets", "*", "pods/exec", "*/scale", "roles", "clusterroles"]),
    verbs: some(["get", "list", "*", "create", "escalate", "bind", "impersonate"]),
    resourceNames: fc.option(some(["own", "other"]), { nil: [] }),
  }),
  fc.record({ nonResourceURLs: some(["/metrics", "/metrics/*", "*", "/m*"]), verbs: some(["get", "*"]) }),
);
const subject = fc.oneof(
  fc.constantFrom("jane", "bob").map((name) => ({ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" })),
  fc.constantFrom("dev", AUTHENTICATED).map((name) => ({ kind: "Group", name, apiGroup: "rbac.authorization.k8s.io" })),
);
const roleName = fc.constantFrom("janes", "all", "r", "s");
const write = fc.record({
  resource: fc.constantFrom(ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS) as fc.Arbitrary<Resource<never>>,
  verb: fc.constantFrom("create", "update", "patch", "apply", "delete"),
  name: roleName,
  rules: fc.array(rule, { maxLength: 2 }),
  aggregated: fc.boolean(),
  role: fc.record({ kind: fc.constantFrom("Role", "ClusterRole"), name: roleName }),
  subjects: fc.array(subject, { minLength: 1, maxLength: 2 }),
});

const questions = ["configmaps", "secrets", "pods", "roles", "clusterroles", "nodes"].flatMap((plural) =>
  ["get", "list", "create", "escalate", "bind", "impersonate"].flatMap((verb) =>
    ["", "apps", "rbac.authorization.k8s.io"].flatMap((group) =>
      [undefined, "own", "other", "all"].flatMap((name) => [undefined, "shop"].map((namespace) => ({ verb, resource: { group, version: "v1", plural, name, namespace } }))),
    ),
  ),
);

test("no sequence of writes gives anybody what the writer does not hold", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 6 }), async (writes) => {
      const { registry, authorizer, refresh } = await open();
      const allowed = async (user: User) => {
        const answers = await Promise.all([...questions, { verb: "get", path: "/metrics" }, { verb: "get", path: "/metrics/x" }, { verb: "get", path: "/logs" }].map((asked) => authorizer.authorize({ user, ...asked })));
        return answers.map((answer) => answer.allowed);
      };
      const ceiling = await allowed(jane);
      const client = registry.clientFor(jane);
      for (const { resource, verb, name, rules, aggregated, role, subjects } of writes) {
        const namespace = resource.plural === "roles" || resource.plural === "rolebindings" ? "shop" : undefined;
        const bound = resource.plural.endsWith("bindings");
        const aggregationRule = aggregated && resource.plural === "clusterroles" ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] } } : {};
        const body = bound ? { roleRef: { apiGroup: "rbac.authorization.k8s.io", ...role }, subjects } : { rules, ...aggregationRule };
        const kind = { roles: "Role", clusterroles: "ClusterRole", rolebindings: "RoleBinding", clusterrolebindings: "ClusterRoleBinding" }[resource.plural] ?? "";
        const object = { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...body };
        const target = { namespace, name };
        try {
          if (verb === "create") await client.create(resource, object as never, { namespace });
          else if (verb === "update") await client.update(resource, target, object as never);
          else if (verb === "patch") await client.patch(resource, target, { type: "merge", patch: body });
          else if (verb === "apply") await client.patch(resource, target, { type: "apply", object: object as never, force: true }, { fieldManager: "t" });
          else if (name !== "janes" && name !== "all") await client.delete(resource, target);
        } catch (error) {
          if (!(error instanceof ApiError) || error.code >= 500) throw error;
        }
        await refresh();
        for (const user of people) {
          const now = await allowed(user);
          t.deepEqual(now.flatMap((may, index) => (may && ceiling[index] !== true ? [questions[index] ?? index] : [])), [], `${user.name} after ${verb} ${resource.plural}`);
        }
      }
    }),
    { numRuns: 60 },
  );
});
