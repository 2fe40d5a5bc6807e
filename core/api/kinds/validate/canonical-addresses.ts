/** Addresses and ranges in the one form that newer fields accept (KEP-4858): no leading zeros, no host bits, lower case. */
import { isIP, SocketAddress } from "node:net";
import type { NameRule } from "../../names.ts";
import { CIDR_WRONG, IP_WRONG, cidr, ipAddress } from "./text-rules.ts";

/** The text that the same address has in canonical form. */
const canonical = (address: string): string => new SocketAddress({ address, family: isIP(address) === 6 ? "ipv6" : "ipv4" }).address;

export const canonicalIp: NameRule = (text) => {
  if (ipAddress(text).length > 0) return [IP_WRONG];
  const form = canonical(text);
  return form === text ? [] : [`must be in canonical form ("${form}")`];
};

export const canonicalCidr: NameRule = (text) => {
  if (cidr(text).length > 0) return [CIDR_WRONG];
  const [address = "", bits = ""] = text.split("/");
  const form = `${networkOf(address, Number(bits))}/${bits}`;
  return form === text ? [] : [`must be in canonical form ("${form}")`];
};

function networkOf(address: string, bits: number): string {
  const bytes = bytesOf(address);
  const masked = bytes.map((byte, index) => {
    const kept = Math.max(0, Math.min(8, bits - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  if (masked.length === 4) return masked.join(".");
  const words = Array.from({ length: 8 }, (_, index) => (((masked[index * 2] ?? 0) << 8) | (masked[index * 2 + 1] ?? 0)).toString(16));
  return canonical(words.join(":"));
}

const groups = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));

function bytesOf(address: string): readonly number[] {
  if (isIP(address) === 4) return address.split(".").map(Number);
  const [head = "", tail] = canonical(address).split("::");
  const before = groups(head);
  const after = groups(tail ?? "");
  const all = tail === undefined ? before : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after];
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}
