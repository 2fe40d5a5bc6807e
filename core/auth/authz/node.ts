/**
 * What a node may do: read what its own pods refer to, report on itself and on them, and nothing of other nodes
 * (Kubernetes documentation, "Using Node Authorization"; KEP-4601 for the selectors). A stolen device key is worth what
 * that device could see. Nodes create pods, but admission lets them create only mirrors of their own static pods; status,
 * deletion and eviction of a pod are for the node that it is bound to.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import { NODES } from "../../api/user.ts";
import { wordTable } from "../../api/word-table.ts";
import { ruleOf } from "../notation.ts";
import type { Attributes, Authorizer, Decision, PolicyRules } from "../auth.ts";
import { podReferences } from "./pod-references.ts";
import { allows } from "./rules.ts";

/** From memory, on every request of a node. */
export interface NodeLookup {
  pod(namespace: string, name: string): Pod | undefined;
  /** pods bound to the node */
  podsOf(node: string): Iterable<Pod>;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** the node of a volume attachment */
  attachedTo(name: string): string | undefined;
}

/** What holds for every node, whatever runs on it. */
const common = [
  "read core services",
  "get core endpoints",
  "read storage.k8s.io csidrivers",
  "read node.k8s.io runtimeclasses",
  "create,patch,update core,events.k8s.io events",
  "create,get,list,watch certificates.k8s.io certificatesigningrequests",
  "create authentication.k8s.io tokenreviews",
  "create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews",
].map(ruleOf);

type Resource = Extract<Attributes, { readonly resource: unknown }>["resource"];

interface Asked extends Resource {
  readonly verb: string;
  readonly node: string;
}

/** By "plural.group/subresource": true if the node may. */
type Check = (asked: Asked, lookup: NodeLookup) => boolean;

const checks = wordTable<Check>({
  // which node is written, and what of it, is for admission (NodeRestriction)
  "nodes": (asked) => is(asked, "create", "update", "patch") || (is(asked, "get", "list", "watch") && nameOf(asked) === asked.node),
  "nodes/status": (asked) => is(asked, "update", "patch") || (is(asked, "get") && asked.name === asked.node),
  "pods": (asked, lookup) => is(asked, "create") || (is(asked, "list", "watch") ? selects(asked, "spec.nodeName", asked.node) : is(asked, "get", "delete") && isOwnPod(asked, lookup)),
  "pods/status": (asked, lookup) => is(asked, "get", "update", "patch") && isOwnPod(asked, lookup),
  "pods/eviction": (asked, lookup) => is(asked, "create") && isOwnPod(asked, lookup),
  "secrets": (asked, lookup) => is(asked, "get", "list", "watch") && (isReferenced(asked, lookup) || isSecretOfVolume(asked, lookup)),
  "configmaps": (asked, lookup) => is(asked, "get", "list", "watch") && isReferenced(asked, lookup),
  "persistentvolumeclaims": (asked, lookup) => is(asked, "get") && isReferenced(asked, lookup),
  "persistentvolumeclaims/status": (asked, lookup) => is(asked, "get", "update", "patch") && isReferenced(asked, lookup),
  "persistentvolumes": (asked, lookup) => is(asked, "get") && [...volumesOf(asked.node, lookup)].some((volume) => volume.metadata.name === asked.name),
  "serviceaccounts": (asked, lookup) => is(asked, "get") && isReferenced(asked, lookup),
  "serviceaccounts/token": (asked, lookup) => is(asked, "create") && isReferenced(asked, lookup),
  "resourceclaims.resource.k8s.io": (asked, lookup) => is(asked, "get") && isReferenced(asked, lookup),
  // of which node a new one is, is for admission
  "resourceslices.resource.k8s.io": (asked) => is(asked, "create") || (is(asked, "list", "watch", "deletecollection") && selects(asked, "spec.nodeName", asked.node)),
  "volumeattachments.storage.k8s.io": (asked, lookup) => is(asked, "get") && lookup.attachedTo(asked.name ?? "") === asked.node,
  "csinodes.storage.k8s.io": isOwnByName,
  "leases.coordination.k8s.io": (asked) => asked.namespace === "kube-node-lease" && isOwnByName(asked),
});

export function nodeAuthorizer(lookup: NodeLookup): Required<Authorizer> {
  return {
    async authorize(attributes): Promise<Decision> {
      const { name, groups } = attributes.user;
      if (name === PREFIX && groups.includes(NODES)) return noOpinion(`unknown node for user ${JSON.stringify(name)}`);
      const node = nodeOf(attributes.user);
      if (node === undefined || "path" in attributes) return noOpinion("");
      const { resource, verb } = attributes;
      if (common.some((rule) => allows(rule, attributes))) return { allowed: true, reason: "" };
      const place = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
      const check = checks[resource.subresource === undefined || resource.subresource === "" ? place : `${place}/${resource.subresource}`];
      if (check === undefined) return noOpinion("");
      if (check({ ...resource, verb, node }, lookup)) return { allowed: true, reason: "" };
      return noOpinion(reasonOf({ ...resource, verb, node }));
    },
    async rulesFor(user): Promise<PolicyRules> {
      const known = { resourceRules: [], nonResourceRules: [], incomplete: false };
      return nodeOf(user) === undefined ? known : { ...known, incomplete: true, evaluationError: "node authorizer does not support user rule resolution" };
    },
  };
}

