/** A ClusterRole with an aggregation rule holds the rules of all roles that its selectors match (RBAC, "Aggregated ClusterRoles"). */
import { sameJson } from "../api/json.ts";
import { CLUSTER_ROLES } from "../api/resources.gen.ts";
import { matchesLabels, selectorOf } from "../api/selector.ts";
import type { ClusterRole, PolicyRule } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { canonicalJson } from "./json.ts";

const NAME = "clusterrole-aggregation-controller";
const ROLE = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" };

export function clusterRoleAggregation(deps: ControllerDeps): Controller {
  const { client } = actor(deps, NAME);
  const roles = deps.informers.of(CLUSTER_ROLES);
  roles.addIndex("aggregating", (role) => [role.aggregationRule === undefined ? "no" : "yes"]);
  return {
    name: "clusterrole-aggregation",
    // any role may feed any aggregating one, and there are few of those
    watches: [watching(roles, () => roles.by("aggregating", "yes").map(({ metadata }) => metadata.name ?? ""))],
    async reconcile(name) {
      const role = roles.get(name);
      if (role?.aggregationRule === undefined) return undefined;
      const rules = aggregate(role, roles.list());
      if (sameJson(rules, role.rules ?? [])) return undefined;
      // applied, as Kubernetes does: while nothing is aggregated, rules that somebody else wrote stay
      const applied = { ...ROLE, metadata: { name }, ...(rules.length === 0 ? {} : { rules }) };
      await client.patch(CLUSTER_ROLES, { name }, { type: "apply", object: applied, force: true }, { fieldManager: NAME });
      return undefined;
    },
  };
}

/** The rules in the order of the roles' names, each once. */
export function aggregate(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(selectorOf);
  const rules = new Map<string, PolicyRule>();
  const sources = roles
    .filter(({ metadata }) => metadata.name !== role.metadata.name && selectors.some((selector) => matchesLabels(selector, metadata.labels)))
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  for (const source of sources) {
    for (const rule of source.rules ?? []) {
      const text = canonicalJson(rule);
      if (!rules.has(text)) rules.set(text, rule);
    }
  }
  return [...rules.values()];
}
