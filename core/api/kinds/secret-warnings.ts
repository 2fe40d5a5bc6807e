/** What is wrong with the pair of a TLS secret: it is stored all the same, only nobody can use it. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Secret } from "../types.gen.ts";

export function secretWarnings({ type, data }: Secret): readonly string[] {
  if (type !== "kubernetes.io/tls") return [];
  const text = (key: string) => Buffer.from(data?.[key] ?? "", "base64").toString("latin1");
  const wrong = wrongPair(text("tls.crt"), text("tls.key"));
  return wrong === undefined ? [] : [`tls: ${wrong}`];
}

interface Block {
  readonly label: string;
  readonly pem: string;
}

const blocksOf = (text: string): readonly Block[] =>
  [...text.matchAll(/-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/g)].map(([pem, label = ""]) => ({ pem, label }));

const isKey = ({ label }: Block): boolean => label === "PRIVATE KEY" || label.endsWith(" PRIVATE KEY");

function wrongPair(certificates: string, keys: string): string | undefined {
  const given = blocksOf(certificates);
  const certificate = given.find(({ label }) => label === "CERTIFICATE");
  if (certificate === undefined) return missingCertificate(given);
  const found = blocksOf(keys);
  const key = found.find(isKey);
  if (key === undefined) return missingKey(found);
  try {
    const parsed = new X509Certificate(certificate.pem);
    return parsed.checkPrivateKey(createPrivateKey(key.pem)) ? undefined : "private key does not match public key";
  } catch {
    return "failed to parse private key";
  }
}

function missingCertificate(given: readonly Block[]): string {
  if (given.length === 0) return "failed to find any PEM data in certificate input";
  if (given.length === 1 && given.some(isKey)) return "failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched";
  return `failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${given.map(({ label }) => label).join(" ")}]`;
}

function missingKey(found: readonly Block[]): string {
  if (found.length === 0) return "failed to find any PEM data in key input";
  if (found.length === 1 && found[0]?.label === "CERTIFICATE") return "found a certificate rather than a key in the PEM for the private key";
  return `failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${found.map(({ label }) => label).join(" ")}]`;
}
