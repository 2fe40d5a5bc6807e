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

export const systemEntropy: Entropy = {
  uid: () => randomUUID(),
  suffix(length = 5) {
    let text = "";
    for (const byte of randomBytes(length)) text += alphabet[byte % alphabet.length];
    return text;
  },
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
};
