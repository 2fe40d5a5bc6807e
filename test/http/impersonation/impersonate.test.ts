import test from "ava";
import type { User } from "../../../core/api/user.ts";
import type { Attributes } from "../../../core/auth/auth.ts";
import { openImpersonation } from "../../../core/http/impersonation/impersonate.ts";

const jane: User = { name: "jane", groups: ["system:authenticated"] };
const agent: User = { name: "system:serviceaccount:n:agent", groups: [], extra: { "authentication.kubernetes.io/node-name": ["n1"] } };
const listPods = () => ({ verb: "list", resource: { group: "", version: "v1", plural: "pods", namespace: "n" } });

/** An authorizer that allows what is said as "verb group/plural/name", and impersonation over it. */
function allowing(...rules: readonly string[]) {
  const asked: string[] = [];
  const said = (attributes: Attributes) =>
    "path" in attributes ? `${attributes.verb} ${attributes.path}` : `${attributes.verb} ${attributes.resource.group}/${attributes.resource.plural}/${attributes.resource.name ?? ""}`;
  const impersonate = openImpersonation({
    async authorize(attributes) {
      asked.push(said(attributes));
      return rules.includes(said(attributes)) ? { allowed: true, reason: "" } : { allowed: false, denied: false, reason: "" };
    },
  });
  return { asked, as: (name: string, more: readonly (readonly [string, string])[] = [], user = jane) => impersonate([["impersonate-user", name], ...more], user, listPods) };
}

test("the verb impersonate gives all that the other may do", async (t) => {
  const { as } = allowing("impersonate /users/bob", "impersonate /serviceaccounts/sa", "impersonate /groups/system:masters");
  t.deepEqual(await as("bob"), { name: "bob", groups: ["system:authenticated"] });
  t.deepEqual((await as("system:serviceaccount:n:sa")).groups, ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"]);
  t.deepEqual((await as("bob", [["impersonate-group", "system:masters"]])).groups, ["system:masters", "system:authenticated"]);
  await t.throwsAsync(as("bob", [["impersonate-uid", "u"]]), { message: /cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope/ });
});

test("a constrained mode needs the right to be somebody, and to do this as somebody", async (t) => {
  const { as } = allowing("impersonate-on:user-info:list /pods/", "impersonate:user-info authentication.k8s.io/users/bob", "impersonate:user-info authentication.k8s.io/groups/system:masters");
  t.is((await as("bob")).name, "bob");
  await t.throwsAsync(as("bob", [["impersonate-group", "system:masters"]]), { message: /impersonating the system:masters group is not allowed/ });
  await t.throwsAsync(as("eve"), { message: /cannot impersonate:user-info resource "users" in API group "authentication.k8s.io"/ });
  await t.throwsAsync(as("system:node:n1"), { message: /cannot impersonate-on:arbitrary-node:list resource "pods"/ });
});

test("an agent may be made the node it runs on, and no other", async (t) => {
  const { as, asked } = allowing("impersonate-on:associated-node:list /pods/", "impersonate:associated-node authentication.k8s.io/nodes/*");
  t.deepEqual((await as("system:node:n1", [], agent)).groups, ["system:nodes", "system:authenticated"]);
  asked.length = 0;
  await t.throwsAsync(as("system:node:n2", [], agent), { message: /impersonate-on:arbitrary-node:list/ });
  t.false(asked.some((each) => each.includes("associated-node")));
});

test("what is refused is told in the terms of the mode that served last", async (t) => {
  const { as } = allowing("impersonate /users/bob");
  await t.throwsAsync(as("eve"), { message: /cannot impersonate-on:user-info:list/ });
  await as("bob");
  await t.throwsAsync(as("eve"), { message: /cannot impersonate resource "users"/ });
});

test("who is nobody in particular stays so", async (t) => {
  const { as } = allowing("impersonate /users/bob", "impersonate /users/system:anonymous", "impersonate /groups/system:unauthenticated");
  t.deepEqual((await as("system:anonymous")).groups, ["system:unauthenticated"]);
  t.deepEqual((await as("bob", [["impersonate-group", "system:unauthenticated"]])).groups, ["system:unauthenticated"]);
});
