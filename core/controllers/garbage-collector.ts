/**
 * Deletes what lost its owners and carries out how owners want to go (Kubernetes, "Garbage Collection"):
 * - background: the owner is gone, so its dependents follow;
 * - foreground: the owner waits with a finalizer until the dependents that block it are gone;
 * - orphan: the dependents lose the reference, then the owner goes.
 * `decide` says what to do with one object; the graph may lag, so an owner counts as absent only when the server says so.
 */
import type { Client, Resource } from "../api/client.ts";
import type { KindTable } from "../api/kinds.ts";
import type { OwnerReference } from "../api/meta.ts";
import { parseApiVersion } from "../api/meta.ts";
import { isReason } from "../api/status.ts";
import { controllerUser } from "../api/user.ts";
import type { Controller, Key } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { Node, OwnerGraph } from "./owner-graph.ts";
import { FOREGROUND, ORPHAN, ownerGraph } from "./owner-graph.ts";

export type OwnerState = "solid" | "dangling" | "waiting" | "unknown";

export type Action =
  | { readonly type: "nothing" }
  /** take these owners out of the references */
  | { readonly type: "disown"; readonly uids: readonly string[] }
  /** `unblock`: first stop blocking one's own owners, or a circle would never end */
  | { readonly type: "delete"; readonly policy: "Foreground" | "Background" | "Orphan"; readonly unblock: boolean };

export interface Situation {
  readonly finalizers: readonly string[];
  readonly owners: readonly { readonly uid: string; readonly state: OwnerState }[];
  readonly dependents: number;
  /** a dependent that is itself waiting for its dependents: a circle */
  readonly circle: boolean;
}

/** What to do with an object that nobody is deleting. */
export function decide({ finalizers, owners, dependents, circle }: Situation): Action {
  const of = (state: OwnerState) => owners.filter((owner) => owner.state === state).map(({ uid }) => uid);
  const [dangling, waiting] = [of("dangling"), of("waiting")];
  if (owners.length === 0 || of("unknown").length > 0) return { type: "nothing" };
  if (of("solid").length > 0) {
    const uids = [...dangling, ...waiting];
    return uids.length === 0 ? { type: "nothing" } : { type: "disown", uids };
  }
  if (waiting.length > 0 && dependents > 0) return { type: "delete", policy: "Foreground", unblock: circle };
  if (finalizers.includes(ORPHAN)) return { type: "delete", policy: "Orphan", unblock: false };
  if (finalizers.includes(FOREGROUND)) return { type: "delete", policy: "Foreground", unblock: false };
  return { type: "delete", policy: "Background", unblock: false };
}

const isDeleting = (node: Node) => node.metadata.deletionTimestamp !== undefined;
const holds = (node: Node, finalizer: string) => (node.metadata.finalizers ?? []).includes(finalizer);
const isWaiting = (node: Node) => isDeleting(node) && holds(node, FOREGROUND);
const uidOf = (node: Node) => node.metadata.uid ?? "";

