import test from "ava";
import * as fc from "fast-check";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from "../../core/api/types.gen.ts";
import type { User } from "../../core/api/user.ts";
import { component, controllerUser } from "../../core/api/user.ts";
import { authorizerChain, mastersAuthorizer } from "../../core/auth/authz/chain.ts";
import { escalation } from "../../core/auth/authz/escalation.ts";
import type { RbacLookup } from "../../core/auth/authz/rbac.ts";
import { rbacAuthorizer } from "../../core/auth/authz/rbac.ts";
import { allows, covers } from "../../core/auth/authz/rules.ts";
import { defaultRbac } from "../../core/auth/default-rbac.ts";
import { ruleOf } from "../../core/auth/notation.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";

interface Objects {
  clusterRoles?: readonly ClusterRole[];
  clusterRoleBindings?: readonly ClusterRoleBinding[];
  roles?: readonly Role[];
  roleBindings?: readonly RoleBinding[];
}

function lookupOf({ clusterRoles = [], clusterRoleBindings = [], roles = [], roleBindings = [] }: Objects): RbacLookup {
  return {
    clusterRoleBindings: () => clusterRoleBindings,
    roleBindings: (namespace) => roleBindings.filter((binding) => binding.metadata.namespace === namespace),
    clusterRole: (name) => clusterRoles.find((role) => role.metadata.name === name),
    role: (namespace, name) => roles.find((role) => role.metadata.name === name && role.metadata.namespace === namespace),
  };
}

const role = (name: string, namespace: string, ...rules: string[]): Role => ({ apiVersion, kind: "Role", metadata: { name, namespace }, rules: rules.map(ruleOf) });
const clusterRole = (name: string, ...rules: string[]): ClusterRole => ({ apiVersion, kind: "ClusterRole", metadata: { name }, rules: rules.map(ruleOf) });
const binding = (name: string, namespace: string, to: string, subjects: RoleBinding["subjects"]): RoleBinding => {
  const [kind = "", roleName = ""] = to.split(" ");
  return { apiVersion, kind: "RoleBinding", metadata: { name, namespace }, roleRef: { kind, name: roleName }, ...(subjects === undefined ? {} : { subjects }) };
};
const jane: User = { name: "jane", groups: ["dev", "system:authenticated"] };

function resource(text: string, namespace?: string, name?: string) {
  const [qualified = "", subresource] = text.split("/");
  const [plural = "", ...group] = qualified.split(".");
  return { group: group.join("."), version: "v1", plural, subresource, namespace, name };
}

