/** Every namespace has the ConfigMap with the CA that pods trust the API server by (KEP-1205, "kube-root-ca.crt"). */
import { sameJson } from "../api/json.ts";
import { CONFIG_MAPS, NAMESPACES } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isTerminatingNamespace } from "./replicas.ts";

export const ROOT_CA = "kube-root-ca.crt";
const annotations = {
  "kubernetes.io/description":
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
};

/** `rootCa` in PEM */
export function rootCaPublisher(deps: ControllerDeps, rootCa: string): Controller {
  const { client } = actor(deps, "root-ca-cert-publisher");
  const namespaces = deps.informers.of(NAMESPACES);
  const configMaps = deps.informers.of(CONFIG_MAPS);
  const data = { "ca.crt": rootCa };
  return {
    name: "root-ca-certificate-publisher",
    watches: [
      watching(namespaces, ({ metadata }) => [metadata.name ?? ""]),
      watching(configMaps, ({ metadata }) => (metadata.name === ROOT_CA ? [metadata.namespace ?? ""] : [])),
    ],
    async reconcile(namespace) {
      const found = namespaces.get(namespace);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
      const there = configMaps.get(`${namespace}/${ROOT_CA}`);
      try {
        if (there === undefined) {
          const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: ROOT_CA, namespace, annotations }, data };
          await client.create(CONFIG_MAPS, object, { namespace });
        } else if (!sameJson(there.data, data) || there.metadata.annotations?.["kubernetes.io/description"] === undefined) {
          const metadata = { ...there.metadata, annotations: { ...there.metadata.annotations, ...annotations } };
          await client.update(CONFIG_MAPS, { namespace, name: ROOT_CA }, { ...there, metadata, data });
        }
      } catch (error) {
        if (!isReason(error, "AlreadyExists") && !isReason(error, "NotFound") && !isTerminatingNamespace(error)) throw error;
      }
      return undefined;
    },
  };
}
