/** Reads of the server itself: current, unauthorized, without a user. For admission and authorization, not for callers. */
import type { Lookup } from "../admission/lookup.ts";
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";
import type { Context } from "./context.ts";
import { keyOf, prefixOf } from "./keys.ts";
import { kindOf } from "./context.ts";

export function lookupOf(context: Pick<Context, "store" | "codec" | "kinds">): Lookup {
  const { store, codec } = context;
  return {
    get<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, name: string) {
      const kind = kindOf(context, resource);
      const entry = store.get(keyOf(kind, namespace, name));
      return entry === undefined ? undefined : (codec(kind).decode(entry) as unknown as T);
    },
    async list<T extends KubeObject>(resource: Resource<T>, namespace?: string) {
      const kind = kindOf(context, resource);
      const { entries } = await store.range(prefixOf(kind, namespace));
      const { decode } = codec(kind);
      return entries.map((entry) => decode(entry) as unknown as T);
    },
  };
}
