import { randomBytes, randomUUID } from "node:crypto";

/** Randomness as an argument, for the same reason as Clock. */
export interface Entropy {
  /** a version 4 UUID */
  uid(): string;
  /** the suffix that the server adds to generateName: `length` characters without vowels and look-alikes */
  suffix(length?: number): string;
  bytes(count: number): Uint8Array;
  /** uniform in [0, 1) */
  fraction(): number;
}

/** Characters of generated names: no vowels (no words), no 0 1 3 (look-alikes). */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Random bytes fetched ahead for suffixes: asking the generator costs ten times more than using what it gives. */
const POOL_BYTES = 1_024;

function suffixes(): Entropy["suffix"] {
  let pool: Uint8Array = new Uint8Array(0);
  let used = 0;
  return (length = 5) => {
    if (used + length > pool.length) {
      pool = randomBytes(Math.max(POOL_BYTES, length));
      used = 0;
    }
    let text = "";
    for (const byte of pool.subarray(used, used + length)) text += alphabet[byte % alphabet.length];
    used += length;
    return text;
  };
}

export const systemEntropy: Entropy = {
  uid: () => randomUUID(),
  suffix: suffixes(),
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
};