test("bindings of a namespace hold there, cluster bindings everywhere; the reason names them", async (t) => {
  const authorizer = rbacAuthorizer(
    lookupOf({
      clusterRoles: [clusterRole("reader", "read core pods", "get path /metrics")],
      clusterRoleBindings: [
        { apiVersion, kind: "ClusterRoleBinding", metadata: { name: "all" }, roleRef: { kind: "ClusterRole", name: "reader" }, subjects: [{ kind: "Group", name: "ops" }] },
      ],
      roles: [role("editor", "a", "create,update core pods", "get core secrets one")],
      roleBindings: [
        binding("b", "a", "Role editor", [{ kind: "User", name: "jane" }]),
        binding("r", "a", "ClusterRole reader", [{ kind: "Group", name: "dev" }]),
        binding("sa", "a", "Role editor", [{ kind: "ServiceAccount", name: "robot" }]),
      ],
    }),
  );
  const ask = (user: User, verb: string, what: ReturnType<typeof resource>) => authorizer.authorize({ user, verb, resource: what });
  t.deepEqual(await ask(jane, "create", resource("pods", "a")), { allowed: true, reason: 'RBAC: allowed by RoleBinding "b/a" of Role "editor" to User "jane"' });
  t.deepEqual(await ask(jane, "list", resource("pods", "a")), { allowed: true, reason: 'RBAC: allowed by RoleBinding "r/a" of ClusterRole "reader" to Group "dev"' });
  t.false((await ask(jane, "list", resource("pods", "b"))).allowed);
  t.false((await ask(jane, "list", resource("pods"))).allowed);
  t.false((await authorizer.authorize({ user: jane, verb: "get", path: "/metrics" })).allowed);
  t.true((await ask(jane, "get", resource("secrets", "a", "one"))).allowed);
  t.false((await ask(jane, "get", resource("secrets", "a", "two"))).allowed);
  t.false((await ask(jane, "get", resource("secrets", "a"))).allowed);
  const ops: User = { name: "o", groups: ["ops"] };
  t.deepEqual(await ask(ops, "watch", resource("pods")), { allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "ops"' });
  t.true((await authorizer.authorize({ user: ops, verb: "get", path: "/metrics" })).allowed);
  const robot: User = { name: "system:serviceaccount:a:robot", groups: [] };
  t.deepEqual(await ask(robot, "update", resource("pods", "a")), { allowed: true, reason: 'RBAC: allowed by RoleBinding "sa/a" of Role "editor" to ServiceAccount "robot/a"' });
  t.false((await ask({ name: "system:serviceaccount:b:robot", groups: [] }, "update", resource("pods", "a"))).allowed);
  t.deepEqual(await ask(ops, "delete", resource("pods")), { allowed: false, denied: false, reason: "" });
});

test("a binding to a role that is not there says so", async (t) => {
  const authorizer = rbacAuthorizer(lookupOf({ roleBindings: [binding("b", "a", "Role none", [{ kind: "User", name: "jane" }])] }));
  const decision = await authorizer.authorize({ user: jane, verb: "get", resource: resource("pods", "a") });
  t.deepEqual(decision, { allowed: false, denied: false, reason: 'RBAC: role.rbac.authorization.k8s.io "none" not found' });
  t.like(await authorizer.rulesFor(jane, "a"), { incomplete: false, evaluationError: 'role.rbac.authorization.k8s.io "none" not found' });
});

test("rulesFor lists what the user has in the namespace", async (t) => {
  const authorizer = rbacAuthorizer(
    lookupOf({
      clusterRoles: [clusterRole("c", "get path /x", "get core secrets one")],
      clusterRoleBindings: [{ apiVersion, kind: "ClusterRoleBinding", metadata: { name: "c" }, roleRef: { kind: "ClusterRole", name: "c" }, subjects: [{ kind: "User", name: "jane" }] }],
      roles: [role("r", "a", "read core pods")],
      roleBindings: [binding("r", "a", "Role r", [{ kind: "User", name: "jane" }])],
    }),
  );
  t.deepEqual(await authorizer.rulesFor(jane, "a"), {
    resourceRules: [
      { verbs: ["get"], apiGroups: [""], resources: ["secrets"], resourceNames: ["one"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods"] },
    ],
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }],
    incomplete: false,
  });
  t.is((await authorizer.rulesFor(jane, "b")).resourceRules.length, 1);
});

test("system:masters needs no binding, and a denial is final", async (t) => {
  const denying = { authorize: async () => ({ allowed: false, denied: true, reason: "no" }) as const };
  const rbac = rbacAuthorizer(lookupOf({}));
  const attributes = { user: { name: "root", groups: ["system:masters"] }, verb: "delete", resource: resource("nodes") };
  t.true((await authorizerChain([mastersAuthorizer, rbac]).authorize(attributes)).allowed);
  t.false((await authorizerChain([rbac]).authorize(attributes)).allowed);
  t.deepEqual(await authorizerChain([denying, mastersAuthorizer]).authorize(attributes), { allowed: false, denied: true, reason: "no" });
});

// --- against a model ---

const verbs = ["get", "list", "create"];
const groups = ["", "apps"];
const plurals = ["pods", "deployments"];
const subresources = ["", "log", "scale"];
const names = ["", "a", "b"];
const paths = ["/healthz", "/healthz/x", "/metrics", "/"];

const some = (items: readonly string[]) => fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 2 });
const resourceRule = fc.record({
  verbs: some([...verbs, "*"]),
  apiGroups: some([...groups, "*"]),
  resources: some(["*", "pods", "deployments", "pods/log", "deployments/scale", "*/scale", "*/log"]),
  resourceNames: fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: some(["a", "b"]) }),
});
const pathRule = fc.record({ verbs: some([...verbs, "*"]), nonResourceURLs: some(["*", "/healthz", "/healthz/*", "/h*", "/metrics", "/"]) });
const rule: fc.Arbitrary<PolicyRule> = fc.oneof({ weight: 4, arbitrary: resourceRule }, { weight: 1, arbitrary: pathRule });

