/**
 * Pod addresses without privileges: on Linux all of 127.0.0.0/8 is the loopback interface, so each pod gets an address of
 * its own there and several pods can use one port. They reach each other on the device, and nothing else reaches them.
 */
import { createHash } from "node:crypto";
import { addressRange, freeAddress } from "../../network/address-range.ts";
import type { PodAddresses } from "./pod-addresses.ts";

/** A range for a device that was not given one: devices on one machine hardly ever get the same. */
export function loopbackRange(seed: string): string {
  const digest = createHash("sha256").update(seed).digest();
  // 127.0 is crowded (localhost, resolvers)
  return `127.${1 + ((digest[0] ?? 0) % 254)}.${(digest[1] ?? 0) & 0xf0}.0/20`;
}

/** @throws Error when the range is none */
export function loopbackAddresses(cidr: string): PodAddresses {
  const range = addressRange(cidr);
  return { take: async (taken) => freeAddress(range, taken) };
}
