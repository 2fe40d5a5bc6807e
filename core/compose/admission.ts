/** The admission plugins of a server, with what they need of authorization and quota arithmetic. */
import type { AdmissionPlugin } from "../admission/admission.ts";
import type { CertificateRequestParts } from "../admission/certificate-requests.ts";
import { defaultPlugins } from "../admission/default-plugins.ts";
import type { Lookup } from "../admission/lookup.ts";
import type { EscalationParts } from "../admission/rbac-escalation.ts";
import type { Revise, Usage } from "../admission/resource-quota.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { notFound } from "../api/status.ts";
import { MASTERS, type User } from "../api/user.ts";
import { wordTable } from "../api/word-table.ts";
import type { Authorizer } from "../auth/auth.ts";
import { escalation } from "../auth/authz/escalation.ts";
import type { RbacAuthorizer } from "../auth/authz/rbac.ts";
import { csrSubject } from "../auth/pki/csr-subject.ts";
import { claimUsage, inScope, podUsage, serviceUsage } from "../controllers/quota-usage.ts";

export interface AdmissionParts {
  readonly lookup: Lookup;
  readonly revise: Revise;
  readonly authorizer: Authorizer;
  readonly rbac: () => RbacAuthorizer;
  readonly entropy: Entropy;
  readonly tolerationSeconds: number;
  readonly more?: readonly AdmissionPlugin[];
}

const RBAC = { group: "rbac.authorization.k8s.io", version: "v1" };

export function admissionPlugins({ lookup, revise, authorizer, rbac, entropy, tolerationSeconds, more = [] }: AdmissionParts): readonly AdmissionPlugin[] {
  return defaultPlugins({
    lookup,
    entropy,
    tolerations: { notReadySeconds: tolerationSeconds, unreachableSeconds: tolerationSeconds },
    quota: { revise, usageOf, inScope },
    certificates: certificateParts(authorizer),
    escalation: escalationParts(authorizer, rbac),
    more,
  });
}

const usages = wordTable<(object: AnyObject) => Usage>({
  pods: (object) => podUsage(object as never),
  services: (object) => serviceUsage(object as never),
  persistentvolumeclaims: (object) => claimUsage(object as never),
});

function usageOf(kind: Kind, object: AnyObject): Usage | undefined {
  return kind.group === "" ? usages[kind.plural]?.(object) : undefined;
}

function certificateParts(authorizer: Authorizer): CertificateRequestParts {
  const may = async (user: User, verb: string, name: string) =>
    (await authorizer.authorize({ user, verb, resource: { group: "certificates.k8s.io", version: "*", plural: "signers", name } })).allowed;
  return {
    // a rule for "example.com/*" covers every signer of that domain
    mayUseSigner: async (user, verb, signerName) => (await may(user, verb, signerName)) || may(user, verb, `${signerName.split("/")[0]}/*`),
    organizationsOf: (request) =>
      csrSubject(Buffer.from(request, "base64").toString("utf8")).then(
        ({ organizations }) => organizations,
        () => undefined,
      ),
  };
}

function escalationParts(authorizer: Authorizer, rbac: () => RbacAuthorizer): EscalationParts {
  return {
    async refusal(user, namespace, wanted) {
      if (user.groups.includes(MASTERS)) return undefined;
      return escalation(user, rbac().rulesOf(user, namespace ?? ""), wanted);
    },
    mayDo: async (user, verb, { plural, namespace, name }) =>
      (await authorizer.authorize({ user, verb, resource: { ...RBAC, plural, namespace, name } })).allowed,
    async rulesOf(ref, namespace) {
      const rules = rbac().rulesOfRole(ref, namespace ?? "");
      if (rules === undefined) throw notFound({ group: RBAC.group, plural: ref.kind === "Role" ? "roles" : "clusterroles" }, ref.name);
      return rules;
    },
  };
}