/** Every request of the small world, as text: "get apps deployments/scale a", "get path /metrics". */
const world = verbs
  .flatMap((verb) => groups.flatMap((group) => plurals.flatMap((plural) => subresources.flatMap((sub) => names.map((name) => ({ verb, group, plural, sub, name }))))))
  .map((request) => ({ ...request, text: `${request.verb} [${request.group}] ${request.plural}${request.sub === "" ? "" : `/${request.sub}`} <${request.name}>` }));

const any = (item: string, pattern: string) => (item === "*" ? pattern : item.replaceAll("*", "[a-z]+"));

/** The model: a rule is a set of regular expressions over the text of requests. */
function model(of: PolicyRule): RegExp[] {
  return of.verbs.flatMap((verb) =>
    (of.nonResourceURLs ?? [])
      .map((url) => new RegExp(`^${any(verb, "\\w+")} path ${url.endsWith("*") ? `${url.slice(0, -1)}.*` : url}$`))
      .concat(
        (of.apiGroups ?? []).flatMap((group) =>
          (of.resources ?? []).flatMap((what) =>
            (of.resourceNames === undefined || of.resourceNames.length === 0 ? [".*"] : of.resourceNames).map(
              (name) => new RegExp(`^${any(verb, "\\w+")} \\[${any(group, "\\w*")}\\] ${any(what, "[a-z/]+")} <${name}>$`),
            ),
          ),
        ),
      ),
  );
}

