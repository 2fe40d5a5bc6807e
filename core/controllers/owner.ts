/**
 * Ownership: which object controls which (Kubernetes, "Owners and Dependents"). A controller owns what refers to it by
 * uid, adopts orphans that its selector matches, and releases what no longer matches.
 */
import type { Client, Resource } from "../api/client.ts";
import type { KubeObject, OwnerReference } from "../api/meta.ts";
import type { Selector } from "../api/selector.ts";
import { matchesLabels } from "../api/selector.ts";
import { unlessGone } from "../api/status.ts";
import type { Informer, Key } from "../control/control.ts";

/** The index of objects by the uid of their controller; objects without one are under NO_OWNER + namespace. */
export const OWNER = "owner";
const noOwner = (namespace: string | undefined) => `none/${namespace ?? ""}`;

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function indexOwners<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(OWNER, (object) => [controllerOf(object)?.uid ?? noOwner(object.metadata.namespace)]);
}

export const owned = <T extends KubeObject>(informer: Informer<T>, uid: string): readonly T[] => informer.by(OWNER, uid);
export const orphans = <T extends KubeObject>(informer: Informer<T>, namespace: string): readonly T[] => informer.by(OWNER, noOwner(namespace));

export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The key of the controller of `object`, if it is of this kind. */
export function ownerKey(object: KubeObject, kind: string): readonly Key[] {
  const reference = controllerOf(object);
  if (reference?.kind !== kind) return [];
  return [`${object.metadata.namespace ?? ""}/${reference.name}`];
}

/**
 * Keys of those that may want this object: its controller, or, for an orphan, all whose selector matches.
 * `selectorOf` gives undefined for owners that select nothing.
 */
export function concerned<O extends KubeObject>(
  object: KubeObject,
  kind: string,
  owners: Informer<O>,
  selectorOf: (owner: O) => Selector | undefined,
): readonly Key[] {
  if (controllerOf(object) !== undefined) return ownerKey(object, kind);
  return owners
    .list(object.metadata.namespace)
    .filter((owner) => {
      const selector = selectorOf(owner);
      return selector !== undefined && matchesLabels(selector, object.metadata.labels);
    })
    .map((owner) => `${owner.metadata.namespace ?? ""}/${owner.metadata.name ?? ""}`);
}

export interface Claims<T> {
  readonly keep: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** Who stays, who comes, who goes. An owner that is being deleted neither adopts nor releases. */
export function claims<T extends KubeObject>(
  owner: KubeObject,
  selector: Selector,
  mine: readonly T[],
  free: readonly T[],
  adoptable: (object: T) => boolean = () => true,
): Claims<T> {
  const matches = (object: T) => matchesLabels(selector, object.metadata.labels);
  if (owner.metadata.deletionTimestamp !== undefined) return { keep: mine.filter(matches), adopt: [], release: [] };
  return {
    keep: mine.filter(matches),
    adopt: free.filter((object) => matches(object) && object.metadata.deletionTimestamp === undefined && adoptable(object)),
    // one that is going away keeps its owner until it is gone
    release: mine.filter((object) => !matches(object)),
  };
}

/** Carries claims out; the objects owned afterwards. */
export async function claim<O extends KubeObject, T extends KubeObject>(
  client: Client,
  of: { readonly owner: O; readonly owners: Resource<O>; readonly informer: Informer<T>; readonly selector: Selector },
  adoptable?: (object: T) => boolean,
): Promise<readonly T[]> {
  const { owner, owners, informer, selector } = of;
  const { namespace = "", name = "", uid = "" } = owner.metadata;
  const { keep, adopt, release } = claims(owner, selector, owned(informer, uid), orphans(informer, namespace), adoptable);
  if (adopt.length === 0 && release.length === 0) return keep;
  const all = [...keep];
  if (adopt.length > 0) {
    // the copy may be older than a deletion: an owner adopts only if the server still has it
    const live = await client.get(owners, { namespace, name });
    if (live.metadata.uid === uid && live.metadata.deletionTimestamp === undefined) {
      for (const object of adopt) {
        const references = [...(object.metadata.ownerReferences ?? []), controllerReference(owner)];
        const adopted = await setReferences(client, informer.resource, object, references);
        if (adopted !== undefined) all.push(adopted);
      }
    }
  }
  for (const object of release) {
    await setReferences(client, informer.resource, object, (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid));
  }
  return all;
}

/** undefined when the object is gone */
async function setReferences<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  references: readonly OwnerReference[],
): Promise<T | undefined> {
  const { namespace, name = "", uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion, ownerReferences: references.length === 0 ? null : references } };
  return (await unlessGone(client.patch(resource, { namespace, name }, { type: "merge", patch })))?.object;
}
