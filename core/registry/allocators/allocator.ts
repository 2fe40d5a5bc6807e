/**
 * What a kind takes from a shared supply (addresses and ports of Services) while its object is written. Taking happens
 * before validation, as in Kubernetes, and is undone when the write fails; letting go happens after the write.
 */
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import { StoreError } from "../../store/store.ts";

export interface Allocation {
  /** the object with what it got */
  readonly object: AnyObject;
  /** the object is stored: what it no longer uses becomes free */
  commit(): Promise<void>;
  /** the object was not stored: what was taken for it becomes free */
  undo(): Promise<void>;
}

export interface Allocator {
  /** `old` as stored, undefined for a new object. @throws ApiError "Invalid" for what is taken or outside of the supply */
  begin(object: AnyObject, old: AnyObject | undefined, dryRun: boolean): Promise<Allocation>;
  /** the object is gone */
  released(object: AnyObject): Promise<void>;
}

/** By "group/plural". */
export interface Allocators {
  readonly [resource: string]: Allocator;
}

export const allocatorOf = (allocators: Allocators | undefined, kind: Kind): Allocator | undefined => allocators?.[`${kind.group}/${kind.plural}`];

/** Runs a write between taking and letting go. */
export async function allocating(
  allocator: Allocator | undefined,
  { object, old, dryRun }: { readonly object: AnyObject; readonly old: AnyObject | undefined; readonly dryRun: boolean },
  write: (object: AnyObject) => Promise<AnyObject>,
): Promise<AnyObject> {
  if (allocator === undefined) return write(object);
  const allocation = await allocator.begin(object, old, dryRun);
  try {
    const written = await write(allocation.object);
    await allocation.commit();
    return written;
  } catch (error) {
    // With the store out of reach nobody knows if the object is there: what it has taken is found to be unused later.
    if (!(error instanceof StoreError) || error.reason === "conflict") await allocation.undo();
    throw error;
  }
}
