/** Ranges of addresses as numbers: which are inside, which can be handed out. */
import { isIPv4, isIPv6 } from "node:net";

export type Family = "IPv4" | "IPv6";

export interface Cidr {
  readonly text: string;
  readonly family: Family;
  /** the first and the last address that a service can have */
  readonly first: bigint;
  readonly last: bigint;
  /** from here on addresses are handed out unasked; those before are left to people as long as the rest lasts (KEP-3070) */
  readonly dynamic: bigint;
}

const BITS = { IPv4: 32, IPv6: 128 } as const;
/** Kubernetes hands out at most this many bits of a range. */
const LARGEST_HOST_BITS = 64;

export const familyOf = (address: string): Family => (isIPv6(address) ? "IPv6" : "IPv4");

const groupsOf = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));

/** @throws Error for what is no address */
export function addressNumber(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  if (!isIPv6(address)) throw new Error(`${address} is not an IP address`);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const plain = dotted === null ? address : `${dotted[1]}${(addressNumber(dotted[2] ?? "") >> 16n).toString(16)}:${(addressNumber(dotted[2] ?? "") & 0xffffn).toString(16)}`;
  const [head = "", tail] = plain.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

export function addressText(number: bigint, family: Family): string {
  if (family === "IPv4") return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 255n)).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const runs = groups.join(":").match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  return longest === "" ? groups.join(":") : groups.join(":").replace(longest, longest.startsWith(":") ? "::" : ":").replace(/:::+/, "::").replace(/^:(?!:)/, "::");
}

/** @throws Error */
export function parseCidr(text: string): Cidr {
  const [address = "", bits = ""] = text.split("/");
  const family = familyOf(address);
  const hostBits = BITS[family] - Number(bits);
  const base = (addressNumber(address) >> BigInt(hostBits)) << BigInt(hostBits);
  const size = 1n << BigInt(Math.min(hostBits, LARGEST_HOST_BITS));
  const first = base + 1n;
  // the last IPv4 address is that of broadcasts
  const last = base + size - (family === "IPv4" ? 2n : 1n);
  return { text, family, first, last, dynamic: first + staticShare(last - first + 1n) };
}

export const contains = ({ family, first, last }: Cidr, address: string): boolean => {
  if (familyOf(address) !== family) return false;
  const number = addressNumber(address);
  return number >= first && number <= last;
};

/** KEP-3070: a sixteenth of the range, at least 16, at most 256; nothing of a small one. */
function staticShare(size: bigint): bigint {
  if (size <= 16n) return 0n;
  const share = size / 16n;
  return share < 16n ? 16n : share > 256n ? 256n : share;
}
