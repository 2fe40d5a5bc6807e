/**
 * Who owns whom, over all kinds: nodes by uid and dependents by their owners' uids. It keeps of each object only what
 * the garbage collector asks about, some hundred bytes, whatever the object's size.
 */
import type { Client, Resource } from "../api/client.ts";
import type { KindTable } from "../api/kinds.ts";
import type { KubeObject, OwnerReference } from "../api/meta.ts";
import type { Cache } from "../control/cache.ts";
import { cache } from "../control/cache.ts";
import type { Informer } from "../control/control.ts";
import type { InformerDeps } from "../control/informers.ts";
import { follow } from "../control/informers.ts";
import { present } from "./json.ts";

export interface OwnerGraph {
  node(uid: string): Node | undefined;
  dependents(uid: string): readonly Node[];
  /** the graph as the loop sees it: changes of all kinds, keyed by uid */
  readonly informer: Informer<Node>;
}

/** An object without its content. */
export interface Node extends KubeObject {
  readonly resource: Resource;
}

/** The finalizers that ask the garbage collector to act (Kubernetes, "Garbage Collection"). */
export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";
/** Kinds that come later (custom resources) are followed after at most this long. */
const KINDS_MS = 5_000;
/** They have no dependents and are many. */
const ignored = (plural: string, group: string) => plural === "events" && (group === "" || group === "events.k8s.io");

export function ownerGraph(client: Client, kinds: KindTable, deps: InformerDeps): OwnerGraph {
  const nodes = new Map<string, Node>();
  const dependents = new Map<string, Map<string, Node>>();
  const listeners = new Set<(now: Node | undefined, old: Node | undefined) => void>();
  const followed = new Map<string, { readonly copy: Cache<Node>; readonly abort: AbortController }>();
  let revision = -1;

  const link = (node: Node) => {
    for (const { uid } of node.metadata.ownerReferences ?? []) {
      const bucket = dependents.get(uid);
      if (bucket === undefined) dependents.set(uid, new Map([[node.metadata.uid ?? "", node]]));
      else bucket.set(node.metadata.uid ?? "", node);
    }
  };
  const unlink = (node: Node) => {
    for (const { uid } of node.metadata.ownerReferences ?? []) {
      const bucket = dependents.get(uid);
      bucket?.delete(node.metadata.uid ?? "");
      if (bucket?.size === 0) dependents.delete(uid);
    }
  };
  const change = (now: Node | undefined, old: Node | undefined) => {
    if (old !== undefined) {
      unlink(old);
      nodes.delete(old.metadata.uid ?? "");
    }
    if (now !== undefined) {
      nodes.set(now.metadata.uid ?? "", now);
      link(now);
    }
    for (const listener of listeners) listener(now, old);
  };
  const start = (resource: Resource): Promise<void> => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, deps.signal]);
    const copy = cache<Node>((error) => deps.log.error({ error }, "the garbage collector's listener failed"));
    copy.subscribe(change);
    followed.set(nameOf(resource), { copy, abort });
    const shrink = (object: KubeObject) => nodeOf(object, resource);
    return follow(
      client,
      resource,
      {
        replace: (objects, at) => copy.replace(objects.map(shrink), at),
        apply: (type, object) => copy.apply(type, shrink(object)),
        reached: copy.reached,
        revision: copy.revision,
      },
      { ...deps, signal },
    );
  };
  const followKinds = (): Promise<void>[] => {
    if (kinds.revision() === revision) return [];
    revision = kinds.revision();
    const wanted = new Map(collectable(kinds).map((resource) => [nameOf(resource), resource]));
    for (const [name, { copy, abort }] of followed) {
      if (wanted.has(name)) continue;
      abort.abort();
      followed.delete(name);
      copy.replace([], Number.MAX_SAFE_INTEGER);
    }
    return [...wanted].filter(([name]) => !followed.has(name)).map(([, resource]) => start(resource));
  };
  const again = () => {
    if (deps.signal.aborted) return;
    deps.clock.after(KINDS_MS, () => {
      followKinds();
      again();
    });
  };
  const synced = Promise.all(followKinds()).then(() => undefined);
  again();

  return {
    node: (uid) => nodes.get(uid),
    dependents: (uid) => [...(dependents.get(uid)?.values() ?? [])],
    informer: {
      resource: { group: "", version: "", plural: "objects" },
      get: (uid) => nodes.get(uid),
      list: (namespace) => [...nodes.values()].filter((node) => namespace === undefined || node.metadata.namespace === namespace),
      by: (_index, uid) => [...(dependents.get(uid)?.values() ?? [])],
      addIndex: () => undefined,
      subscribe(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      synced: () => synced,
    },
  };
}

const nameOf = (resource: Resource) => `${resource.group}/${resource.version}/${resource.plural}`;

/** Every resource once, under the version it is stored in. */
function collectable(kinds: KindTable): readonly Resource[] {
  const resources = new Map<string, Resource>();
  for (const { group, version, plural, storageVersion, verbs } of kinds.all()) {
    if (ignored(plural, group) || !verbs.includes("watch") || !verbs.includes("list") || !verbs.includes("delete")) continue;
    const name = `${group}/${plural}`;
    if (!resources.has(name) || version === storageVersion) resources.set(name, { group, version, plural });
  }
  return [...resources.values()];
}

function nodeOf({ apiVersion, kind, metadata }: KubeObject, resource: Resource): Node {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, ownerReferences, finalizers } = metadata;
  const held = finalizers?.filter((finalizer) => finalizer === FOREGROUND || finalizer === ORPHAN);
  return {
    apiVersion,
    kind,
    resource,
    metadata: present({
      name,
      namespace,
      uid,
      resourceVersion,
      deletionTimestamp,
      ownerReferences: ownerReferences?.length === 0 ? undefined : (ownerReferences as readonly OwnerReference[] | undefined),
      finalizers: held?.length === 0 ? undefined : held,
    }),
  };
}
