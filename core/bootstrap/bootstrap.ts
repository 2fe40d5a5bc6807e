/**
 * Makes what a cluster needs to begin with, at every start: what is missing is created, what users changed stays as it
 * is. Default roles are the exception that Kubernetes makes too: rules and subjects that an upgrade brings are added to
 * roles that are still marked for automatic updates, nothing is taken away.
 */
import type { Client } from "../api/client.ts";
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { BootstrapObject } from "./objects.ts";

const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";
const reconciled: readonly unknown[] = [CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLES, ROLE_BINDINGS];

export async function bootstrap(client: Client, objects: readonly BootstrapObject[]): Promise<void> {
  for (const one of objects) await ensure(client, one);
}

async function ensure(client: Client, { resource, object }: BootstrapObject): Promise<void> {
  const { namespace, name = "" } = object.metadata;
  try {
    await client.create(resource, object, { namespace });
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    if (reconciled.includes(resource)) await extend(client, { resource, object }, name);
  }
}

interface Extensible {
  readonly metadata: { readonly annotations?: { readonly [key: string]: string } };
  readonly rules?: readonly unknown[];
  readonly subjects?: readonly unknown[];
  readonly aggregationRule?: unknown;
}

async function extend(client: Client, { resource, object }: BootstrapObject, name: string): Promise<void> {
  const target = { namespace: object.metadata.namespace, name };
  const stored = (await client.get(resource, target)) as Extensible;
  const wanted = object as Extensible;
  if (stored.metadata.annotations?.[AUTOUPDATE] === "false") return;
  const changes = {
    ...(wanted.aggregationRule === undefined ? added("rules", stored.rules, wanted.rules) : {}),
    ...added("subjects", stored.subjects, wanted.subjects),
  };
  if (Object.keys(changes).length > 0) await client.patch(resource, target, { type: "merge", patch: changes });
}

function added(field: string, stored: readonly unknown[] = [], wanted: readonly unknown[] = []): Record<string, unknown> {
  const there = new Set(stored.map((one) => JSON.stringify(one)));
  const missing = wanted.filter((one) => !there.has(JSON.stringify(one)));
  return missing.length === 0 ? {} : { [field]: [...stored, ...missing] };
}
