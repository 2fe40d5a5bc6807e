/**
 * A certificate request (PKCS #10, RFC 2986) for a P-256 key. It is five nested DER values, so the agent writes them
 * itself: an X.509 library would be the largest thing a small device loads, for one message in a certificate's life.
 */
import { createPublicKey, sign, type KeyObject } from "node:crypto";

const SEQUENCE = 0x30;
const SET = 0x31;
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
/** 2.5.4.3 */
const COMMON_NAME = Buffer.from("0603550403", "hex");

/** PEM; `key`: private, P-256 */
export function certificateRequest(key: KeyObject, commonName: string): string {
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const info = der(SEQUENCE, Buffer.from([0x02, 0x01, 0x00]), name, publicKey, der(0xa0));
  const signature = der(0x03, Buffer.from([0]), sign("sha256", info, key));
  return pem("CERTIFICATE REQUEST", der(SEQUENCE, info, der(SEQUENCE, ECDSA_WITH_SHA256), signature));
}

export function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...header]), body]);
}
