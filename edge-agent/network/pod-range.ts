/**
 * One range of pod addresses, two that hand them out: the lower half is the container network's (host-local), the upper
 * half the components'. Each half has room for the 110 pods of a node in a /24, so neither has to ask the other. Pure.
 */
import { addressRange, addressText } from "./address-range.ts";
import type { AddressRange } from "./address-range.ts";

/** Both halves lose their first or last address to the network's own. */
const SMALLEST = 8;

export interface PodRange {
  /** last address that containers may get */
  readonly lastOfContainers: string;
  readonly components: AddressRange;
}

/** @param cidr "10.42.3.0/24". @throws Error */
export function podRange(cidr: string): PodRange {
  const { base, size } = addressRange(cidr);
  if (size < SMALLEST) throw new Error(`the pod range ${cidr} is too small: it needs at least ${SMALLEST} addresses`);
  const half = size / 2;
  return { lastOfContainers: addressText(base + half - 1), components: { base: base + half, size: half } };
}
