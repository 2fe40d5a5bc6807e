/** Certificates for broker and enrollment tests: one CA, and leaves with any subject. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { BasicConstraintsExtension, cryptoProvider, PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import type { X509Certificate } from "@peculiar/x509";

cryptoProvider.set(webcrypto as typeof globalThis.crypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface Leaf {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TestCa {
  readonly pem: string;
  leaf(subject: string): Promise<Leaf>;
  /** signs a public key, as an enrollment does */
  sign(subject: string, publicKey: webcrypto.CryptoKey): Promise<string>;
}

export const generateKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;

export async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}

export async function testCa(name = "CN=test-ca"): Promise<TestCa> {
  const keys = await generateKeys();
  const window = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const root: X509Certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
    ...window,
  });
  const pem = root.toString("pem");
  let serial = 1;
  const sign = async (subject: string, publicKey: webcrypto.CryptoKey) => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (serial++).toString(16).padStart(4, "0"),
      subject,
      issuer: root.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }, { type: "ip", value: "127.0.0.1" }])],
      ...window,
    });
    return certificate.toString("pem");
  };
  return {
    pem,
    sign,
    async leaf(subject) {
      const leafKeys = await generateKeys();
      return { ca: pem, cert: await sign(subject, leafKeys.publicKey), key: await keyPem(leafKeys) };
    },
  };
}
