/** Informers for those who may be replaced while the process goes on: their subscriptions end with a signal. */
import type { KubeObject } from "../api/meta.ts";
import type { Resource } from "../api/client.ts";
import type { Informer } from "./control.ts";
import type { SharedInformers } from "./informers.ts";

export function informersUntil(signal: AbortSignal, informers: SharedInformers): SharedInformers {
  return {
    ...informers,
    of<T extends KubeObject>(resource: Resource<T>): Informer<T> {
      const shared = informers.of(resource);
      return {
        ...shared,
        subscribe(listener) {
          const unsubscribe = shared.subscribe(listener);
          signal.addEventListener("abort", unsubscribe, { once: true });
          return () => {
            signal.removeEventListener("abort", unsubscribe);
            unsubscribe();
          };
        },
      };
    },
  };
}
