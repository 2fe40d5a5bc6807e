/**
 * What users extend the API with, put together: definitions of custom resources, admission policies and webhooks, other API
 * servers. Plugins are needed before there are caches to read, so they ask through `informers`, which comes later.
 */
import type { AdmissionPlugin } from "../admission/admission.ts";
import type { Lookup } from "../admission/lookup.ts";
import type { Client, Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { ChangeableKindTable } from "../api/kind-table.ts";
import type { HooksByKind } from "../api/kinds/built-in.ts";
import type { Log } from "../api/log.ts";
import type { KubeObject } from "../api/meta.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  MUTATING_ADMISSION_POLICIES,
  MUTATING_ADMISSION_POLICY_BINDINGS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../api/resources.gen.ts";
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Controller, Informers } from "../control/control.ts";
import type { SharedInformers } from "../control/informers.ts";
import { type Aggregator, aggregator, type Delegate } from "../extensions/aggregation/aggregator.ts";
import { backend } from "../extensions/aggregation/backend.ts";
import { registerBuiltIn, registerController } from "../extensions/aggregation/register.ts";
import type { Ask } from "../extensions/cel/library/authorizer.ts";
import { withConversion } from "../extensions/crd/conversion.ts";
import { definitionController } from "../extensions/crd/controller.ts";
import { definitionHooks } from "../extensions/crd/definition.ts";
import { serveDefinitions } from "../extensions/crd/serve.ts";
import type { Source } from "../extensions/policies/cache.ts";
import { claimHooks, claimTemplateHooks, deviceClassHooks, policyHooks, webhookHooks } from "../extensions/policies/expression-checks.ts";
import { mutatingPolicies, type MutatingSource } from "../extensions/policies/mutating.ts";
import { typeCheckController } from "../extensions/policies/type-check-controller.ts";
import { validatingPolicies, type ValidatingSource } from "../extensions/policies/validating.ts";
import { connections } from "../extensions/webhooks/connections.ts";
import { webhookPlugins } from "../extensions/webhooks/webhooks.ts";
import { frontProxy } from "./front-proxy.ts";
import { extensionsUser } from "./internal-users.ts";
import { objectChanges } from "./object-changes.ts";

