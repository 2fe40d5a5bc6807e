/**
 * Nobody gives rights that they do not have: a role may grant, and a binding may bind, only what its author holds, unless
 * the author has the verb "escalate" or "bind" on the role. The rules themselves are RBAC's; they are handed in.
 */
import type { AnyObject } from "../api/meta.ts";
import { isReason, notFound } from "../api/status.ts";
import type { PolicyRule, RoleRef } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

export interface EscalationParts {
  /** why the user may not grant these rules in this namespace (undefined: cluster-wide); undefined if they may */
  readonly refusal: (user: User, namespace: string | undefined, wanted: readonly PolicyRule[]) => Promise<string | undefined>;
  /** may the user do `verb` ("escalate", "bind") with this role? */
  readonly mayDo: (user: User, verb: string, role: { readonly plural: string; readonly namespace: string | undefined; readonly name: string }) => Promise<boolean>;
  /** the rules of a role; throws ApiError NotFound */
  readonly rulesOf: (ref: RoleRef, namespace: string | undefined) => Promise<readonly PolicyRule[]>;
}

const everything: readonly PolicyRule[] = [
  { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
  { nonResourceURLs: ["*"], verbs: ["*"] },
];
const ROLES = new Set(["roles", "clusterroles"]);
const BINDINGS = new Set(["rolebindings", "clusterrolebindings"]);

export function rbacEscalation(parts: EscalationParts): AdmissionPlugin {
  async function check(request: AdmissionRequest, rules: readonly PolicyRule[]): Promise<void> {
    const why = await parts.refusal(request.user, request.namespace, rules);
    if (why !== undefined) throw forbidden(request.kind, request.name, why);
  }
  /** @throws ApiError "NotFound", which Kubernetes words as if the binding were missing */
  async function boundRules({ kind, namespace }: AdmissionRequest, ref: RoleRef): Promise<readonly PolicyRule[]> {
    try {
      return await parts.rulesOf(ref, namespace);
    } catch (error) {
      throw isReason(error, "NotFound") ? notFound(kind, ref.name) : error;
    }
  }
  return {
    name: "RBACEscalation",
    handles: ({ kind, operation }) =>
      kind.group === "rbac.authorization.k8s.io" && (operation === "CREATE" || operation === "UPDATE") && (ROLES.has(kind.plural) || BINDINGS.has(kind.plural)),
    async validate(request) {
      const { object, old, kind, user, namespace, name } = request;
      if (ROLES.has(kind.plural)) {
        const rules = rulesIn(object);
        const aggregates = aggregationIn(object) !== undefined || aggregationIn(old) !== undefined;
        if (old !== undefined && JSON.stringify([rules, aggregationIn(object)]) === JSON.stringify([rulesIn(old), aggregationIn(old)])) return;
        if (await parts.mayDo(user, "escalate", { plural: kind.plural, namespace, name })) return;
        await check(request, rules);
        // a selector can gather any role, also such as do not exist yet
        if (aggregates && (await parts.refusal(user, undefined, everything)) !== undefined) {
          throw forbidden(kind, name, "must have cluster-admin privileges to use the aggregationRule");
        }
        return;
      }
      const { roleRef } = object as unknown as { readonly roleRef: RoleRef };
      if (old !== undefined && JSON.stringify(subjectsIn(object)) === JSON.stringify(subjectsIn(old))) return;
      const plural = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
      if (await parts.mayDo(user, "bind", { plural, namespace: plural === "roles" ? namespace : undefined, name: roleRef.name })) return;
      return check(request, await boundRules(request, roleRef));
    },
  };
}

const rulesIn = (object: AnyObject | undefined): readonly PolicyRule[] => (object as { readonly rules?: readonly PolicyRule[] } | undefined)?.rules ?? [];
const aggregationIn = (object: AnyObject | undefined): unknown => (object as { readonly aggregationRule?: unknown } | undefined)?.aggregationRule;
const subjectsIn = (object: AnyObject | undefined): unknown => (object as { readonly subjects?: unknown } | undefined)?.subjects ?? [];
