/**
 * Keeps an APIService for each group version that this server serves itself (apiserver autoregistration): tools wait for
 * them, and one that names a service takes the group version over. Built-in ones are made when the server starts, those
 * of definitions come and go with them.
 */
import type { Client } from "../../api/client.ts";
import { isCustom, type Kind, type KindTable } from "../../api/kinds.ts";
import { API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS } from "../../api/resources.gen.ts";
import { isReason } from "../../api/status.ts";
import type { APIService } from "../../api/types.gen.ts";
import type { Controller, Informers } from "../../control/control.ts";
import { watching } from "../../control/loop.ts";
import { priorityOf } from "./priorities.ts";

export const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";

export interface RegisterParts {
  readonly client: Client;
  readonly informers: Informers;
  readonly kinds: KindTable;
}

/** "v1.apps", "v1." */
export const serviceName = ({ group, version }: { readonly group: string; readonly version: string }) => `${version}.${group}`;

export function registerController({ client, informers, kinds }: RegisterParts): Controller {
  const services = informers.of(API_SERVICES);
  const definitions = informers.of(CUSTOM_RESOURCE_DEFINITIONS);

  async function reconcile(name: string): Promise<undefined> {
    const there = services.get(name);
    const kind = kinds.all().find((each) => isLocal(each) && serviceName(each) === name);
    if (kind === undefined) {
      if (there?.metadata.labels?.[AUTOMANAGED] === "true") await client.delete(API_SERVICES, { name }).catch(ignoreMissing);
    } else if (there === undefined) {
      await client.create(API_SERVICES, localService(kind)).catch((error: unknown) => {
        if (!isReason(error, "AlreadyExists")) throw error;
      });
    }
    return undefined;
  }

  return {
    name: "apiservice-registration-controller",
    watches: [
      watching(services, ({ metadata }) => [metadata.name ?? ""]),
      watching(definitions, ({ spec }) => [...spec.versions.map(({ name }) => serviceName({ group: spec.group, version: name })), ...kinds.all().filter(isLocal).map(serviceName)]),
    ],
    reconcile,
    workers: 1,
  };
}

/** Makes what is missing of the built-in ones. */
export async function registerBuiltIn({ client, kinds }: Omit<RegisterParts, "informers">): Promise<void> {
  const wanted = new Map(kinds.all().filter(isLocal).map((kind) => [serviceName(kind), kind]));
  const { items } = await client.list(API_SERVICES);
  const there = new Set(items.map(({ metadata }) => metadata.name));
  for (const [name, kind] of wanted) if (!there.has(name)) await client.create(API_SERVICES, localService(kind));
}

/** Rows that only stand for what another server serves are not registered. */
const isLocal = (kind: Kind) => kind.hooks.elsewhere !== true;

function ignoreMissing(error: unknown): void {
  if (!isReason(error, "NotFound")) throw error;
}

function localService(kind: Kind): APIService {
  const { group, version } = kind;
  const priority = priorityOf(kind);
  return {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: serviceName(kind), labels: { [AUTOMANAGED]: isCustom(kind) ? "true" : "onstart" } },
    spec: { ...(group === "" ? {} : { group }), version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
  };
}
