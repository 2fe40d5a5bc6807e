/** What an update of a subresource takes over into the stored object: the kind says, or it is the field of that name. */
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import { omit } from "../omit.ts";

export type Merge = (update: AnyObject, old: AnyObject) => AnyObject;

export function mergeOf(kind: Kind, subresource: string): Merge {
  const own = kind.hooks.mergeSubresource;
  if (own !== undefined && Object.hasOwn(own, subresource)) {
    const merge = own[subresource];
    if (merge !== undefined) return merge;
  }
  return subresource === "status" ? mergeStatus(kind) : (update, old) => ({ ...old, [subresource]: update[subresource] });
}

/** Labels and annotations of a built-in object may change with its status, owners may not. */
function mergeStatus(kind: Kind): Merge {
  const builtIn = kind.schema.name.startsWith("io.k8s.");
  return (update, old) => {
    const metadata = builtIn ? update.metadata : { ...old.metadata, ...pick(update.metadata, "managedFields") };
    const merged = { ...omit(old, "status"), metadata } as AnyObject;
    return update.status === undefined ? merged : { ...merged, status: update.status };
  };
}

function pick<T extends object, K extends keyof T>(from: T, key: K): Partial<T> {
  return from[key] === undefined ? {} : ({ [key]: from[key] } as unknown as Partial<T>);
}
