/**
 * The one door to the store. Everybody who reads or writes objects, over HTTP or in this process, does it as some user
 * through a Client; each verb authorizes, admits and validates before it touches the store.
 */
import type { AdmissionPlugin } from "../admission/admission.ts";
import { admissionChain } from "../admission/chain.ts";
import type { Lookup } from "../admission/lookup.ts";
import type { Revise } from "../admission/resource-quota.ts";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { systemClock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import { systemEntropy } from "../api/entropy.ts";
import type { KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import { silentLog } from "../api/log.ts";
import type { User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { ServiceAccountTokens } from "../auth/authn/service-account.ts";
import { fencedStore } from "../store/fenced.ts";
import type { Fence, Store } from "../store/store.ts";
import { type ServiceSupplies, serviceAllocator } from "./allocators/services.ts";
import { clientFor } from "./client.ts";
import type { Context } from "./context.ts";
import { codecsOf, kindOf } from "./context.ts";
import { lookupOf } from "./lookup.ts";
import { localSubjectAccessReview, selfSubjectAccessReview, subjectAccessReview } from "./reviews/access.ts";
import { selfSubjectRulesReview } from "./reviews/rules.ts";
import { selfSubjectReview } from "./reviews/self-subject.ts";
import type { VerifyToken } from "./reviews/token.ts";
import { tokenReview } from "./reviews/token.ts";
import { bind } from "./subresources/binding.ts";
import { evict } from "./subresources/eviction.ts";
import { issueToken } from "./subresources/token.ts";
import { touch } from "./touch.ts";
import type { CreateHandlers } from "./virtual.ts";

/** Kubernetes sends a bookmark about once a minute: a client that was away that long still resumes. */
const BOOKMARK_MS = 60_000;

export interface OpenRegistry {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly authorizer: Authorizer;
  /** a function gets the reads that plugins need */
  readonly admission: readonly AdmissionPlugin[] | ((lookup: Lookup, revise: Revise) => readonly AdmissionPlugin[]);
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  readonly log?: Log;
  /** freeze what is handed out, all the way down (tests) */
  readonly freeze?: boolean;
  readonly bookmarkMs?: number;
  /** what Services get their addresses and ports from; without it they get none */
  readonly services?: ServiceSupplies;
  /** serves serviceaccounts/token */
  readonly tokens?: Pick<ServiceAccountTokens, "issuer" | "issue">;
  /** serves TokenReview */
  readonly verifyToken?: VerifyToken;
  /** more, or other, handlers for kinds that are created but not stored */
  readonly handlers?: CreateHandlers;
}

export interface Registry {
  clientFor(user: User): Client;
  /** clients whose writes are refused once another server took the fence */
  fenced(fence: Fence): Registry["clientFor"];
  /** reads of the server itself, not on behalf of a user */
  readonly lookup: Lookup;
}

export function openRegistry(options: OpenRegistry): Registry {
  const { clock = systemClock, entropy = systemEntropy, log = silentLog, freeze = false, bookmarkMs = BOOKMARK_MS } = options;
  const codec = codecsOf({ freeze });
  const lookup = lookupOf({ store: options.store, kinds: options.kinds, codec });
  const revise: Revise = (resource, target, next) => touch({ store: options.store, codec }, kindOf(options, resource), target, false, next);
  const plugins = typeof options.admission === "function" ? options.admission(lookup, revise) : options.admission;
  const bare: Context = { ...options, admission: admissionChain(plugins), clock, entropy, log, bookmarkMs, codec };
  const context = options.services === undefined ? bare : { ...bare, allocators: { "/services": serviceAllocator(bare, options.services) } };
  const served = { ...context, handlers: handlersOf(options) };
  return {
    clientFor: (user) => clientFor(served, user),
    fenced(fence) {
      const behind = { ...served, store: fencedStore(served.store, fence) };
      return (user) => clientFor(behind, user);
    },
    lookup,
  };
}

function handlersOf({ tokens, verifyToken, handlers }: OpenRegistry): CreateHandlers {
  return {
    bindings: bind,
    "pods/binding": bind,
    "pods/eviction": evict,
    "subjectaccessreviews.authorization.k8s.io": subjectAccessReview,
    "selfsubjectaccessreviews.authorization.k8s.io": selfSubjectAccessReview,
    "localsubjectaccessreviews.authorization.k8s.io": localSubjectAccessReview,
    "selfsubjectrulesreviews.authorization.k8s.io": selfSubjectRulesReview,
    "selfsubjectreviews.authentication.k8s.io": selfSubjectReview,
    ...(tokens === undefined ? {} : { "serviceaccounts/token": issueToken(tokens) }),
    ...(verifyToken === undefined ? {} : { "tokenreviews.authentication.k8s.io": tokenReview(verifyToken) }),
    ...handlers,
  };
}
