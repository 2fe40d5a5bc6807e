/**
 * The short hash of a template in names and labels (pod-template-hash, controller-revision-hash): FNV-1a over the
 * canonical JSON, written without vowels and look-alikes as Kubernetes does, so that it never spells a word.
 */
import { canonicalJson } from "./json.ts";

const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** `salt` moves the hash when its name is taken by something else (collisionCount). */
export function hashOf(value: unknown, salt: number | undefined): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(canonicalJson(value) + (salt === undefined || salt === 0 ? "" : `#${salt}`))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  // ten decimal digits hold 32 bits
  return [...String(hash).padStart(10, "0")].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join("");
}