export interface ExtensionParts {
  readonly kinds: ChangeableKindTable;
  readonly authorizer: Authorizer;
  readonly pki: Pick<Pki, "issueClient">;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Extensions {
  /** admission plugins; those that change objects first */
  plugins(lookup: Lookup): readonly AdmissionPlugin[];
  /** resolves when what is defined already is served */
  serve(informers: SharedInformers, clientFor: (user: User) => Client): Promise<void>;
  /** after `serve`: what every server runs, because it decides what this one serves … */
  everywhere(): readonly Controller[];
  /** … and what only one may run */
  controllers(by: { readonly informers: SharedInformers; readonly clientFor: (user: User) => Client }): readonly Controller[];
  /** who answers for a group version that another server serves */
  delegate(group: string, version: string): Delegate | undefined;
}

/** The behaviour of the kinds by which others extend the API. */
export function withExtensionHooks(hooks: HooksByKind): HooksByKind {
  const of = (kind: string) => hooks[`admissionregistration.k8s.io/${kind}`] ?? {};
  const device = (kind: string) => hooks[`resource.k8s.io/${kind}`] ?? {};
  return {
    ...hooks,
    "apiextensions.k8s.io/CustomResourceDefinition": definitionHooks,
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": policyHooks(of("ValidatingAdmissionPolicy")),
    "admissionregistration.k8s.io/MutatingAdmissionPolicy": policyHooks(of("MutatingAdmissionPolicy")),
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration": webhookHooks(of("ValidatingWebhookConfiguration")),
    "admissionregistration.k8s.io/MutatingWebhookConfiguration": webhookHooks(of("MutatingWebhookConfiguration")),
    "resource.k8s.io/DeviceClass": deviceClassHooks(device("DeviceClass")),
    "resource.k8s.io/ResourceClaim": claimHooks(device("ResourceClaim")),
    "resource.k8s.io/ResourceClaimTemplate": claimTemplateHooks(device("ResourceClaimTemplate")),
  };
}

/** What the plugins read, once there are caches. */
interface Sources {
  readonly mutatingPolicies: MutatingSource;
  readonly validatingPolicies: ValidatingSource;
  readonly mutatingWebhooks: () => readonly MutatingWebhookConfiguration[];
  readonly validatingWebhooks: () => readonly ValidatingWebhookConfiguration[];
}

/** The certificate by which other servers recognise this one is made again in time: it lives a year, a process less. */

export function extensions({ kinds, authorizer, pki, clock, entropy, log, signal }: ExtensionParts): Extensions {
  let others: Aggregator | undefined;
  let lookups: Lookup | undefined;
  let sources: Sources | undefined;
  const open = connections();
  signal.addEventListener("abort", open.close, { once: true });
  const ask: Ask = async ({ user, verb, path, resource }) =>
    await authorizer.authorize(resource === undefined ? { user, verb, path: path ?? "" } : { user, verb, resource });

  return {
    delegate: (group, version) => others?.delegate(group, version),
    plugins(lookup) {
      lookups = lookup;
      const shared = { kinds, lookup, ask, changes: objectChanges };
      const [mutating, validating] = webhookPlugins({
        ...shared,
        connections: open,
        entropy,
        mutating: () => sources?.mutatingWebhooks() ?? [],
        validating: () => sources?.validatingWebhooks() ?? [],
      });
      return [
        mutatingPolicies({ ...shared, source: () => sources?.mutatingPolicies }),
        mutating,
        validatingPolicies({ ...shared, source: () => sources?.validatingPolicies }),
        validating,
      ];
    },
    async serve(informers, clientFor) {
      const client = informers.through(clientFor(extensionsUser));
      sources = sourcesOf(informers);
      if (lookups === undefined) throw new Error("extensions are served before the registry has its plugins");
      const remote = backend({ lookup: lookups, proxy: frontProxy({ pki, clock }) });
      signal.addEventListener("abort", remote.close, { once: true });
      others = aggregator({ client, informers, kinds, backend: remote, clock, log: log.child({ part: "aggregation" }) });
      await registerBuiltIn({ client, kinds });
      const conversion = { connections: open, lookup: lookups, entropy };
      await serveDefinitions({ informers, kinds, log: log.child({ part: "custom resources" }), complete: (definition, rows) => withConversion(definition, rows, conversion) });
      await informers.synced();
    },
    everywhere: () => (others === undefined ? [] : [others.controller]),
    controllers({ informers, clientFor }) {
      const client = informers.through(clientFor(extensionsUser));
      return [
        definitionController({ client, definitions: informers.of(CUSTOM_RESOURCE_DEFINITIONS), clock }),
        registerController({ client, informers, kinds }),
        typeCheckController({ client, informers, kinds }),
      ];
    },
  };
}

function sourcesOf(informers: Informers): Sources {
  const mutating = informers.of(MUTATING_WEBHOOK_CONFIGURATIONS);
  const validating = informers.of(VALIDATING_WEBHOOK_CONFIGURATIONS);
  return {
    mutatingPolicies: policySource(informers, MUTATING_ADMISSION_POLICIES, MUTATING_ADMISSION_POLICY_BINDINGS),
    validatingPolicies: policySource(informers, VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY_BINDINGS),
    mutatingWebhooks: () => mutating.list(),
    validatingWebhooks: () => validating.list(),
  };
}

const POLICY_INDEX = "spec.policyName";

function policySource<P extends KubeObject, B extends KubeObject & { readonly spec?: { readonly policyName?: string } }>(informers: Informers, policies: Resource<P>, bindings: Resource<B>): Source<P, B> {
  const all = informers.of(policies);
  const bound = informers.of(bindings);
  bound.addIndex(POLICY_INDEX, ({ spec }) => (spec?.policyName === undefined ? [] : [spec.policyName]));
  return {
    policies: () => all.list().toSorted((a, b) => (name(a) < name(b) ? -1 : 1)),
    bindings: (policy) => bound.by(POLICY_INDEX, policy).toSorted((a, b) => (name(a) < name(b) ? -1 : 1)),
  };
}

const name = ({ metadata }: KubeObject) => metadata.name ?? "";