export function garbageCollector(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "generic-garbage-collector", "garbage-collector-controller");
  const graph = ownerGraph(deps.clientFor(controllerUser("generic-garbage-collector")), deps.kinds, deps);

  /** the objects that a change of this one may give something to do */
  const concerned = (node: Node): readonly Key[] => {
    const uid = uidOf(node);
    const owners = node.metadata.ownerReferences ?? [];
    if (graph.node(uid) === undefined) {
      // gone: its dependents may be garbage, and an owner that waited for it may go
      return [...graph.dependents(uid).map(uidOf), ...owners.map((owner) => owner.uid)];
    }
    const keys: Key[] = [];
    if (isDeleting(node) && node.metadata.finalizers !== undefined) keys.push(uid, ...graph.dependents(uid).map(uidOf));
    else if (!isDeleting(node) && owners.some((owner) => !isSolid(graph, node, owner))) keys.push(uid);
    for (const { uid: owner } of owners) {
      const found = graph.node(owner);
      if (found !== undefined && isWaiting(found)) keys.push(owner);
    }
    return keys;
  };

  async function stateOf(node: Node, owner: OwnerReference): Promise<OwnerState> {
    const known = graph.node(owner.uid);
    if (known !== undefined && isSame(known, node, owner)) return isWaiting(known) ? "waiting" : "solid";
    const where = coordinates(deps.kinds, node, owner);
    if (where === undefined) return "unknown";
    if (where === "cluster-scoped dependent" || (known !== undefined && known.metadata.namespace !== node.metadata.namespace && known.metadata.namespace !== undefined)) {
      const text = `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${node.metadata.namespace ?? ""}, name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace "${node.metadata.namespace ?? ""}"`;
      events.record(node, "Warning", "OwnerRefInvalidNamespace", text);
      if (where === "cluster-scoped dependent") return "unknown";
    }
    try {
      const live = await client.get(where.resource, where);
      return live.metadata.uid === owner.uid ? "solid" : "dangling";
    } catch (error) {
      if (isReason(error, "NotFound")) return "dangling";
      throw error;
    }
  }

  async function collect(node: Node): Promise<void> {
    const references = node.metadata.ownerReferences ?? [];
    const owners: { uid: string; state: OwnerState }[] = [];
    for (const owner of references) owners.push({ uid: owner.uid, state: await stateOf(node, owner) });
    const dependents = graph.dependents(uidOf(node));
    const action = decide({
      finalizers: node.metadata.finalizers ?? [],
      owners,
      dependents: dependents.length,
      circle: dependents.some(isWaiting),
    });
    if (action.type === "disown") await disown(client, node, (uid) => action.uids.includes(uid));
    if (action.type !== "delete") return;
    if (action.unblock) await rewrite(client, node, (all) => all.map((owner) => ({ ...owner, blockOwnerDeletion: false })));
    const { namespace, name = "" } = node.metadata;
    await client.delete(node.resource, { namespace, name }, { propagationPolicy: action.policy, preconditions: { uid: uidOf(node) } });
  }

  async function reconcile(uid: Key): Promise<undefined> {
    const node = graph.node(uid);
    if (node === undefined) return undefined;
    try {
      if (!isDeleting(node)) await collect(node);
      else if (holds(node, ORPHAN)) {
        for (const dependent of graph.dependents(uid)) await disown(client, dependent, (owner) => owner === uid);
        await dropFinalizer(client, node, ORPHAN);
      } else if (holds(node, FOREGROUND)) {
        // the dependents go by their own keys: they see an owner that waits
        const blocking = graph
          .dependents(uid)
          .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true));
        if (blocking.length === 0) await dropFinalizer(client, node, FOREGROUND);
      }
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
    return undefined;
  }

  return { name: "garbage-collector", workers: 10, watches: [watching(graph.informer, concerned)], reconcile };
}

function isSame(known: Node, dependent: Node, owner: OwnerReference): boolean {
  const { metadata, kind, apiVersion } = known;
  return (
    metadata.name === owner.name &&
    kind === owner.kind &&
    parseApiVersion(apiVersion).group === parseApiVersion(owner.apiVersion).group &&
    (metadata.namespace === undefined || metadata.namespace === dependent.metadata.namespace)
  );
}

function isSolid(graph: OwnerGraph, node: Node, owner: OwnerReference): boolean {
  const known = graph.node(owner.uid);
  return known !== undefined && isSame(known, node, owner) && !isWaiting(known);
}

/** Where the owner would be; undefined when its kind is not served (it may come back: nothing is deleted for that). */
function coordinates(
  kinds: KindTable,
  dependent: Node,
  owner: OwnerReference,
): { readonly resource: Resource; readonly namespace: string | undefined; readonly name: string } | "cluster-scoped dependent" | undefined {
  const { group, version } = parseApiVersion(owner.apiVersion);
  const kind = kinds.byKind(group, version, owner.kind);
  if (kind === undefined) return undefined;
  if (kind.namespaced && dependent.metadata.namespace === undefined) return "cluster-scoped dependent";
  return {
    resource: { group, version, plural: kind.plural },
    namespace: kind.namespaced ? dependent.metadata.namespace : undefined,
    name: owner.name,
  };
}

const disown = (client: Client, node: Node, gone: (uid: string) => boolean) =>
  rewrite(client, node, (owners) => owners.filter(({ uid }) => !gone(uid)));

/** Changes the references of the live object; its version guards against what happened in between. */
async function rewrite(client: Client, node: Node, change: (owners: readonly OwnerReference[]) => readonly OwnerReference[]): Promise<void> {
  const { namespace, name = "", uid } = node.metadata;
  try {
    const { metadata } = await client.get(node.resource, { namespace, name });
    if (metadata.uid !== uid) return;
    const ownerReferences = change(metadata.ownerReferences ?? []);
    const patch = {
      metadata: { uid, resourceVersion: metadata.resourceVersion, ownerReferences: ownerReferences.length === 0 ? null : ownerReferences },
    };
    await client.patch(node.resource, { namespace, name }, { type: "merge", patch });
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
}

async function dropFinalizer(client: Client, node: Node, finalizer: string): Promise<void> {
  const { namespace, name = "", uid } = node.metadata;
  const { metadata } = await client.get(node.resource, { namespace, name });
  if (metadata.uid !== uid) return;
  const finalizers = (metadata.finalizers ?? []).filter((each) => each !== finalizer);
  if (finalizers.length === (metadata.finalizers ?? []).length) return;
  const patch = { metadata: { uid, resourceVersion: metadata.resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers } };
  await client.patch(node.resource, { namespace, name }, { type: "merge", patch });
}
