/**
 * One range of pod addresses, two that hand them out: the lower half is the container network's (host-local), the upper
 * half the components'. Each half has room for the 110 pods of a node in a /24, so neither has to ask the other. A device
 * without components that takes more pods than that gives containers all of it. Pure.
 */
import { addressRange, addressText } from "./address-range.ts";
import type { AddressRange } from "./address-range.ts";

/** Both halves lose their first or last address to the network's own. */
const SMALLEST = 8;

/** The network's own address, and the gateway's. */
const RESERVED = 2;

export interface PodRange {
  /** last address that containers may get */
  readonly lastOfContainers: string;
  readonly components: AddressRange;
}

/**
 * @param cidr "10.42.3.0/24"
 * @param containersOnly how many pods a device takes that runs no components; undefined: it does
 * @throws Error
 */
export function podRange(cidr: string, containersOnly?: number): PodRange {
  const { base, size } = addressRange(cidr);
  if (size < SMALLEST) throw new Error(`the pod range ${cidr} is too small: it needs at least ${SMALLEST} addresses`);
  const half = size / 2;
  const whole = containersOnly !== undefined && containersOnly > half - RESERVED;
  // the last address of the range is its broadcast address
  return { lastOfContainers: addressText(base + (whole ? size - 2 : half - 1)), components: { base: base + half, size: half } };
}
