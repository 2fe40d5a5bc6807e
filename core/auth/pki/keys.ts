/** Private keys: made once, kept as PKCS #8 PEM. ECDSA P-256 everywhere, the curve that every TLS library on a device has. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { PRIVATE, readSecret, writeDurably } from "./files.ts";

export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" }).toString();
}

/** The key of a file; the file is made if it does not exist. @throws Error that names a file without a usable key */
export function keyAt(path: string): KeyObject {
  const text = readSecret(path);
  if (text === undefined) {
    const key = newKey();
    writeDurably(path, pemOf(key), PRIVATE);
    return key;
  }
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new Error(`${path} holds no private key; restore it from a backup`, { cause });
  }
}

export const publicKeyOf = (key: KeyObject): KeyObject => createPublicKey(key);

/** SubjectPublicKeyInfo */
export const publicDer = (key: KeyObject): Buffer => publicKeyOf(key).export({ type: "spki", format: "der" });
