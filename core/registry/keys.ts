/**
 * Where objects lie in the store: /registry/<group>/<plural>/[<namespace>/]<name>. All versions of a resource share a
 * key, and so do the two groups of events. Keys sort as Kubernetes sorts lists: by namespace, then by name.
 */
import type { Kind } from "../api/kinds.ts";

/** Prefix of all keys of a kind, or of one namespace. */
export function prefixOf(kind: Kind, namespace?: string): string {
  const group = kind.storageGroup ?? kind.group;
  const base = `/registry/${group === "" ? "core" : group}/${kind.plural}/`;
  return kind.namespaced && namespace !== undefined && namespace !== "" ? `${base}${namespace}/` : base;
}

export function keyOf(kind: Kind, namespace: string | undefined, name: string): string {
  return prefixOf(kind, namespace) + name;
}
