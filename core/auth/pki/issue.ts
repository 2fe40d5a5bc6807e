/**
 * Certificates from a CA key. This file and csr.ts are loaded when a certificate is made, not at start: the library behind
 * them is a seventh of the code that a start would read.
 *
 * Valid from 1970: boards without a battery clock boot in the past, and a certificate that is "not yet valid" then keeps
 * them from ever reaching the server that could tell them the time. Nothing is lost, because nobody but this CA decides
 * when a certificate begins to be used. What limits a certificate is its end.
 */
import type { KeyObject } from "node:crypto";
import { isIP } from "node:net";
import type { Clock } from "../../api/clock.ts";
import type { Entropy } from "../../api/entropy.ts";
import { publicKeyOf } from "./keys.ts";
import * as x509 from "./x509.ts";

const VALID_FROM = new Date(0);
/** RFC 5280 §4.1.2.5: "no well-defined expiration date". There is no CA rotation, so an end would only be an outage. */
const FOREVER = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));
/** Bytes of a serial number, RFC 5280 §4.1.2.2 allows 20. */
const SERIAL_BYTES = 16;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export type Usage = "client" | "server";

export interface Leaf {
  readonly commonName: string;
  readonly organizations?: readonly string[] | undefined;
  /** SubjectPublicKeyInfo, DER */
  readonly publicKey: Uint8Array;
  readonly ttlMs: number;
  readonly usages: readonly Usage[];
  /** DNS names and IP addresses */
  readonly names?: readonly string[] | undefined;
}

export interface Issuer {
  /** PEM */
  issue(leaf: Leaf): Promise<string>;
}

/** PEM */
export async function newCaCertificate(key: KeyObject, entropy: Entropy): Promise<string> {
  const keys = cryptoKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(entropy),
    name: [{ CN: [`lichen-${entropy.suffix(6)}`] }],
    notBefore: VALID_FROM,
    notAfter: FOREVER,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pem(certificate);
}

/** `caCertificate`: PEM */
export async function issuer(caCertificate: string, key: KeyObject, clock: Clock, entropy: Entropy): Promise<Issuer> {
  const { privateKey } = cryptoKeys(key);
  const certificate = new x509.X509Certificate(caCertificate);
  return {
    async issue({ commonName, organizations = [], publicKey, ttlMs, usages, names = [] }) {
      const issued = await x509.X509CertificateGenerator.create({
        serialNumber: serial(entropy),
        // As data, not as text: a comma in a name stays a comma.
        subject: new x509.Name([...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }]),
        issuer: certificate.subjectName,
        notBefore: VALID_FROM,
        notAfter: new Date(Math.min(clock.now() + ttlMs, FOREVER.getTime())),
        publicKey: new x509.PublicKey(publicKey),
        signingKey: privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension(usages.map((usage) => (usage === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth))),
          await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey),
          ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names.map(generalName))]),
        ],
      });
      return pem(issued);
    },
  };
}

const pem = (certificate: x509.X509Certificate) => `${certificate.toString("pem").trimEnd()}\n`;

function generalName(name: string): { readonly type: "ip" | "dns"; readonly value: string } {
  return { type: isIP(name) === 0 ? "dns" : "ip", value: name };
}

function cryptoKeys(key: KeyObject) {
  return {
    privateKey: key.toCryptoKey(algorithm, false, ["sign"]),
    publicKey: publicKeyOf(key).toCryptoKey(algorithm, true, ["verify"]),
  };
}

/** Random and positive, so that its encoding has no sign. */
function serial(entropy: Entropy): string {
  const bytes = Uint8Array.from(entropy.bytes(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}