test("a rule allows exactly what its text says, for every request of a small world", (t) => {
  fc.assert(
    fc.property(rule, (one) => {
      const patterns = model(one);
      for (const { verb, group, plural, sub, name, text } of world) {
        const expected = patterns.some((pattern) => pattern.test(text));
        const actual = allows(one, { verb, resource: { group, plural, subresource: sub === "" ? undefined : sub, name: name === "" ? undefined : name } });
        if (actual !== expected) t.fail(`${JSON.stringify(one)} ${text}: ${actual}`);
      }
      for (const verb of verbs) {
        for (const path of paths) {
          const expected = patterns.some((pattern) => pattern.test(`${verb} path ${path}`));
          if (allows(one, { verb, path }) !== expected) t.fail(`${JSON.stringify(one)} ${verb} ${path}: ${!expected}`);
        }
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

const allowed = (rules: readonly PolicyRule[], text: string) => rules.some((one) => model(one).some((pattern) => pattern.test(text)));

test("who covers rules can do all that they allow", (t) => {
  let covered = 0;
  const check = (held: readonly PolicyRule[], wanted: readonly PolicyRule[]) => {
    if (!covers(held, wanted)) return;
    covered += 1;
    for (const { text } of world) if (allowed(wanted, text) && !allowed(held, text)) t.fail(`${JSON.stringify(held)} does not cover ${JSON.stringify(wanted)}: ${text}`);
    for (const verb of verbs) for (const path of paths) if (allowed(wanted, `${verb} path ${path}`)) t.true(allowed(held, `${verb} path ${path}`));
  };
  fc.assert(fc.property(fc.array(rule, { maxLength: 4 }), fc.array(rule, { minLength: 1, maxLength: 2 }), check), { numRuns: 200 });
  t.true(covered > 0);
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 4 }), (rules) => covers(rules, rules) && covers([ruleOf("* * *"), ruleOf("* path *")], rules)),
    { numRuns: 100 },
  );
});

test("nobody grants more than they hold, and is told what is missing", (t) => {
  const held = ["read core pods", "get core secrets one", "get path /healthz/*"].map(ruleOf);
  const ask = (...lines: string[]) => escalation(jane, held, lines.map(ruleOf));
  t.is(ask("get,list core pods"), undefined);
  t.is(ask("get core secrets one", "get path /healthz/x"), undefined);
  t.is(
    ask("get,delete,create core pods", "get core secrets two"),
    'user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "create"]}\n{APIGroups:[""], Resources:["secrets"], ResourceNames:["two"], Verbs:["get"]}',
  );
  for (const line of ["get core secrets", "get core pods/log", "get * pods", "* core pods", "get core *", "get path *", "get path /healthz", "get core */log"]) t.truthy(ask(line), line);
  t.is(escalation({ name: "root", groups: ["system:masters"] }, [], [ruleOf("* * *")]), undefined);
});

// --- the defaults ---

const defaults = rbacAuthorizer(lookupOf(defaultRbac()));
const may = async (user: User, verb: string, what: string, namespace?: string) => (await defaults.authorize({ user, verb, resource: resource(what, namespace) })).allowed;

test("the defaults let control-plane parts do their work and no more", async (t) => {
  t.true(await may(controllerUser("deployment-controller"), "create", "replicasets.apps", "a"));
  t.false(await may(controllerUser("deployment-controller"), "create", "pods", "a"));
  t.true(await may(controllerUser("namespace-controller"), "deletecollection", "anything.example", "a"));
  t.true(await may(component("kube-scheduler"), "create", "pods/binding", "a"));
  t.false(await may(component("kube-scheduler"), "get", "secrets", "a"));
  t.true(await may(component("lichen:hub"), "patch", "nodes/status"));
  t.false(await may(component("lichen:hub"), "get", "secrets", "a"));
  t.true(await may(component("lichen:enrollment"), "create", "secrets", "kube-system"));
  t.false(await may(component("lichen:enrollment"), "get", "secrets", "default"));
  t.false(await may({ name: "system:node:pi", groups: ["system:nodes", "system:authenticated"] }, "list", "pods"));
  const anyone: User = { name: "x", groups: ["system:authenticated"] };
  t.true(await may(anyone, "create", "selfsubjectaccessreviews.authorization.k8s.io"));
  t.true((await defaults.authorize({ user: anyone, verb: "get", path: "/openapi/v3/api/v1" })).allowed);
  const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
  t.true((await defaults.authorize({ user: anonymous, verb: "get", path: "/version" })).allowed);
  t.false((await defaults.authorize({ user: anonymous, verb: "get", path: "/api" })).allowed);
});

test("default objects are complete: every binding has its role, aggregated roles hold what they collect", (t) => {
  const { clusterRoles, clusterRoleBindings, roles, roleBindings } = defaultRbac();
  const known = new Set(clusterRoles.map((one) => one.metadata.name));
  for (const list of [clusterRoles, clusterRoleBindings, roles, roleBindings]) {
    t.is(new Set(list.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).size, list.length);
  }
  for (const one of clusterRoleBindings) t.true(known.has(one.roleRef.name), one.roleRef.name);
  for (const one of roleBindings) t.truthy(roles.find(({ metadata }) => metadata.name === one.roleRef.name && metadata.namespace === one.metadata.namespace), one.metadata.name);
  const rules = (name: string) => clusterRoles.find((one) => one.metadata.name === name)?.rules ?? [];
  t.true(covers(rules("admin"), rules("edit")) && covers(rules("edit"), rules("view")) && covers(rules("cluster-admin"), rules("admin")));
  t.false(covers(rules("view"), rules("edit")) || covers(rules("edit"), rules("admin")));
  t.false(rules("view").some((one) => allows(one, { verb: "get", resource: { group: "", plural: "secrets" } })));
  for (const one of [...clusterRoles, ...roles]) for (const { verbs: given } of one.rules ?? []) t.true(given.length > 0 && !given.includes(""), one.metadata.name);
});
