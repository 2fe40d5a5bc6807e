/** Secrets as text: made without bias, compared without telling by time where they differ. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Entropy } from "../../api/entropy.ts";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
/** The largest multiple of the alphabet's length in a byte: bytes from here on would favour the first letters. */
const UNBIASED = 252;

export function randomText(length: number, entropy: Entropy): string {
  let text = "";
  while (text.length < length) {
    for (const byte of entropy.bytes(length)) if (byte < UNBIASED && text.length < length) text += alphabet[byte % alphabet.length];
  }
  return text;
}

export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

/** SHA-256: a key for maps that hold secrets, whose lookup then says nothing about the secret itself. */
export function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
