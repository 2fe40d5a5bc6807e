/**
 * Who vouches for a module: the server signs what it transpiled, Ed25519 or ECDSA on P-256. Any other kind of key is
 * refused, so that a signature never means less than that.
 */
import { createPublicKey, verify } from "node:crypto";
import { statementOf } from "./host/spec.ts";
import type { SignedModule } from "./host/spec.ts";

/** @returns whether one of the keys (PEM, SPKI) signed this module for this component */
export function isSigned(module: Pick<SignedModule, "componentDigest" | "moduleDigest" | "signature">, publicKeys: readonly string[]): boolean {
  const signature = Buffer.from(module.signature, "base64");
  const statement = statementOf(module);
  return publicKeys.some((pem) => isSignedBy(pem, statement, signature));
}

function isSignedBy(pem: string, statement: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey(pem);
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return verify(null, statement, key, signature);
    case "ec":
      if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false;
      return verify("sha256", statement, { key, dsaEncoding: "der" }, signature);
    default:
      return false;
  }
}
