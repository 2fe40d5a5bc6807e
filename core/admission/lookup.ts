/**
 * What plugins read besides the request: the current state of the store, not a cache that lags, so that an object made a
 * moment ago is seen. Reading is not on behalf of the user, therefore not authorized.
 */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";

export interface Lookup {
  get<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined, name: string): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): Promise<readonly T[]>;
}
