/**
 * Certificate signing requests. Of a request only the public key is taken, after its signature proved that the sender
 * holds the private key; who the certificate is for, and for what, is decided by the caller and never by the request.
 */
import { createPublicKey } from "node:crypto";
import { badRequest } from "../../api/status.ts";
import * as x509 from "./x509.ts";

/** Characters of a PEM request: an RSA-8192 one with some names is about 4,000. */
const MAX_LENGTH = 16_384;
/** NIST SP 800-57: 2048 bits is the least; more than 8192 only costs verification time. */
const RSA_BITS = { least: 2_048, most: 8_192 } as const;
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** SubjectPublicKeyInfo, DER. @throws ApiError BadRequest that says what is wrong with the request */
export async function publicKeyOfCsr(pem: string): Promise<Uint8Array> {
  if (pem.length > MAX_LENGTH) throw badRequest(`the certificate signing request is longer than ${MAX_LENGTH} characters`);
  const request = parse(pem);
  const weakness = weaknessOf(request.publicKey);
  if (weakness !== undefined) throw badRequest(`the key of the certificate signing request ${weakness}`);
  if (!(await request.verify().catch(() => false))) {
    throw badRequest("the certificate signing request is not signed by the key that it carries");
  }
  return new Uint8Array(request.publicKey.rawData);
}

function parse(pem: string): x509.Pkcs10CertificateRequest {
  try {
    if (!pem.includes("-----BEGIN CERTIFICATE REQUEST-----")) throw new Error("no PEM block");
    return new x509.Pkcs10CertificateRequest(pem);
  } catch {
    throw badRequest("not a certificate signing request: expected a PEM block CERTIFICATE REQUEST (PKCS #10)");
  }
}

function weaknessOf(key: x509.PublicKey): string | undefined {
  let details;
  let type: string | undefined;
  try {
    const parsed = createPublicKey({ key: Buffer.from(key.rawData), format: "der", type: "spki" });
    type = parsed.asymmetricKeyType;
    details = parsed.asymmetricKeyDetails;
  } catch {
    return "cannot be read";
  }
  if (type === "ed25519") return undefined;
  if (type === "ec") {
    return CURVES.has(details?.namedCurve ?? "") ? undefined : `uses the curve ${details?.namedCurve}; use P-256, P-384 or P-521`;
  }
  if (type !== "rsa") return `is of type ${type}; use ECDSA, Ed25519 or RSA`;
  const bits = details?.modulusLength ?? 0;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) return `has ${bits} bits; use ${RSA_BITS.least} to ${RSA_BITS.most}`;
  return (details?.publicExponent ?? 0n) < 65_537n ? "has a small public exponent; use 65537" : undefined;
}
