/** A store whose writes are refused from the moment another process takes the fence: for what one process alone may do. */
import type { Fence, Store } from "./store.ts";

export function fencedStore(store: Store, fence: Fence): Store {
  return {
    ...store,
    put: (key, value, expected) => store.put(key, value, expected, fence),
    delete: (key, expected) => store.delete(key, expected, fence),
  };
}
