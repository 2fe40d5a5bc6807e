/** Authorizers in order: the first that allows or denies decides; if none has an opinion the answer is no. */
import { MASTERS } from "../../api/user.ts";
import type { Authorizer, Decision, PolicyRules } from "../auth.ts";

export function authorizerChain(authorizers: readonly Authorizer[]): Required<Authorizer> {
  return {
    async authorize(asked): Promise<Decision> {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const decision = await authorizer.authorize(asked);
        if (decision.allowed || decision.denied) return decision;
        if (decision.reason !== "") reasons.push(decision.reason);
      }
      return { allowed: false, denied: false, reason: reasons.join("\n") };
    },
    async rulesFor(user, namespace): Promise<PolicyRules> {
      const all: PolicyRules[] = [];
      for (const authorizer of authorizers) {
        const rules = await authorizer.rulesFor?.(user, namespace);
        if (rules !== undefined) all.push(rules);
      }
      const errors = all.flatMap(({ evaluationError }) => evaluationError ?? []);
      return {
        ...(errors.length === 0 ? {} : { evaluationError: errors.join(", ") }),
        resourceRules: all.flatMap((rules) => rules.resourceRules),
        nonResourceRules: all.flatMap((rules) => rules.nonResourceRules),
        incomplete: all.some((rules) => rules.incomplete),
      };
    },
  };
}

/**
 * system:masters may do everything, without a binding: the way back in when RBAC objects are broken. The administrator's
 * certificate carries the group; bootstrap, service account and OpenID tokens cannot.
 */
export const mastersAuthorizer: Authorizer = {
  async authorize({ user }) {
    return user.groups.includes(MASTERS) ? { allowed: true, reason: "" } : { allowed: false, denied: false, reason: "" };
  },
};
