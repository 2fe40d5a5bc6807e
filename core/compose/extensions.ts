/**
 * What users extend the API with, put together: definitions of custom resources, admission policies and webhooks, other API
 * servers. Plugins are needed before there are caches to read, so they ask through `informers`, which comes later.
 */
import type { AdmissionPlugin } from "../admission/admission.ts";
import type { Lookup } from "../admission/lookup.ts";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { ChangeableKindTable } from "../api/kind-table.ts";
import type { HooksByKind } from "../api/kinds/built-in.ts";
import type { Log } from "../api/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../api/resources.gen.ts";
import type { User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Controller } from "../control/control.ts";
import type { SharedInformers } from "../control/informers.ts";
import { definitionController } from "../extensions/crd/controller.ts";
import { definitionHooks } from "../extensions/crd/definition.ts";
import { serveDefinitions } from "../extensions/crd/serve.ts";
import { extensionsUser } from "./internal-users.ts";

export interface ExtensionParts {
  readonly kinds: ChangeableKindTable;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Extensions {
  /** admission plugins; those that change objects first */
  plugins(lookup: Lookup): readonly AdmissionPlugin[];
  /** resolves when what is defined already is served */
  serve(informers: SharedInformers, clientFor: (user: User) => Client): Promise<void>;
  /** after `serve` */
  controllers(): readonly Controller[];
}

/** The behaviour of the kinds by which others extend the API. */
export function withExtensionHooks(hooks: HooksByKind): HooksByKind {
  return { ...hooks, "apiextensions.k8s.io/CustomResourceDefinition": definitionHooks };
}

export function extensions({ kinds, clock, log }: ExtensionParts): Extensions {
  let running: readonly Controller[] = [];
  return {
    plugins: () => [],
    async serve(informers, clientFor) {
      const client = informers.through(clientFor(extensionsUser));
      running = [definitionController({ client, definitions: informers.of(CUSTOM_RESOURCE_DEFINITIONS), clock })];
      await serveDefinitions({ informers, kinds, log: log.child({ part: "custom resources" }) });
    },
    controllers: () => running,
  };
}
