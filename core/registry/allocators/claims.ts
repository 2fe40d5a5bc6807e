/**
 * Claims: keys that exist while something is taken. Two servers that want the same thing meet at the creation of one
 * key, and one of them loses. A claim whose owner does not have what it claims is left over from a server that died
 * between the claim and the object: it can be taken over once the write it belonged to must have ended.
 */
import type { Clock } from "../../api/clock.ts";
import type { Entry, Store } from "../../store/store.ts";
import { isConflict } from "../store-errors.ts";

/** A write ends long before this, or its client is gone. */
const WRITE_MS = 60_000;

export interface Claim {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface Claims {
  taken(key: string): boolean;
  /** false: somebody else has it */
  take(claim: Claim): Promise<boolean>;
  free(key: string): Promise<void>;
}

/** `claimedAt` is when a claim was made in milliseconds, or undefined while its owner uses it. */
export function claims(store: Store, clock: Pick<Clock, "now">, claimedAt: (entry: Entry) => number | undefined): Claims {
  const isStale = (entry: Entry) => {
    const at = claimedAt(entry);
    return at !== undefined && clock.now() - at > WRITE_MS;
  };

  async function take({ key, value }: Claim): Promise<boolean> {
    const there = store.get(key);
    if (there !== undefined && !isStale(there)) return false;
    try {
      await store.put(key, value, there?.revision ?? 0);
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  return {
    taken: (key) => {
      const entry = store.get(key);
      return entry !== undefined && !isStale(entry);
    },
    take,
    async free(key) {
      const entry = store.get(key);
      if (entry === undefined) return;
      await store.delete(key, entry.revision).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      });
    },
  };
}
