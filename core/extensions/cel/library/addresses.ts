/** ip(), cidr(), isIP(), isCIDR() (KEP-4204). Addresses are numbers with a length, so that ranges are comparisons. */
import type { Environment } from "@marcbachmann/cel-js";
import { isIPv4, isIPv6 } from "node:net";
import { functionError } from "../errors.ts";

export class IP {
  readonly bits: bigint;
  readonly family: 4 | 6;
  constructor(bits: bigint, family: 4 | 6) {
    this.bits = bits;
    this.family = family;
  }
  toString(): string {
    return this.family === 4 ? ipv4Text(this.bits) : ipv6Text(this.bits);
  }
}

export class CIDR {
  readonly address: IP;
  readonly length: number;
  constructor(address: IP, length: number) {
    this.address = address;
    this.length = length;
  }
  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

const ipv4Text = (bits: bigint) => [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".");

/** RFC 5952: the longest run of zeros is "::", the first of equals; one zero alone stays. */
function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === "0") length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(":");
  return `${groups.slice(0, best.at).join(":")}::${groups.slice(best.at + best.length).join(":")}`;
}

function parseIp(text: string): IP | string {
  if (text.includes("%")) return `ParseAddr(${JSON.stringify(text)}): IPv6 zones cannot be present`;
  if (isIPv4(text)) return new IP(text.split(".").reduce((bits, part) => (bits << 8n) | BigInt(part), 0n), 4);
  if (!isIPv6(text)) return `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`;
  if (text.includes(".")) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`;
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return new IP([...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n), 6);
}

const widthOf = (family: 4 | 6) => (family === 4 ? 32 : 128);

function parseCidr(text: string): CIDR | string {
  const wrong = `CIDR Address ${JSON.stringify(text)} parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): unable to parse`;
  const [, address = "", length = ""] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const ip = parseIp(address);
  return typeof ip === "string" || Number(length) > widthOf(ip.family) ? wrong : new CIDR(ip, Number(length));
}

function known<T>(parsed: T | string): T {
  if (typeof parsed === "string") throw functionError(parsed);
  return parsed;
}

const ip = (text: string) => known(parseIp(text));
const cidr = (text: string) => known(parseCidr(text));

function masked({ address, length }: CIDR): IP {
  const shift = BigInt(widthOf(address.family) - length);
  return new IP((address.bits >> shift) << shift, address.family);
}

function contains(range: CIDR, address: IP): boolean {
  if (range.address.family !== address.family) return false;
  const shift = BigInt(widthOf(address.family) - range.length);
  return range.address.bits >> shift === address.bits >> shift;
}

const containsRange = (range: CIDR, inner: CIDR) => inner.length >= range.length && contains(range, inner.address);

/** Ranges of each family, as the Go functions of the same names know them. */
const ranges = {
  isLoopback: ["127.0.0.0/8", "::1/128"],
  isLinkLocalMulticast: ["224.0.0.0/24", "ff02::/16"],
  isLinkLocalUnicast: ["169.254.0.0/16", "fe80::/10"],
  multicast: ["224.0.0.0/4", "ff00::/8"],
  broadcast: ["255.255.255.255/32"],
} as const;

const within = (address: IP, name: keyof typeof ranges) => ranges[name].some((range) => contains(cidr(range), address));
const isUnspecified = (address: IP) => address.bits === 0n;
const isGlobalUnicast = (address: IP) =>
  !isUnspecified(address) && !within(address, "isLoopback") && !within(address, "multicast") && !within(address, "isLinkLocalUnicast") && !within(address, "broadcast");

class IpFunctions {
  readonly namespace = "ip";
}

export function addresses(environment: Environment): void {
  environment.registerType("net.IP", { ctor: IP, fields: {} });
  environment.registerType("net.CIDR", { ctor: CIDR, fields: {} });
  environment.registerType("IpFunctions", { ctor: IpFunctions, fields: {} });
  environment.registerConstant("ip", "IpFunctions", new IpFunctions());
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  add("ip(string): net.IP", ip);
  add("isIP(string): bool", (text: string) => typeof parseIp(text) !== "string");
  add("IpFunctions.isCanonical(string): bool", (_: unknown, text: string) => ip(text).toString() === text);
  add("net.IP.family(): int", (address: IP) => BigInt(address.family));
  add("net.IP.isUnspecified(): bool", isUnspecified);
  add("net.IP.isLoopback(): bool", (address: IP) => within(address, "isLoopback"));
  add("net.IP.isLinkLocalMulticast(): bool", (address: IP) => within(address, "isLinkLocalMulticast"));
  add("net.IP.isLinkLocalUnicast(): bool", (address: IP) => within(address, "isLinkLocalUnicast"));
  add("net.IP.isGlobalUnicast(): bool", isGlobalUnicast);
  add("string(net.IP): string", (address: IP) => address.toString());
  environment.registerOperator("net.IP == net.IP", (a: IP, b: IP) => a.bits === b.bits && a.family === b.family);

  add("cidr(string): net.CIDR", cidr);
  add("isCIDR(string): bool", (text: string) => typeof parseCidr(text) !== "string");
  add("net.CIDR.containsIP(net.IP): bool", contains);
  add("net.CIDR.containsIP(string): bool", (range: CIDR, text: string) => contains(range, ip(text)));
  add("net.CIDR.containsCIDR(net.CIDR): bool", containsRange);
  add("net.CIDR.containsCIDR(string): bool", (range: CIDR, text: string) => containsRange(range, cidr(text)));
  add("net.CIDR.ip(): net.IP", (range: CIDR) => range.address);
  add("net.CIDR.masked(): net.CIDR", (range: CIDR) => new CIDR(masked(range), range.length));
  add("net.CIDR.prefixLength(): int", (range: CIDR) => BigInt(range.length));
  add("string(net.CIDR): string", (range: CIDR) => range.toString());
  environment.registerOperator("net.CIDR == net.CIDR", (a: CIDR, b: CIDR) => a.toString() === b.toString());
}
