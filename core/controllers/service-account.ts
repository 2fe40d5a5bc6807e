/** Every active namespace has a service account named "default". */
import { NAMESPACES, SERVICE_ACCOUNTS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isTerminatingNamespace } from "./replicas.ts";

const NAME = "default";

export function serviceAccount(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "service-account-controller");
  const namespaces = deps.informers.of(NAMESPACES);
  const accounts = deps.informers.of(SERVICE_ACCOUNTS);
  return {
    name: "serviceaccount",
    watches: [
      watching(namespaces, ({ metadata }) => [metadata.name ?? ""]),
      watching(accounts, ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ""] : [])),
    ],
    async reconcile(namespace) {
      const found = namespaces.get(namespace);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
      if (accounts.get(`${namespace}/${NAME}`) !== undefined) return undefined;
      try {
        await client.create(SERVICE_ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME, namespace } }, { namespace });
      } catch (error) {
        if (!isReason(error, "AlreadyExists") && !isReason(error, "NotFound") && !isTerminatingNamespace(error)) throw error;
      }
      return undefined;
    },
  };
}
