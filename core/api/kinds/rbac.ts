/** Roles and bindings. Their names may be anything that fits into a URL path. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Subdomain, pathSegment } from "../names.ts";
import { validateLabelSelector } from "../selector.ts";
import type { ClusterRole, PolicyRule, RbacV1Subject, RoleBinding } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, check, checkRequired, invalid, notSupported, required } from "./validate/errors.ts";
import { same } from "./validate/same.ts";

const GROUP = "rbac.authorization.k8s.io";
const column = columnsOf<RoleBinding>();
const names = { nameRule: "path", generation: "none" } as const;

export const roleHooks: KindHooks = {
  ...names,
  validate: checking<ClusterRole>((errors, { rules }) => policyRules(errors, rules ?? [], true)),
};

export const clusterRoleHooks: KindHooks = {
  ...names,
  validate: checking<ClusterRole>((errors, { rules, aggregationRule }) => {
    policyRules(errors, rules ?? [], false);
    if (aggregationRule === undefined) return;
    const { clusterRoleSelectors = [] } = aggregationRule;
    const at = "aggregationRule.clusterRoleSelectors";
    if (clusterRoleSelectors.length === 0) required(errors, at, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    clusterRoleSelectors.forEach((selector, index) => {
      const wrong = validateLabelSelector(selector, `${at}[${index}]`);
      errors.push(...wrong);
      if (wrong.length > 0) invalid(errors, `${at}[${index}]`, null, "invalid label selector.");
    });
  }),
};

export const roleBindingHooks = bindingHooks(["Role", "ClusterRole"], true);
export const clusterRoleBindingHooks = bindingHooks(["ClusterRole"], false);

function bindingHooks(kinds: readonly string[], namespaced: boolean): KindHooks {
  const validate = (errors: Errors, { roleRef, subjects = [] }: RoleBinding) => {
    const { apiGroup = "", kind = "", name } = roleRef ?? ({} as Partial<RoleBinding["roleRef"]>);
    if (apiGroup !== GROUP) notSupported(errors, "roleRef.apiGroup", apiGroup, [GROUP]);
    if (!kinds.includes(kind)) notSupported(errors, "roleRef.kind", kind, kinds);
    checkRequired(errors, "roleRef.name", name, pathSegment);
    subjects.forEach((subject, index) => validateSubject(errors, `subjects[${index}]`, subject, namespaced));
  };
  return {
    ...names,
    setDefaults: defaultBinding,
    validate: checking(validate),
    validateUpdate: checkingUpdate<RoleBinding>((errors, binding, old) => {
      validate(errors, binding);
      const { apiGroup: APIGroup, kind: Kind, name: Name } = binding.roleRef;
      if (!same(binding.roleRef, old.roleRef)) invalid(errors, "roleRef", { APIGroup, Kind, Name }, "cannot change roleRef");
    }),
    columns: [
      nameColumn,
      column("Role", ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
      ageColumn,
      column("Users", ({ subjects }) => subjectsText(subjects, "User"), { wide: true }),
      column("Groups", ({ subjects }) => subjectsText(subjects, "Group"), { wide: true }),
      column("ServiceAccounts", ({ subjects }) => subjectsText(subjects, "ServiceAccount"), { wide: true }),
    ],
  };
}

function defaultBinding(object: AnyObject): AnyObject {
  const binding = object as unknown as RoleBinding;
  const withRole: RoleBinding = (binding.roleRef?.apiGroup ?? "") === "" ? { ...binding, roleRef: { ...binding.roleRef, apiGroup: GROUP } } : binding;
  return mapField(withRole, "subjects", (subjects) =>
    mapAll(subjects, (subject) => (subject.kind === "User" || subject.kind === "Group" ? withGroup(subject) : subject)),
  ) as unknown as AnyObject;
}

const withGroup = (subject: RbacV1Subject): RbacV1Subject => (subject.apiGroup === "" ? { ...subject, apiGroup: GROUP } : fill(subject, { apiGroup: GROUP }));

function subjectsText(subjects: readonly RbacV1Subject[] = [], kind: string): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = "" }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
    .join(", ");
}

function policyRules(errors: Errors, rules: readonly PolicyRule[], namespaced: boolean): void {
  rules.forEach((rule, index) => policyRule(errors, `rules[${index}]`, rule, namespaced));
}

function policyRule(errors: Errors, at: string, rule: PolicyRule, namespaced: boolean): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) required(errors, `${at}.verbs`, "verbs must contain at least one value");
  if (nonResourceURLs.length > 0) {
    if (namespaced) invalid(errors, `${at}.nonResourceURLs`, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs");
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      invalid(errors, `${at}.nonResourceURLs`, nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs");
    }
    return;
  }
  if (apiGroups.length === 0) required(errors, `${at}.apiGroups`, "resource rules must supply at least one api group");
  if (resources.length === 0) required(errors, `${at}.resources`, "resource rules must supply at least one resource");
}

function validateSubject(errors: Errors, at: string, { kind = "", name = "", apiGroup = "", namespace = "" }: RbacV1Subject, namespaced: boolean): void {
  if (name === "") required(errors, `${at}.name`);
  if (kind === "ServiceAccount") {
    if (name !== "") check(errors, `${at}.name`, name, dns1123Subdomain);
    if (apiGroup !== "") notSupported(errors, `${at}.apiGroup`, apiGroup, [""]);
    if (!namespaced && namespace === "") required(errors, `${at}.namespace`);
  } else if (kind === "User" || kind === "Group") {
    if (apiGroup !== GROUP) notSupported(errors, `${at}.apiGroup`, apiGroup, [GROUP]);
  } else {
    notSupported(errors, `${at}.kind`, kind, ["ServiceAccount", "User", "Group"]);
  }
}
