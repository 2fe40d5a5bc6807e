/** The server's side of a module's signature; `host/signature.ts` is the device's. */
import { createPrivateKey, sign } from "node:crypto";
import { statementOf } from "./host/spec.ts";

/** @param pem private key, PKCS#8: Ed25519 or P-256. @returns base64. @throws Error for any other key */
export function moduleSigner(pem: string): (of: { readonly componentDigest: string; readonly moduleDigest: string }) => string {
  const key = createPrivateKey(pem);
  const p256 = key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!p256 && key.asymmetricKeyType !== "ed25519") throw new Error("modules are signed with an Ed25519 or P-256 key");
  return (of) => sign(p256 ? "sha256" : null, statementOf(of), key).toString("base64");
}
