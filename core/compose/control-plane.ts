/**
 * The control plane without ports: store, registry, identity, caches, and the loops that act. `main.ts` puts HTTP and the
 * broker around it; the simulation runs the same thing in one process under a virtual clock.
 */
import { type AccessConfig, accessConfig } from "../access-config.ts";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import { type ChangeableKindTable, kindTable } from "../api/kind-table.ts";
import { builtinKinds } from "../api/kinds/built-in.ts";
import { builtInHooks } from "../api/kinds/hooks.ts";
import type { Log } from "../api/log.ts";
import { component, type User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import { authorizerChain, mastersAuthorizer } from "../auth/authz/chain.ts";
import type { Pki } from "../auth/pki/pki.ts";
import { bootstrap } from "../bootstrap/bootstrap.ts";
import { bootstrapObjects } from "../bootstrap/objects.ts";
import { eventRecorder } from "../control/event-recorder.ts";
import { informers as sharedInformers, type SharedInformers } from "../control/informers.ts";
import { informersUntil } from "../control/informers-until.ts";
import { runController } from "../control/loop.ts";
import { controllers } from "../controllers/all.ts";
import { flowSchemaStatus } from "../controllers/flow-schema-status.ts";
import { ipAddressRepair } from "../controllers/ip-address-repair.ts";
import type { PodMetrics } from "../controllers/horizontal-pod-autoscaler.ts";
import { DEFAULT_POD_NETWORK } from "../controllers/node-ipam.ts";
import type { RequestLimit } from "../http/fairness/limit.ts";
import { openRegistry, type Registry } from "../registry/registry.ts";
import { runScheduler } from "../scheduler/scheduler.ts";
import type { Store } from "../store/store.ts";
import { outsideAuthenticators, outsideAuthorizer, requestLimit } from "./access.ts";
import { admissionPlugins } from "./admission.ts";
import { type Extensions, extensions, withExtensionHooks } from "./extensions.ts";
import { type Identity, identity, ISSUER, nodesFrom, rbacFrom } from "./identity.ts";
import { bootstrapUser, cacheUser, flowControlUser, internalAuthorizer, serviceAddressUser } from "./internal-users.ts";
import { clusterSigner } from "./signer.ts";

export interface ControlPlaneParts {
  readonly store: Store;
  readonly pki: Pki;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly tolerationSeconds: number;
  /** authenticators and authorizers besides the server's own, and the limits of its API */
  readonly access?: AccessConfig;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** ends caches and loops */
  readonly signal: AbortSignal;
}

export interface ControlPlane {
  readonly kinds: ChangeableKindTable;
  readonly registry: Registry;
  readonly informers: SharedInformers;
  readonly authorizer: Required<Authorizer>;
  readonly identity: Identity;
  readonly limit: RequestLimit;
  /** who answers for a group version that another server serves */
  readonly delegate: Extensions["delegate"];
  /** starts what only one of several servers may do: controllers and scheduler */
  startLoops(by?: Partial<LoopParts>): void;
}

export interface LoopParts {
  /** without, autoscalers have none */
  readonly metrics: PodMetrics;
  /** ends the loops, before the control plane ends */
  readonly signal: AbortSignal;
  readonly clientFor: (user: User) => Client;
}

/** Resolves when a fresh cluster has what every cluster has and the caches are filled. */
export async function controlPlane(parts: ControlPlaneParts): Promise<ControlPlane> {
  const { store, pki, serviceCidr, clusterCidr, tolerationSeconds, access = accessConfig({}), clock, entropy, log, signal } = parts;
  const outside = outsideAuthorizer(access, { clock, log });
  const kinds = kindTable(builtinKinds(withExtensionHooks(builtInHooks)));
  // rules live in the store that they guard: the internal users, who fill the caches, are decided before RBAC is asked
  const authorizer = authorizerChain([
    internalAuthorizer,
    mastersAuthorizer,
    { authorize: (asked) => nodes.authorize(asked), rulesFor: (user, namespace) => nodes.rulesFor(user, namespace) },
    { authorize: (asked) => rbac.authorize(asked), rulesFor: (user, namespace) => rbac.rulesFor(user, namespace) },
    ...(outside === undefined ? [] : [outside]),
  ]);
  const extended = extensions({ kinds, authorizer, pki, clock, entropy, log, signal });
  const registry = openRegistry({
    store,
    kinds,
    clock,
    entropy,
    log,
    authorizer,
    services: { serviceCidr },
    tokens: { issuer: ISSUER, issue: (request) => identified.tokens.issue(request) },
    verifyToken: async (token, audiences) => identified.tokens.verify(token, audiences.length === 0 ? undefined : audiences),
    admission: (lookup, revise) => admissionPlugins({ lookup, revise, authorizer, rbac: () => rbac, entropy, tolerationSeconds, more: extended.plugins(lookup) }),
  });
  const informers = sharedInformers(registry.clientFor(cacheUser), { clock, log, signal });
  const nodes = nodesFrom(informers);
  const rbac = rbacFrom(informers);
  const identified = await identity({ informers, pki, clock, entropy, log, outside: outsideAuthenticators(access, { clock, log }) });
  const limit = requestLimit(access, { informers, clock });

  await bootstrap(registry.clientFor(bootstrapUser), bootstrapObjects({ caCertificate: pki.caCertificate, requestHeaderCa: pki.caCertificate, serviceCidr }));
  await informers.synced();
  await extended.serve(informers, registry.clientFor);

  const everywhere = { clock, log, signal, entropy };
  for (const controller of extended.everywhere()) runController(controller, everywhere);

  function startLoops({ metrics, signal: ending = signal, clientFor = registry.clientFor }: Partial<LoopParts> = {}): void {
    const informersOfTerm = informersUntil(ending, informers);
    const shared = { informers: informersOfTerm, clientFor, kinds, clock, entropy, log, signal: ending };
    const podNetwork = { ...DEFAULT_POD_NETWORK, clusterCidr };
    const all = controllers({ ...shared, ...(metrics === undefined ? {} : { metrics }), rootCa: pki.caCertificate, signer: clusterSigner(pki), podNetwork });
    for (const controller of [...all, ...extended.controllers(shared)]) runController(controller, shared);
    const through = (user: User) => informers.through(clientFor(user));
    runController(flowSchemaStatus({ ...shared, client: through(flowControlUser) }), shared);
    runController(ipAddressRepair({ ...shared, client: through(serviceAddressUser) }), shared);
    const client = through(component("kube-scheduler"));
    const events = eventRecorder(client, { clock, log, signal: ending, component: "default-scheduler" });
    runScheduler({ client, informers: informersOfTerm, events, clock, log, signal: ending });
  }

  return { kinds, registry, informers, authorizer, identity: identified, limit, delegate: extended.delegate, startLoops };
}
