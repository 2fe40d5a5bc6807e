/**
 * Addresses and ranges (KEP-4858). Old fields accept what everybody reads alike: no leading zeros, no IPv4 inside IPv6, no
 * bits beyond the prefix. Newer ones accept the canonical form alone.
 */
import { isIP, isIPv4, SocketAddress } from "node:net";
import type { NameRule } from "../../names.ts";

const IP_WRONG = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR_WRONG = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes("%");
const withoutZeros = (text: string): string => (/^[\d.]+$/.test(text) ? text.replace(/\b0+(?=\d)/g, "") : text);
/** ::ffff:10.0.0.1 */
const holdsIpv4 = (address: string): boolean => isIP(address) === 6 && /^(?:0*:)*:?ffff:(?:[\d.]+|[\da-f]{1,4}:[\da-f]{1,4})$/i.test(address);

export const ipAddress: NameRule = (text) => {
  if (!isAddress(text)) return [isAddress(withoutZeros(text)) ? "must not have leading 0s" : IP_WRONG];
  return holdsIpv4(text) ? ["must not be an IPv4-mapped IPv6 address"] : [];
};

const isRange = (text: string): boolean => {
  const [, address = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  return isAddress(address) && Number(bits) <= (isIPv4(address) ? 32 : 128);
};

export const cidr: NameRule = (text) => {
  const [address = "", bits = ""] = text.split("/");
  const plain = `${withoutZeros(address)}/${bits.replace(/^0+(?=\d)/, "")}`;
  if (!isRange(text) && !(text.split("/").length === 2 && isRange(plain))) return [CIDR_WRONG];
  if (text !== plain) return ["must not have leading 0s in IP or prefix length"];
  if (holdsIpv4(address)) return ["must not have an IPv4-mapped IPv6 address"];
  return networkOf(address, Number(bits)) === canonical(address) ? [] : ["must not have bits set beyond the prefix length"];
};

/** The text that the same address has in canonical form. */
const canonical = (address: string): string => new SocketAddress({ address, family: isIP(address) === 6 ? "ipv6" : "ipv4" }).address;

export const canonicalIp: NameRule = (text) => {
  const wrong = ipAddress(text);
  if (wrong.length > 0) return wrong;
  const form = canonical(text);
  return form === text ? [] : [`must be in canonical form ("${form}")`];
};

export const canonicalCidr: NameRule = (text) => {
  const wrong = cidr(text);
  if (wrong.length > 0) return wrong;
  const [address = "", bits = ""] = text.split("/");
  const form = `${networkOf(address, Number(bits))}/${bits}`;
  return form === text ? [] : [`must be in canonical form ("${form}")`];
};

/** An address of an interface, with the length of its network's prefix. */
export const interfaceAddress: NameRule = (text) => {
  const [address = "", bits = ""] = text.split("/");
  const plain = `${withoutZeros(address)}/${bits.replace(/^0+(?=\d)/, "")}`;
  if (!isRange(plain) || text.split("/").length !== 2) return ["must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"];
  const form = `${canonical(withoutZeros(address))}/${bits.replace(/^0+(?=\d)/, "")}`;
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
