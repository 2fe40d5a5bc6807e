/**
 * Changes that the server makes by itself as part of a request that was authorized and admitted already (the pod of a
 * binding, the budget of an eviction): read, decide, compare-and-swap, again.
 */
import type { Target } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { Context } from "./context.ts";
import { current } from "./get.ts";
import { isConflict, modified, rethrow } from "./store-errors.ts";

/** See TRIES in change.ts. */
const TRIES = 64;

/** @throws ApiError "NotFound", and what `next` throws */
export async function touch(
  context: Pick<Context, "store" | "codec">,
  kind: Kind,
  target: Target,
  dryRun: boolean,
  next: (old: AnyObject) => AnyObject,
): Promise<AnyObject> {
  const codec = context.codec(kind);
  for (let left = TRIES; left > 0; left--) {
    const entry = current(context, kind, target);
    const old = codec.decode(entry);
    const object = next(old);
    if (dryRun || object === old) return object;
    try {
      return codec.adopt(await context.store.put(entry.key, codec.encode(object), entry.revision), object);
    } catch (error) {
      if (!isConflict(error)) return rethrow(error);
    }
  }
  throw modified(kind, target.name);
}
