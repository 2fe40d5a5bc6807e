/**
 * Pod addresses without privileges: on Linux all of 127.0.0.0/8 is the loopback interface, so each pod gets an address of
 * its own there and several pods can use one port. They reach each other on the device, and nothing else reaches them.
 */
import { createHash } from "node:crypto";

/** The first address of a range belongs to nobody, as in any subnet. */
const FIRST = 1;

export interface AddressRange {
  readonly base: number;
  readonly size: number;
}

/** "127.77.0.0/16". @throws Error */
export function addressRange(cidr: string): AddressRange {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = (match ?? []).slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || bits > 30 || bits < 8) throw new Error(`"${cidr}" is not an IPv4 range such as 127.77.0.0/16`);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { base: address - (address % size), size };
}

/** A range for a device that was not given one: devices on one machine hardly ever get the same. */
export function loopbackRange(seed: string): string {
  const digest = createHash("sha256").update(seed).digest();
  // 127.0 is crowded (localhost, resolvers)
  return `127.${1 + ((digest[0] ?? 0) % 254)}.${(digest[1] ?? 0) & 0xf0}.0/20`;
}

export function freeAddress(range: AddressRange, taken: ReadonlySet<string>): string {
  for (let offset = FIRST; offset < range.size - 1; offset++) {
    const address = text(range.base + offset);
    if (!taken.has(address)) return address;
  }
  throw new Error(`no pod address is free: all ${range.size} of the device's range are taken`);
}

const text = (address: number) => [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
