/** Ranges of IPv4 addresses as data: a CIDR is a first address and a size. Pure. */

/** The first address of a range belongs to nobody, as in any subnet. */
const FIRST = 1;

export interface AddressRange {
  readonly base: number;
  /** a power of two */
  readonly size: number;
}

/** "127.77.0.0/16". @throws Error */
export function addressRange(cidr: string): AddressRange {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = (match ?? []).slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || bits > 32 || bits < 8) throw new Error(`"${cidr}" is not an IPv4 range such as 127.77.0.0/16`);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { base: address - (address % size), size };
}

/** The other way round: "127.77.0.0/16". */
export const rangeText = ({ base, size }: AddressRange) => `${addressText(base)}/${32 - Math.log2(size)}`;

/** Parts of equal size, in order; the range itself when it is no larger than a part. */
export function blocksOf({ base, size }: AddressRange, blockSize: number): AddressRange[] {
  const part = Math.min(size, blockSize);
  return Array.from({ length: size / part }, (_none, index) => ({ base: base + index * part, size: part }));
}

export function contains({ base, size }: AddressRange, address: string): boolean {
  const number = addressNumber(address);
  return number >= base && number < base + size;
}

/** The lowest that is not taken; never the first and the last of the range. @throws Error */
export function freeAddress(range: AddressRange, taken: ReadonlySet<string>): string {
  const found = addressesOf(range).slice(FIRST, -1).find((address) => !taken.has(address));
  if (found === undefined) throw new Error(`no pod address is free: all ${range.size} of the device's range are taken`);
  return found;
}

export function addressesOf({ base, size }: AddressRange): string[] {
  return Array.from({ length: size }, (_none, offset) => addressText(base + offset));
}

export const addressText = (address: number) => [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

const addressNumber = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
