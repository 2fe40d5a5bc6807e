/** Addresses as wasi:sockets writes them (numbers) and as Node does (text), and the errors of both. */
import { isIPv4 } from "node:net";
import { plainAddress } from "./endpoints.ts";
import { Failure } from "./io.ts";
import type { Peer } from "./net-messages.ts";

export type Family = "ipv4" | "ipv6";
export type IpAddress = { readonly tag: "ipv4"; readonly val: readonly number[] } | { readonly tag: "ipv6"; readonly val: readonly number[] };
export type IpSocketAddress =
  | { readonly tag: "ipv4"; readonly val: { readonly port: number; readonly address: readonly number[] } }
  | { readonly tag: "ipv6"; readonly val: { readonly port: number; readonly flowInfo: number; readonly address: readonly number[]; readonly scopeId: number } };

/** A handle that stands for the network; what it may do is decided elsewhere. */
export class Network {
  readonly network = true;
}

export function familyOf(family: Family): Family {
  if (family !== "ipv4" && family !== "ipv6") throw new Failure("not-supported");
  return family;
}

/** Text of an address: "10.0.0.1", "2001:db8:0:0:0:0:0:1". */
export function peerOf({ tag, val }: IpSocketAddress): Peer {
  return { host: tag === "ipv4" ? val.address.join(".") : val.address.map((group) => group.toString(16)).join(":"), port: val.port };
}

export const isAny = ({ val }: IpSocketAddress) => val.address.every((part) => part === 0);

/** RFC 4291 2.5.5.2: a socket of one family does not speak the other. */
export const isMapped = (address: IpSocketAddress) => address.tag === "ipv6" && isIPv4(plainAddress(peerOf(address).host));

export function ipAddress(text: string): IpAddress {
  const address = plainAddress(text);
  return isIPv4(address) ? { tag: "ipv4", val: address.split(".").map(Number) } : { tag: "ipv6", val: groupsOf(address) };
}

export function socketAddress({ host, port }: Peer): IpSocketAddress {
  const { tag, val: address } = ipAddress(host);
  return tag === "ipv4" ? { tag, val: { port, address } } : { tag, val: { port, flowInfo: 0, address, scopeId: 0 } };
}

export const addressesOf = (list: readonly string[], family: Family) => list.filter((address) => isIPv4(address) === (family === "ipv4"));

function numbers(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** RFC 4291 2.2; the last 32 bits may be written as IPv4. */
function groupsOf(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const [start, end] = [numbers(head), tail === undefined ? [] : numbers(tail)];
  return [...start, ...Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => 0), ...end];
}

const codes: Readonly<Record<string, string>> = {
  EACCES: "access-denied", EPERM: "access-denied", EADDRINUSE: "address-in-use", EADDRNOTAVAIL: "address-not-bindable", EMFILE: "new-socket-limit",
  ENFILE: "new-socket-limit", ECONNREFUSED: "connection-refused", ECONNRESET: "connection-reset", EPIPE: "connection-reset", ECONNABORTED: "connection-aborted",
  ETIMEDOUT: "timeout", EHOSTUNREACH: "remote-unreachable", ENETUNREACH: "remote-unreachable", ENETDOWN: "remote-unreachable", EMSGSIZE: "datagram-too-large",
  ENOTFOUND: "name-unresolvable", EAI_AGAIN: "temporary-resolver-failure", EAI_FAIL: "permanent-resolver-failure", EINVAL: "invalid-argument",
};

export const networkCode = (code: string): string => codes[code] ?? "unknown";
