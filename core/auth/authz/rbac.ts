/**
 * RBAC: a user may do what a rule of a role allows that a binding gives to the user, to one of its groups, or to its
 * service account. Cluster bindings hold everywhere; bindings of a namespace hold for resources in that namespace.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import type { Authorizer, Decision, PolicyRules } from "../auth.ts";
import { allows } from "./rules.ts";

/** Where roles and bindings come from; asked on every request, so answers come from memory. */
export interface RbacLookup {
  clusterRoleBindings(): Iterable<ClusterRoleBinding>;
  roleBindings(namespace: string): Iterable<RoleBinding>;
  clusterRole(name: string): ClusterRole | undefined;
  role(namespace: string, name: string): Role | undefined;
}

type Binding = ClusterRoleBinding | RoleBinding;
type Subject = NonNullable<Binding["subjects"]>[number];

interface Grant {
  readonly binding: Binding;
  readonly subject: Subject;
  readonly namespace: string | undefined;
  /** undefined: the role does not exist */
  readonly rules: readonly PolicyRule[] | undefined;
}

export interface RbacAuthorizer extends Required<Authorizer> {
  /** all rules that hold for the user in the namespace; "" for cluster bindings alone */
  rulesOf(user: User, namespace: string): readonly PolicyRule[];
  /** the rules of the role that a binding refers to; undefined if there is no such role */
  rulesOfRole(ref: { readonly kind: string; readonly name: string }, namespace: string): readonly PolicyRule[] | undefined;
}

export function rbacAuthorizer(lookup: RbacLookup): RbacAuthorizer {
  function rulesOfRole(ref: { readonly kind: string; readonly name: string }, namespace: string | undefined): readonly PolicyRule[] | undefined {
    const role = ref.kind === "Role" ? lookup.role(namespace ?? "", ref.name) : lookup.clusterRole(ref.name);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  function* grants(user: User, namespace: string): Generator<Grant> {
    for (const binding of lookup.clusterRoleBindings()) yield* grantOf(binding, user, undefined);
    if (namespace === "") return;
    for (const binding of lookup.roleBindings(namespace)) yield* grantOf(binding, user, namespace);
  }

  function* grantOf(binding: Binding, user: User, namespace: string | undefined): Generator<Grant> {
    const subject = binding.subjects?.find((one) => means(one, user, namespace));
    if (subject !== undefined) yield { binding, subject, namespace, rules: rulesOfRole(binding.roleRef, namespace) };
  }

  const rulesOf = (user: User, namespace: string) => [...grants(user, namespace)].flatMap((grant) => grant.rules ?? []);

  return {
    rulesOf,
    rulesOfRole,
    async authorize(asked): Promise<Decision> {
      const missing: string[] = [];
      for (const grant of grants(asked.user, "path" in asked ? "" : (asked.resource.namespace ?? ""))) {
        if (grant.rules === undefined) missing.push(notFound(grant.binding));
        else if (grant.rules.some((rule) => allows(rule, asked))) return { allowed: true, reason: `RBAC: allowed by ${describe(grant)}` };
      }
      return { allowed: false, denied: false, reason: missing.length === 0 ? "" : `RBAC: ${aggregate(missing)}` };
    },
    async rulesFor(user, namespace): Promise<PolicyRules> {
      const all = [...grants(user, namespace)];
      const rules = all.flatMap((grant) => grant.rules ?? []);
      return {
        resourceRules: rules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames }) =>
          resources.length === 0 ? [] : [{ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) }],
        ),
        nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs = [] }) => (nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }])),
        incomplete: false,
        ...evaluationError(all),
      };
    },
  };
}

/** Bindings to roles that are not there. */
function evaluationError(grants: readonly Grant[]): { readonly evaluationError?: string } {
  const missing = new Set(grants.filter(({ rules }) => rules === undefined).map(({ binding }) => `${binding.roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(binding.roleRef.name)} not found`));
  const [first, ...more] = missing;
  if (first === undefined) return {};
  return { evaluationError: more.length === 0 ? first : `[${[first, ...more].join(", ")}]` };
}

function means(subject: Subject, user: User, bindingNamespace: string | undefined): boolean {
  if (subject.kind === "User") return user.name === subject.name;
  if (subject.kind === "Group") return user.groups.includes(subject.name);
  if (subject.kind !== "ServiceAccount") return false;
  const namespace = subject.namespace === undefined || subject.namespace === "" ? bindingNamespace : subject.namespace;
  return namespace !== undefined && user.name.endsWith(subject.name) && user.name === `system:serviceaccount:${namespace}:${subject.name}`;
}

function describe({ binding, subject, namespace }: Grant): string {
  const from = namespace === undefined ? `ClusterRoleBinding "${binding.metadata.name}"` : `RoleBinding "${binding.metadata.name}/${namespace}"`;
  const to = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? namespace ?? ""}` : subject.name;
  return `${from} of ${binding.roleRef.kind} "${binding.roleRef.name}" to ${subject.kind} "${to}"`;
}

function notFound({ roleRef }: Binding): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io "${roleRef.name}" not found`;
}

/** Several errors in one line, as apimachinery's aggregate prints them: each once. */
function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`;
}