const READ = ["get", "list", "watch"];

/** Why a node may not, in the words of Kubernetes. */
function reasonOf(asked: Asked): string {
  const { plural, subresource = "", verb, node, name = "", namespace = "" } = asked;
  const unrelated = `no relationship found between node '${node}' and this object`;
  const reads = READ.includes(verb);
  const own = ["get", "create", "update", "patch", "delete"].includes(verb);
  switch (`${plural}${subresource === "" ? "" : "/"}${subresource}`) {
    case "nodes":
      if (!reads) return "";
      return name === "" ? `node '${node}' cannot read all nodes, only its own Node object` : `node '${node}' cannot read '${name}', only its own Node object`;
    case "pods":
      if (verb === "list" || verb === "watch") return name === "" ? "can only list/watch pods with spec.nodeName field selector" : unrelated;
      return verb === "get" ? unrelated : "";
    case "secrets":
    case "configmaps":
      if (!reads) return "can only read resources of this type";
      return namespace === "" ? "can only read namespaced object of this type" : nameOf(asked) === undefined ? "No Object name found" : unrelated;
    case "persistentvolumeclaims":
    case "persistentvolumes":
    case "volumeattachments":
    case "resourceclaims":
      return verb === "get" && name !== "" ? unrelated : "can only get individual resources of this type";
    case "persistentvolumeclaims/status":
      return own && verb !== "create" && verb !== "delete" ? unrelated : "can only get/update/patch this type";
    case "serviceaccounts":
      if (verb === "get") return unrelated;
      return verb === "create" && name !== "" ? "can only create token subresource of serviceaccount" : "can only create tokens for individual service accounts";
    case "leases":
      if (!own) return "can only get, create, update, patch, or delete a node lease";
      return namespace === "kube-node-lease" ? "can only access node lease with the same name as the requesting node" : 'can only access leases in the "kube-node-lease" system namespace';
    case "csinodes":
      return own ? "can only access CSINode with the same name as the requesting node" : "can only get, create, update, patch, or delete a CSINode";
    case "resourceslices":
      return reads || verb === "deletecollection" ? "can only list/watch/deletecollection resourceslices with nodeName field selector" : unrelated;
    default:
      return ["nodes/status", "pods/status", "pods/eviction"].includes(`${plural}/${subresource}`) ? "" : unrelated;
  }
}

const PREFIX = "system:node:";

/** The node that a user is; undefined if it is none. */
export function nodeOf(user: User): string | undefined {
  const name = user.name.startsWith(PREFIX) && user.groups.includes(NODES) ? user.name.slice(PREFIX.length) : "";
  return name === "" ? undefined : name;
}

const noOpinion = (reason: string): Decision => ({ allowed: false, denied: false, reason });
const is = ({ verb }: Asked, ...verbs: readonly string[]) => verbs.includes(verb);

/** A list or watch of one object names it in its field selector. */
function nameOf(asked: Asked): string | undefined {
  return asked.name ?? fieldOf(asked, "metadata.name");
}

function selects(asked: Asked, field: string, value: string): boolean {
  return fieldOf(asked, field) === value;
}

function fieldOf({ fieldSelector = "" }: Asked, field: string): string | undefined {
  for (const term of fieldSelector.split(",")) {
    const [, name, value] = /^([^=!]+)==?([^=!]+)$/.exec(term.trim()) ?? [];
    if (name === field) return value;
  }
  return undefined;
}

function isOwnByName(asked: Asked): boolean {
  return is(asked, "create") || (is(asked, "get", "update", "patch", "delete") && asked.name === asked.node);
}

function isOwnPod({ namespace, name, node }: Asked, lookup: NodeLookup): boolean {
  return namespace !== undefined && name !== undefined && lookup.pod(namespace, name)?.spec?.nodeName === node;
}

function isReferenced(asked: Asked, lookup: NodeLookup): boolean {
  const name = nameOf(asked);
  if (name === undefined || asked.namespace === undefined) return false;
  for (const pod of lookup.podsOf(asked.node)) {
    if (pod.metadata.namespace !== asked.namespace) continue;
    for (const reference of podReferences(pod)) if (reference.plural === asked.plural && reference.name === name) return true;
  }
  return false;
}

function* volumesOf(node: string, lookup: NodeLookup): Generator<PersistentVolume> {
  for (const pod of lookup.podsOf(node)) {
    for (const { plural, name } of podReferences(pod)) {
      if (plural !== "persistentvolumeclaims") continue;
      const claimed = lookup.claim(pod.metadata.namespace ?? "", name)?.spec?.volumeName;
      const volume = claimed === undefined ? undefined : lookup.volume(claimed);
      if (volume !== undefined) yield volume;
    }
  }
}

/** Volumes name the secrets that mounting them takes, each with its namespace. */
function isSecretOfVolume(asked: Asked, lookup: NodeLookup): boolean {
  for (const { spec } of volumesOf(asked.node, lookup)) {
    const secrets = [spec?.csi?.nodePublishSecretRef, spec?.csi?.nodeStageSecretRef, spec?.csi?.nodeExpandSecretRef, spec?.cephfs?.secretRef, spec?.flexVolume?.secretRef, spec?.iscsi?.secretRef, spec?.rbd?.secretRef];
    if (secrets.some((secret) => secret?.name === nameOf(asked) && secret?.namespace === asked.namespace)) return true;
  }
  return false;
}
