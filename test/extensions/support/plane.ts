/** A control plane with its extensions: memory store, real registry, caches and controllers, under a virtual clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaceLifecycle } from "../../../core/admission/namespace-lifecycle.ts";
import type { Client, Resource } from "../../../core/api/client.ts";
import { kindTable } from "../../../core/api/kind-table.ts";
import type { KindTable } from "../../../core/api/kinds.ts";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../../core/api/kinds/hooks.ts";
import { silentLog } from "../../../core/api/log.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES } from "../../../core/api/resources.gen.ts";
import { ApiError } from "../../../core/api/status.ts";
import type { User } from "../../../core/api/user.ts";
import { authorizerChain, mastersAuthorizer } from "../../../core/auth/authz/chain.ts";
import { openPki, type Pki } from "../../../core/auth/pki/pki.ts";
import { extensions, type Extensions, withExtensionHooks } from "../../../core/compose/extensions.ts";
import { cacheUser, internalAuthorizer } from "../../../core/compose/internal-users.ts";
import { informers as sharedInformers } from "../../../core/control/informers.ts";
import { runController } from "../../../core/control/loop.ts";
import { openRegistry } from "../../../core/registry/registry.ts";
import { memoryDriver } from "../../../core/store/drivers/memory.ts";
import { openStore } from "../../../core/store/open.ts";
import { admin, seededEntropy } from "../../support/control-plane.ts";
import { type VirtualClock, virtualClock } from "../../support/virtual-clock.ts";

export interface Plane {
  readonly client: Client;
  readonly clientFor: (user: User) => Client;
  readonly kinds: KindTable;
  readonly extensions: Extensions;
  readonly clock: VirtualClock;
  readonly pki: Pki;
  /** caches have what was written, controllers are done with it */
  settled(): Promise<void>;
}

export async function plane(t: { readonly teardown: (end: () => Promise<void>) => void }): Promise<Plane> {
  const clock = virtualClock();
  const entropy = seededEntropy(1);
  const log = { ...silentLog, child: () => log };
  const stopping = new AbortController();
  const directory = mkdtempSync(join(tmpdir(), "lichen-extensions-"));
  const pki = await openPki(directory);
  const store = await openStore(memoryDriver(), { clock });
  const kinds = kindTable(builtinKinds(withExtensionHooks(builtInHooks)));
  const authorizer = authorizerChain([internalAuthorizer, mastersAuthorizer]);
  const extended = extensions({ kinds, authorizer, pki, clock, entropy, log, signal: stopping.signal });
  const registry = openRegistry({
    store,
    kinds,
    authorizer,
    admission: (lookup) => [namespaceLifecycle({ lookup }), ...extended.plugins(lookup)],
    clock,
    entropy,
    freeze: true,
  });
  const informers = sharedInformers(registry.clientFor(cacheUser), { clock, log, signal: stopping.signal, entropy });
  await extended.serve(informers, registry.clientFor);
  const running = [...extended.everywhere(), ...extended.controllers({ informers, clientFor: registry.clientFor })].map((controller) => runController(controller, { clock, log, signal: stopping.signal, entropy }));
  t.teardown(async () => {
    stopping.abort();
    await Promise.all(running.map(({ stopped }) => stopped));
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const client = registry.clientFor(admin);
  await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "default", labels: { "kubernetes.io/metadata.name": "default" } } });
  await clock.settle();
  return { client, clientFor: registry.clientFor, kinds, extensions: extended, clock, pki, settled: () => clock.settle() };
}

export const THINGS: Resource = { group: "example.com", version: "v1", plural: "things" };

/** A definition of things.example.com; `schema` is that of spec. */
export function definition(schema: object, more: { readonly version?: object; readonly spec?: object; readonly root?: object } = {}): object {
  const version = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties: { spec: schema }, ...more.root } }, ...more.version };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "things.example.com" },
    spec: { group: "example.com", scope: "Namespaced", names: { plural: "things", kind: "Thing" }, versions: [version], ...more.spec },
  };
}

export async function defined(t: Parameters<typeof plane>[0], schema: object, more: Parameters<typeof definition>[1] = {}): Promise<Plane> {
  const made = await plane(t);
  await made.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(schema, more));
  await made.settled();
  return made;
}

export const thing = (spec: unknown, name = "x", apiVersion = "example.com/v1"): AnyObject => ({ apiVersion, kind: "Thing", metadata: { name, namespace: "default" }, spec });

/** The causes of a refusal, "field: message". */
export async function causes(work: Promise<unknown>): Promise<readonly string[]> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ApiError) return (error.details?.causes ?? []).map(({ field = "", message = "" }) => `${field}: ${message}`);
    throw error;
  }
  return [];
}
