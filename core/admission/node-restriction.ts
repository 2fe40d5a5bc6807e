/**
 * What a node's credential may write (Kubernetes documentation, "NodeRestriction"): its own Node, pods bound to it, and
 * nothing that would draw other workloads to it. A stolen device must not be able to take over the fleet.
 */
import { sameJson } from "../api/json.ts";
import type { AnyObject, ObjectMeta } from "../api/meta.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { notFound } from "../api/status.ts";
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
    // of a write all that the node asked for is judged, also what the subresource would not take over
    async mutate(request) {
      check(request, lookup);
      return request.object;
    },
    async validate(request) {
      if (request.operation === "DELETE") check(request, lookup);
    },
  };
}

function check(request: AdmissionRequest, lookup: Pick<Lookup, "get">): void {
  const node = nodeName(request.user);
  const refuse = (why: string) => forbidden(request.kind, request.name === "" ? (request.object?.metadata.name ?? "") : request.name, why);
  if (node === undefined) throw refuse("could not determine node identity from user");
  const why = refusal(request, node, lookup);
  if (why !== undefined) throw refuse(why);
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
    case "resource.k8s.io/resourceslices":
      return sliceRefusal(request, node);
    case "/persistentvolumeclaims":
      return subresource === "status" && operation === "UPDATE" ? claimRefusal(request, node) : undefined;
    case "/serviceaccounts":
      return subresource === "token" ? tokenRefusal(request, node, lookup) : undefined;
    default:
      return undefined;
  }
}

function sliceRefusal({ operation, object, old }: AdmissionRequest, node: string): string | undefined {
  if (operation !== "CREATE" && operation !== "DELETE") return undefined;
  const slice = (operation === "CREATE" ? object : old) as { readonly spec?: { readonly nodeName?: string } } | undefined;
  return slice?.spec?.nodeName === node ? undefined : `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`;
}

/** Sizes and conditions of a claim are the node's to report; nothing else of it. */
function claimRefusal({ object, old }: AdmissionRequest, node: string): string | undefined {
  return sameJson(withoutSizes(object), withoutSizes(old)) ? undefined : `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`;
}

const REPORTED: ReadonlySet<string> = new Set(["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"]);
const NOT_COMPARED: ReadonlySet<string> = new Set(["resourceVersion", "managedFields"]);

const without = (value: unknown, fields: ReadonlySet<string>) => Object.fromEntries(Object.entries((value ?? {}) as object).filter(([field]) => !fields.has(field)));

const withoutSizes = (claim: AnyObject | undefined) => ({ ...claim, metadata: without(claim?.metadata, NOT_COMPARED), status: without(claim?.status, REPORTED) });

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
    const source = now.spec?.configSource;
    if (source !== undefined && !sameJson(source, before?.spec?.configSource)) return `node ${JSON.stringify(node)} is not allowed to update configSource to a new non-nil configSource`;
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
  if (operation === "CREATE" && subresource === undefined) return mirrorRefusal(object as unknown as AnyObject & Pod, node, lookup);
  if (operation !== "UPDATE") return undefined;
  if (subresource !== "status") return `unexpected operation "UPDATE" on pods, node can only create and delete mirror pods`;
  const before = old as unknown as Pod;
  if (before.spec?.nodeName !== node) return `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`;
  if (JSON.stringify(object?.metadata.labels ?? {}) !== JSON.stringify(before.metadata.labels ?? {})) return `node ${JSON.stringify(node)} cannot update labels through pod status`;
  return undefined;
}

/** A node shows its static pods, and those only. */
function mirrorRefusal({ metadata, spec }: Pod, node: string, lookup: Pick<Lookup, "get">): string | undefined {
  if (metadata.annotations?.[MIRROR] === undefined) return `pod does not have ${JSON.stringify(MIRROR)} annotation, node ${JSON.stringify(node)} can only create mirror pods`;
  if (spec?.nodeName !== node) return `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`;
  const wrong = ownerRefusal(metadata.ownerReferences ?? [], node, lookup);
  if (wrong !== undefined) return wrong;
  if ((spec.serviceAccountName ?? "") !== "") return `node ${JSON.stringify(node)} can not create pods that reference a service account`;
  const references = (spec.volumes ?? []).some((volume) => volume.secret !== undefined || volume.configMap !== undefined || volume.persistentVolumeClaim !== undefined);
  return references ? `node ${JSON.stringify(node)} can not create pods that reference secrets, configmaps or persistentvolumeclaims` : undefined;
}

/** A mirror pod goes with its node. */
function ownerRefusal([owner, ...more]: NonNullable<ObjectMeta["ownerReferences"]>, name: string, lookup: Pick<Lookup, "get">): string | undefined {
  const node = `node ${JSON.stringify(name)}`;
  if (more.length > 0) return `${node} can only create pods with a single owner reference set to itself`;
  if (owner === undefined || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== name) return `${node} can only create pods with an owner reference set to itself`;
  if (owner.controller !== true) return `${node} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true) return `${node} must not set blockOwnerDeletion on an owner reference`;
  const uid = lookup.get(NODES, undefined, name)?.metadata.uid;
  if (uid === undefined) throw notFound(NODES, name);
  return owner.uid === uid ? undefined : `node ${name} UID mismatch: expected ${owner.uid} got ${uid}`;
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

