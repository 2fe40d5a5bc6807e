/** Objects need a living namespace; the namespaces that everything relies on stay. */
import { NAMESPACES } from "../api/resources.gen.ts";
import { notFound } from "../api/status.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);
/** Questions about a namespace may be asked before it exists. */
const ANYWHERE = new Set(["localsubjectaccessreviews"]);

export function namespaceLifecycle({ lookup }: { readonly lookup: Pick<Lookup, "get"> }): AdmissionPlugin {
  function requireLiving({ kind, namespace = "", name }: AdmissionRequest): void {
    const found = lookup.get(NAMESPACES, undefined, namespace);
    if (found === undefined) throw notFound(NAMESPACES, namespace);
    if (found.metadata.deletionTimestamp === undefined && found.status?.phase !== "Terminating") return;
    throw forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [
      { reason: "NamespaceTerminating", message: `namespace ${namespace} is being terminated`, field: "metadata.namespace" },
    ]);
  }
  return {
    name: "NamespaceLifecycle",
    handles: ({ operation, kind }) =>
      operation === "CREATE" ? kind.namespaced && !ANYWHERE.has(kind.plural) : operation === "DELETE" && kind.group === "" && kind.plural === "namespaces",
    async mutate(request) {
      if (request.operation === "CREATE") requireLiving(request);
      return request.object;
    },
    async validate({ operation, kind, name }) {
      if (operation === "DELETE" && IMMORTAL.has(name)) throw forbidden(kind, name, "this namespace may not be deleted");
    },
  };
}
