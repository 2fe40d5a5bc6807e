/**
 * What a node's credential may write (Kubernetes documentation, "NodeRestriction"): its own Node, pods bound to it, and
 * nothing that would draw other workloads to it. A stolen device must not be able to take over the fleet.
 */
import type { AnyObject } from "../api/meta.ts";
import { PODS } from "../api/resources.gen.ts";
import type { Node, Pod, TokenRequest } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import { NODES as NODE_GROUP } from "../api/user.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

const PREFIX = "system:node:";
const MIRROR = "kubernetes.io/config.mirror";
const NODE_LEASES = "kube-node-lease";
/** Labels under kubernetes.io and k8s.io that a node may set on itself. */
const OWN_LABELS = new Set([
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/instance-type",
  "beta.kubernetes.io/os",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "kubernetes.io/arch",
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "node.kubernetes.io/instance-type",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
]);

export function nodeRestriction({ lookup }: { readonly lookup: Pick<Lookup, "get"> }): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    handles: ({ user }) => user.groups.includes(NODE_GROUP),
    async validate(request) {
      const node = nodeName(request.user);
      const refuse = (why: string) => forbidden(request.kind, request.name, why);
      if (node === undefined) throw refuse("could not determine node identity from user");
      const why = refusal(request, node, lookup);
      if (why !== undefined) throw refuse(why);
    },
  };
}

export function nodeName({ name }: User): string | undefined {
  return name.startsWith(PREFIX) && name.length > PREFIX.length ? name.slice(PREFIX.length) : undefined;
}

function refusal(request: AdmissionRequest, node: string, lookup: Pick<Lookup, "get">): string | undefined {
  const { kind, subresource, operation, name, namespace } = request;
  const resource = `${kind.group}/${kind.plural}`;
  switch (resource) {
    case "/nodes":
      return nodeRefusal(request, node);
    case "/pods":
      return podRefusal(request, node, lookup);
    case "coordination.k8s.io/leases":
      if (namespace !== NODE_LEASES) return `can only access leases in the ${JSON.stringify(NODE_LEASES)} system namespace`;
      return name === node || (operation === "CREATE" && request.object?.metadata.name === node) ? undefined : "can only access node lease with the same name as the requesting node";
    case "storage.k8s.io/csinodes":
      return (request.object?.metadata.name ?? name) === node ? undefined : "can only access CSINode with the same name as the requesting node";
    case "/serviceaccounts":
      return subresource === "token" ? tokenRefusal(request, node, lookup) : undefined;
    default:
      return undefined;
  }
}

function nodeRefusal({ operation, name, object, old }: AdmissionRequest, node: string): string | undefined {
  const target = name === "" ? object?.metadata.name : name;
  if (target !== node) return `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(target ?? "")}`;
  if (operation === "DELETE" || object === undefined) return undefined;
  const before = old as Node | undefined;
  const now = object as unknown as Node;
  if (operation === "UPDATE") {
    if (JSON.stringify(now.spec?.taints ?? []) !== JSON.stringify(before?.spec?.taints ?? [])) return `node ${JSON.stringify(node)} is not allowed to modify taints`;
    if (JSON.stringify(now.metadata.ownerReferences ?? []) !== JSON.stringify(before?.metadata.ownerReferences ?? [])) {
      return `node ${JSON.stringify(node)} is not allowed to modify ownerReferences`;
    }
  }
  const changed = changedLabels(before?.metadata.labels ?? {}, now.metadata.labels ?? {}).filter((key) => !mayLabel(key));
  if (changed.length === 0) return undefined;
  const what = operation === "CREATE" ? "set the following labels" : "modify labels";
  return `is not allowed to ${what}: ${changed.toSorted().join(", ")}`;
}

type Labels = { readonly [key: string]: string };

const changedLabels = (before: Labels, now: Labels) => [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((key) => before[key] !== now[key]);

function mayLabel(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0 || OWN_LABELS.has(key)) return true;
  const domain = key.slice(0, slash);
  const within = (of: string) => domain === of || domain.endsWith(`.${of}`);
  if (within("node-restriction.kubernetes.io")) return false;
  if (within("kubelet.kubernetes.io") || within("node.kubernetes.io")) return true;
  return !within("kubernetes.io") && !within("k8s.io");
}

function podRefusal({ operation, object, old, name, namespace, subresource }: AdmissionRequest, node: string, lookup: Pick<Lookup, "get">): string | undefined {
  if (subresource === "eviction" || operation === "DELETE") {
    const pod = lookup.get(PODS, namespace, name) ?? (old as Pod | undefined);
    return pod === undefined || pod.spec?.nodeName === node ? undefined : `node ${JSON.stringify(node)} can only ${operation === "DELETE" ? "delete" : "evict"} pods with spec.nodeName set to itself`;
  }
  if (operation === "CREATE" && subresource === undefined) return mirrorRefusal(object as unknown as AnyObject & Pod, node);
  if (operation !== "UPDATE") return undefined;
  if (subresource !== "status") return `unexpected operation "UPDATE" on pods, node can only create and delete mirror pods`;
  const before = old as unknown as Pod;
  if (before.spec?.nodeName !== node) return `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`;
  if (JSON.stringify(object?.metadata.labels ?? {}) !== JSON.stringify(before.metadata.labels ?? {})) return `node ${JSON.stringify(node)} cannot update labels through pod status`;
  return undefined;
}

/** A node shows its static pods, and those only. */
function mirrorRefusal({ metadata, spec }: Pod, node: string): string | undefined {
  if (metadata.annotations?.[MIRROR] === undefined) return `pod does not have ${JSON.stringify(MIRROR)} annotation, node ${JSON.stringify(node)} can only create mirror pods`;
  if (spec?.nodeName !== node) return `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`;
  const [owner, ...more] = metadata.ownerReferences ?? [];
  if (more.length > 0 || (owner !== undefined && (owner.kind !== "Node" || owner.name !== node))) return `node ${JSON.stringify(node)} can only create pods with an owner reference set to itself`;
  if ((spec.serviceAccountName ?? "") !== "") return `node ${JSON.stringify(node)} can not create pods that reference a service account`;
  const references = (spec.volumes ?? []).some((volume) => volume.secret !== undefined || volume.configMap !== undefined || volume.persistentVolumeClaim !== undefined);
  return references ? `node ${JSON.stringify(node)} can not create pods that reference secrets, configmaps or persistentvolumeclaims` : undefined;
}

/** A node gets tokens for the pods that run on it. */
function tokenRefusal({ object, namespace, name }: AdmissionRequest, node: string, lookup: Pick<Lookup, "get">): string | undefined {
  const bound = (object as unknown as TokenRequest).spec?.boundObjectRef;
  if (bound?.kind !== "Pod" || bound.apiVersion !== "v1") return "node requested token not bound to a pod";
  const pod = lookup.get(PODS, namespace, bound.name ?? "");
  if (pod === undefined || pod.metadata.uid !== (bound.uid ?? pod.metadata.uid)) return "node requested token bound to a pod that does not exist";
  if (pod.spec?.nodeName !== node) return "node requested token bound to a pod scheduled on a different node";
  return pod.spec.serviceAccountName === name ? undefined : "node requested token with a different service account";
}

