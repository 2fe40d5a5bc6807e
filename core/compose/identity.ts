/** Who asks, and what they may: authenticators and authorizers over the shared caches. */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
  VOLUME_ATTACHMENTS,
} from "../api/resources.gen.ts";
import type { Authenticator, Authorizer } from "../auth/auth.ts";
import { bootstrapTokenAuthenticator, TOKEN_NAMESPACE } from "../auth/authn/bootstrap-token.ts";
import { certificateAuthenticator } from "../auth/authn/certificate.ts";
import { authenticatorChain } from "../auth/authn/chain.ts";
import { type ServiceAccountTokens, serviceAccountTokens } from "../auth/authn/service-account.ts";
import { nodeAuthorizer } from "../auth/authz/node.ts";
import { type RbacAuthorizer, rbacAuthorizer } from "../auth/authz/rbac.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Informers } from "../control/control.ts";
import type { OutsideAuthenticators } from "./access.ts";

export interface Identity {
  readonly authenticate: Authenticator;
  readonly tokens: ServiceAccountTokens;
}

export interface IdentityParts {
  readonly informers: Informers;
  readonly pki: Pki;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly outside?: OutsideAuthenticators;
}

/** Issuer of service account tokens, as kubeadm names it: every cluster has its own keys, so the name may be the same. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

export async function identity({ informers, pki, clock, entropy, log, outside = { first: [], last: [] } }: IdentityParts): Promise<Identity> {
  const accounts = informers.of(SERVICE_ACCOUNTS);
  const secrets = informers.of(SECRETS);
  const bound = { Pod: informers.of(PODS), Secret: secrets, Node: informers.of(NODES) };
  const tokens = await serviceAccountTokens({
    issuer: ISSUER,
    key: pki.tokenKey,
    clock,
    entropy,
    lookup: {
      serviceAccountUid: (namespace, name) => accounts.get(`${namespace}/${name}`)?.metadata.uid,
      boundUid: (kind, namespace, name) => bound[kind].get(kind === "Node" ? name : `${namespace}/${name}`)?.metadata.uid,
    },
  });
  const authenticate = authenticatorChain(
    [
      ...outside.first,
      certificateAuthenticator({ clock }),
      tokens.authenticator,
      bootstrapTokenAuthenticator((name) => secrets.get(`${TOKEN_NAMESPACE}/${name}`), clock),
      ...outside.last,
    ],
    log.child({ part: "authentication" }),
  );
  return { authenticate, tokens };
}

export function rbacFrom(informers: Informers): RbacAuthorizer {
  const clusterRoles = informers.of(CLUSTER_ROLES);
  const clusterRoleBindings = informers.of(CLUSTER_ROLE_BINDINGS);
  const roles = informers.of(ROLES);
  const roleBindings = informers.of(ROLE_BINDINGS);
  return rbacAuthorizer({
    clusterRoleBindings: () => clusterRoleBindings.list(),
    roleBindings: (namespace) => roleBindings.list(namespace),
    clusterRole: (name) => clusterRoles.get(name),
    role: (namespace, name) => roles.get(`${namespace}/${name}`),
  });
}

const NODE_INDEX = "spec.nodeName";

export function nodesFrom(informers: Informers): Required<Authorizer> {
  const pods = informers.of(PODS);
  const claims = informers.of(PERSISTENT_VOLUME_CLAIMS);
  const volumes = informers.of(PERSISTENT_VOLUMES);
  const attachments = informers.of(VOLUME_ATTACHMENTS);
  pods.addIndex(NODE_INDEX, (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]));
  return nodeAuthorizer({
    pod: (namespace, name) => pods.get(`${namespace}/${name}`),
    podsOf: (node) => pods.by(NODE_INDEX, node),
    claim: (namespace, name) => claims.get(`${namespace}/${name}`),
    volume: (name) => volumes.get(name),
    attachedTo: (name) => attachments.get(name)?.spec?.nodeName,
  });
}
