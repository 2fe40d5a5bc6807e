/** The errors of a store in the words that an operator reads. */
import type { Entry } from "./store.ts";
import { StoreError } from "./store.ts";

export const closedError = () => new StoreError("closed", "the store is closed");

export const fencedError = () => new StoreError("fenced", "another server has taken over what this one did");

export function compactedError(revision: number, compacted: number): StoreError {
  return new StoreError("compacted", `revision ${revision} is compacted, history begins at ${compacted}`);
}

export function futureError(revision: number, last: number): StoreError {
  return new StoreError("future", `revision ${revision} does not exist yet, the last one is ${last}`);
}

export function conflict(key: string, expected: number, current: Entry | undefined): StoreError {
  const is = current === undefined ? "does not exist" : `is at revision ${current.revision}`;
  return new StoreError("conflict", `${key} ${is}, the write expected ${expected === 0 ? "no value" : `revision ${expected}`}`, { current });
}
