/**
 * metadata.generation: counts the changes of what a user wants. Kubernetes counts for most kinds with a spec and a
 * controller; those below never had it. Data, because no rule predicts it; a kind's own hook decides first.
 */
import { sameJson } from "../api/json.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";

const UNCOUNTED = new Set([
  "/configmaps",
  "/endpoints",
  "/events",
  "/limitranges",
  "/namespaces",
  "/nodes",
  "/persistentvolumeclaims",
  "/persistentvolumes",
  "/resourcequotas",
  "/secrets",
  "/serviceaccounts",
  "/services",
  "apiregistration.k8s.io/apiservices",
  "apps/controllerrevisions",
  "autoscaling/horizontalpodautoscalers",
  "certificates.k8s.io/certificatesigningrequests",
  "coordination.k8s.io/leases",
  "events.k8s.io/events",
  "networking.k8s.io/ipaddresses",
  "networking.k8s.io/servicecidrs",
  "node.k8s.io/runtimeclasses",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/roles",
  "resource.k8s.io/resourceclaims",
  "resource.k8s.io/resourceclaimtemplates",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/csistoragecapacities",
  "storage.k8s.io/storageclasses",
  "storage.k8s.io/volumeattachments",
  "storage.k8s.io/volumeattributesclasses",
]);

/** Kinds whose labels are part of what controllers act on. */
const LABELS_COUNT = new Set(["discovery.k8s.io/endpointslices"]);

/** Whether an object has one from its birth. */
export function isCounted({ hooks, group, plural }: Kind): boolean {
  const { generation } = hooks;
  return generation === undefined ? !UNCOUNTED.has(`${group}/${plural}`) : generation !== "none" && generation !== "late";
}

/** `next` with the generation it has after this change; a hook may have counted already. */
export function withGeneration(kind: Kind, next: AnyObject, old: AnyObject): AnyObject {
  const counts = kind.hooks.generation === "late" || (isCounted(kind) && kind.hooks.generation !== "once");
  const { generation } = old.metadata;
  if (!counts || next.metadata.generation !== generation) return next;
  const labelled = LABELS_COUNT.has(`${kind.group}/${kind.plural}`) && !sameJson(next.metadata.labels, old.metadata.labels);
  const changed = labelled || changes[kind.hooks.generation === "spec" || kind.hooks.generation === "all" ? kind.hooks.generation : "besides"](next, old);
  return changed ? { ...next, metadata: { ...next.metadata, generation: (generation ?? 0) + 1 } } : next;
}

const changes = {
  spec: (next: AnyObject, old: AnyObject) => !sameJson(next.spec, old.spec),
  all: (next: AnyObject, old: AnyObject) => !sameJson({ ...next, metadata: undefined }, { ...old, metadata: undefined }),
  besides: (next: AnyObject, old: AnyObject) => !equalBesides(next, old),
};

function equalBesides(a: AnyObject, b: AnyObject): boolean {
  return sameJson({ ...a, metadata: undefined, status: undefined }, { ...b, metadata: undefined, status: undefined });
}
