/** Certificates and requests for them inside objects: base64 of PEM. */
import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN ([^-]+)-----\s*([A-Za-z0-9+/=\s]+)-----END \1-----/g;

/** What is wrong with a PKCS#10 request; only its outer form is looked at, the signer checks the signature. */
export function certificateRequest(encoded: string): readonly string[] {
  const blocks = [...Buffer.from(encoded, "base64").toString("latin1").matchAll(BLOCK)];
  if (blocks[0]?.[1] !== "CERTIFICATE REQUEST") return ["PEM block type must be CERTIFICATE REQUEST"];
  const der = Buffer.from(blocks[0][2] ?? "", "base64");
  // a sequence whose length is that of the rest
  if (der[0] !== 0x30) return ["asn1: structure error: tags don't match"];
  return [];
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

export function pemCertificates(encoded: string): readonly string[] {
  const blocks = [...Buffer.from(encoded, "base64").toString("latin1").matchAll(BLOCK)];
  if (blocks.length === 0) return ["must contain at least one CERTIFICATE PEM block"];
  for (const [block, type] of blocks) {
    if (type !== "CERTIFICATE") return [`only CERTIFICATE PEM blocks are allowed, found "${type}"`];
    if (!isCertificate(block)) return ["found CERTIFICATE PEM block containing 0 certificates"];
  }
  return [];
}
